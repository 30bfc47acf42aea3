"""What the kernel knows of processes: who started whom, memory, open files, threads. Linux, from /proc."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)
_NOW = re.compile(r"^VmRSS:\s+(\d+) kB", re.MULTILINE)
_SHARE = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)
_THREADS = re.compile(r"^Threads:\s+(\d+)", re.MULTILINE)
KIB = 1024


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    return _stat(pid) is not None


def families() -> dict[int, list[int]]:
    """The living child processes of every process that has any."""
    found: dict[int, list[int]] = {}
    for name in os.listdir(PROC):  # noqa: PTH208 - hundreds of names, many times a second
        parent = _stat(int(name)) if name.isdigit() else None
        if parent is not None:
            found.setdefault(parent, []).append(int(name))
    return found


def peak(pid: int) -> int:
    """The most bytes a process ever had in memory; 0 when it is gone."""
    return _number(_PEAK, pid, "status") * KIB


def resident(pid: int) -> int:
    """Bytes a process has in memory, shared ones too; 0 when it is gone."""
    return _number(_NOW, pid, "status") * KIB


def share(pid: int) -> int:
    """Bytes in memory with a fair share of what several processes share; 0 when it is gone."""
    return _number(_SHARE, pid, "smaps_rollup") * KIB


def threads(pid: int) -> int:
    """How many threads a process has; 0 when it is gone."""
    return _number(_THREADS, pid, "status")


def handles(pid: int) -> int:
    """How many files a process has open; 0 when it is gone."""
    with suppress(OSError):
        return len(os.listdir(PROC / str(pid) / "fd"))  # noqa: PTH208 - counts, and needs no paths
    return 0


def folder(pid: int) -> Path | None:
    """The folder a process works in; None when it is gone."""
    with suppress(OSError):
        return (PROC / str(pid) / "cwd").readlink()
    return None


def _number(pattern: re.Pattern[str], pid: int, name: str) -> int:
    with suppress(OSError):
        found = pattern.search((PROC / str(pid) / name).read_text())
        return int(found[1]) if found else 0
    return 0


def _stat(pid: int) -> int | None:
    """The parent of a living process."""
    try:
        state, parent = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[:2]
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else int(parent)
