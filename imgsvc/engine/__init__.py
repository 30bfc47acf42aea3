"""Bytes in, fewer bytes out: no HTTP, no SQL, no settings, no network, no logging.

The words (`recipe`, `result`, `budget`) load nothing heavy and may be spoken anywhere. `pipeline`, the door to
the work, loads every decoder: only a helper process opens it.
"""
