"""The schema's history: each file in `versions` is one step, applied in order at start, never edited once released.

A new step is a file `v<number>_<what>.py` with `revision`, `down_revision` (the step before) and `upgrade()`.
"""
