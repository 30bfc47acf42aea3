"""glibc's heap, told to give the memory of pictures back at once."""

from __future__ import annotations

import ctypes

MIB = 1024 * 1024
LARGE = 2 * MIB
"""Bytes from which a block is mapped by itself, and given back to the system when it is freed. A picture's planes are
larger; the strips that the score is made of are smaller: mapping each of those would double the time it takes."""
SPARE = 16 * MIB
"""Bytes free at the heap's end that are not given back."""

_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1


def keep_apart() -> None:
    """Hold large blocks apart from the heap; nothing happens where the C library is another one.

    By itself glibc raises that size to 32 MiB as it meets large blocks, and then frees them only where they lie at
    the heap's end: what a picture of 4 megapixels took stays, in pieces too small for the next pass.
    """
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is not None:
        tune(_M_MMAP_THRESHOLD, LARGE)
        tune(_M_TRIM_THRESHOLD, SPARE)
