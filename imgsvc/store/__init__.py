"""What outlives a request: keys, links, counters in a database, and the bytes of downloads in files.

Every verb is one short transaction. Times are passed down as `now`, in seconds since 1970 (float).
"""
