"""How much memory a process has kept: it weighs itself after each picture."""

from __future__ import annotations

import ctypes
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

SIZES = Path("/proc/self/statm")
"""The second number is pages in memory (proc_pid_statm(5))."""


@dataclass(frozen=True, slots=True)
class Scales:
    """To be opened before the fences go up: behind them the kernel's file is out of reach."""

    file: BinaryIO | None

    @classmethod
    def open(cls) -> Self:
        """Scales for this process; on systems without such a file they always say 0."""
        try:
            return cls(SIZES.open("rb", buffering=0))
        except OSError:
            return cls(None)

    def weigh(self) -> int:
        """Bytes of this process that are in memory now."""
        if self.file is None:
            return 0
        self.file.seek(0)
        return int(self.file.read(200).split()[1]) * resource.getpagesize()

    def lighten(self) -> None:
        """Give freed memory back to the system, which glibc keeps where it lies in pieces."""
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
