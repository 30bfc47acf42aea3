"""Runs a C library that ends its process on errors in a short-lived copy of ours, so that only the copy ends."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from imgsvc.engine.budget import Budget

PIECE = 1024 * 1024


def apart(make: Callable[[], bytes], budget: Budget) -> bytes | None:
    """What `make` gave in a copy of this process; None where it failed, took the copy along or ran out of time.

    `make` may use no library that has threads: they are not copied.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _work(make, writer)
    os.close(writer)
    try:
        made = _read(reader, time.monotonic() + max(0.05, budget.left))
    finally:
        os.close(reader)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    return made if status == 0 else None


def _work(make: Callable[[], bytes], writer: int) -> None:
    code = 1
    try:
        left = memoryview(make())
        while left:
            left = left[os.write(writer, left) :]
        code = 0
    finally:
        os._exit(code)


def _read(reader: int, until: float) -> bytes:
    pieces = []
    while select.select([reader], [], [], max(0.0, until - time.monotonic()))[0]:
        piece = os.read(reader, PIECE)
        if not piece:
            break
        pieces.append(piece)
    return b"".join(pieces)
