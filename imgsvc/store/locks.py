"""Locks on files: among all processes of one machine, given back by the kernel when their holder dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def waited(path: Path) -> Iterator[None]:
    """Hold the lock file at `path` (made when missing) for the block, after waiting for whoever holds it."""
    handle = opened(path)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def opened(path: Path) -> int:
    """A descriptor of the lock file at `path`, not locked yet; closing it gives the lock back."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def taken(handle: int) -> bool:
    """Whether the descriptor holds the lock now: True when it was free or ours already, without waiting."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
