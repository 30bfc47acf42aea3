"""The fences a helper puts up around itself before it loads a codec; none can be taken down again."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import platform
import re
import resource
import struct
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imgsvc.sandbox import landlock, seccomp
from imgsvc.sandbox.landlock import CHANGE, EXECUTE, READ, READ_FILE, USE, Rule

LONGEST_FILE = 1024 * 1024 * 1024
MOST_HANDLES = 256
LONGEST_NOTE = 80

_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/nix/store", "/gnu/store")
_SHARED = ("/usr/share", "/usr/local/share", "/etc/fonts", "/etc/ld.so.cache", "/etc/localtime")
_MACHINE = ("/proc/cpuinfo", "/proc/meminfo", "/proc/sys/vm/overcommit_memory", "/sys/devices/system/cpu")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_LOADERS = re.compile(r"ld(-linux[\w-]*|-musl-\w+)?\.so\.\d+")

_PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP = 38, 24
_CAPABILITIES_VERSION = 0x20080522
# The one kept: reading what Landlock allows whoever owns it, as where root runs what another user has installed.
_CAP_DAC_READ_SEARCH = 2
_MOST_CAPABILITIES = 64


@dataclass(frozen=True, slots=True)
class Fence:
    """One fence: whether it stands, and by which means, or why not."""

    name: str
    up: bool
    note: str


@dataclass(frozen=True, slots=True)
class Ground:
    """What stays inside the fences: the folder of the jobs, the engine's module, and the programs it runs."""

    folder: Path
    engine: str
    programs: tuple[str, ...] = ()


Raise = Callable[[Ground], tuple[Fence, ...]]


def put_up(ground: Ground) -> tuple[Fence, ...]:
    """All fences that this system offers, around this thread and what it starts; call it while there is no other."""
    return tuple(_try(name, raiser, ground) for name, raiser in _FENCES)


def leave_open(_ground: Ground) -> tuple[Fence, ...]:
    """No fence at all."""
    return tuple(Fence(name, False, "not wanted") for name, _ in _FENCES)


def to_wire(fences: tuple[Fence, ...]) -> list[dict[str, Any]]:
    """The fences as JSON values."""
    return [asdict(fence) for fence in fences]


def from_wire(wire: Any) -> tuple[Fence, ...]:
    """What `to_wire` described; ValueError for anything else."""
    try:
        return tuple(Fence(str(one["name"]), one["up"] is True, str(one["note"])[:LONGEST_NOTE]) for one in wire)
    except (KeyError, TypeError) as error:
        raise ValueError("fences that are none") from error


def _try(name: str, raiser: Callable[[Ground], str], ground: Ground) -> Fence:
    try:
        return Fence(name, True, raiser(ground))
    except Exception as error:  # noqa: BLE001 - whatever an odd system says, a missing fence stops no helper
        return Fence(name, False, (getattr(error, "strerror", None) or str(error))[:LONGEST_NOTE])


def _bound_sizes(_ground: Ground) -> str:
    # No limit on processes: the system counts those of the user, with all threads of the web processes.
    for what, most in ((resource.RLIMIT_FSIZE, LONGEST_FILE), (resource.RLIMIT_NOFILE, MOST_HANDLES)):
        _, hard = resource.getrlimit(what)
        lower = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (lower, lower))
    return "rlimit"


def _give_up_privileges(_ground: Ground) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    for capability in range(_MOST_CAPABILITIES):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = struct.pack("=Ii", _CAPABILITIES_VERSION, 0)
    held = ctypes.create_string_buffer(24)
    _check(libc.capget(header, held))
    kept = struct.unpack_from("=I", held, 4)[0] & 1 << _CAP_DAC_READ_SEARCH
    _check(libc.capset(header, struct.pack("=6I", kept, kept, 0, 0, 0, 0)))
    return "no new privileges"


def _close_files(ground: Ground) -> str:
    return f"Landlock {landlock.restrict(rules(ground))}"


def _refuse_calls(_ground: Ground) -> str:
    return f"seccomp {seccomp.restrict()}"


_FENCES: tuple[tuple[str, Callable[[Ground], str]], ...] = (
    ("sizes", _bound_sizes),
    ("privileges", _give_up_privileges),
    ("files", _close_files),
    ("calls", _refuse_calls),
)
"""In this order: files and calls want no new privileges, and the last refuses what the others are made with."""


def rules(ground: Ground) -> Iterator[Rule]:
    """What a helper may do with which files: its folder, its code, libraries and fonts, its programs."""
    yield ground.folder, CHANGE
    for path in (*_code(ground.engine), *map(Path, _LIBRARIES + _SHARED + _MACHINE)):
        yield path, READ
    for device in _DEVICES:
        yield Path(device), USE
    for program in (*ground.programs, *(_loaders() if ground.programs else ())):
        yield Path(program), READ_FILE | EXECUTE


def _code(engine: str) -> Iterator[Path]:
    """Python's own modules, installed ones, and the package or file of the engine: not the folder around it."""
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield Path(sysconfig.get_path(name))
    yield Path(sys.base_prefix) / "lib"
    for name in {engine.partition(".")[0], __name__.partition(".")[0]} - {""}:
        found = importlib.util.find_spec(name)
        if found is not None:
            yield from map(Path, found.submodule_search_locations or filter(None, [found.origin]))


def _loaders() -> Iterator[Path]:
    """The programs that load a program's libraries: the kernel runs one of them for any that is not static."""
    for folder in ("/lib64", "/lib", f"/lib/{platform.machine()}-linux-gnu"):
        with suppress(OSError):
            yield from [path for path in Path(folder).iterdir() if _LOADERS.fullmatch(path.name)]


def _check(result: int) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
