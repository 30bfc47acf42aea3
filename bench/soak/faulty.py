"""An engine for the helpers that optimises pictures as ever, and has a real fault where an upload orders one."""

from __future__ import annotations

import ctypes
import hashlib
import time
from collections.abc import Callable

from imgsvc.engine import pipeline
from imgsvc.engine.budget import Budget
from imgsvc.engine.recipe import Recipe
from imgsvc.engine.result import Result

ORDER = b"soak:"
PIECE = 16 * 1024 * 1024


def prepare() -> None:
    """As the real engine does."""
    pipeline.prepare()


def optimize(data: bytes, recipe: Recipe, budget: Budget, keep: Callable[[Result], None] = lambda _: None) -> Result:
    """The real engine's answer, unless the upload orders a fault."""
    if data.startswith(ORDER):
        FAULTS[data[len(ORDER) :].decode()]()
    return pipeline.optimize(data, recipe, budget, keep)


def segfault() -> None:
    """Read from address 0."""
    ctypes.string_at(0)


def hang_in_c() -> None:
    """With the interpreter's lock held, where no Python signal handler can run."""
    ctypes.PyDLL(None).usleep(ctypes.c_uint(600_000_000))


def hang_in_python() -> None:
    """Compute without end."""
    while True:
        hashlib.sha256(b"").digest()


def memory() -> None:
    """Take memory until there is none."""
    taken = []
    while True:
        taken.append(bytearray(PIECE))


def wait() -> None:
    """Be busy until somebody ends this process."""
    time.sleep(600)


FAULTS: dict[str, Callable[[], None]] = {
    "segfault": segfault,
    "hang in C": hang_in_c,
    "hang in Python": hang_in_python,
    "memory": memory,
    "SIGKILL busy": wait,
}
