"""The fences around a helper, as an operator wants to read of them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from imgsvc.sandbox import Dead, Fence, Late, survey

MISSING = "MISSING"

KEEPS_OFF = {
    "sizes": "files beyond 1 GiB, and more than 256 open at once",
    "privileges": "what root may do, and gaining it",
    "files": "files but libraries, fonts and the job's own; programs but gifsicle and jpegtran; signals to others",
    "calls": "the network, other processes, and rarely used doors into the kernel",
}
"""What a fence around a helper is good for."""


def fences() -> list[tuple[str, str, str]]:
    """Each fence around a helper and what it is made of, as one that was started for this has told."""
    with TemporaryDirectory(prefix="imgsvc-") as folder:
        try:
            return [described(fence) for fence in survey(Path(folder))]
        except (OSError, Dead, Late) as error:
            return [("helper", MISSING, f"none starts: {error}")]


def described(fence: Fence) -> tuple[str, str, str]:
    """A fence's name, what it is made of or that it is missing, and what it keeps off or why it is missing."""
    return (fence.name, fence.note, KEEPS_OFF.get(fence.name, "")) if fence.up else (fence.name, MISSING, fence.note)
