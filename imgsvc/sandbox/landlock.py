"""Landlock by ctypes: from here on this process reaches only the files it was given (Linux 5.13 and later, no root)."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

# Numbers of the system calls, the same on every machine, and their flags: include/uapi/linux/landlock.h.
_CREATE, _ADD, _RESTRICT = 444, 445, 446
_ASK_VERSION = 1
_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_DIR, MAKE_REG = 1 << 7, 1 << 8
TRUNCATE, IOCTL = 1 << 14, 1 << 15
READ = READ_FILE | READ_DIR
CHANGE = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | TRUNCATE
"""No links, pipes or sockets: those would lead whoever reads the folder elsewhere."""
USE = READ_FILE | WRITE_FILE | IOCTL
"""What a device such as /dev/null is for."""

_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL
# How many rights to files each version knows: 2 brought renaming across folders, 3 truncating, 5 device controls.
_KNOWN = {1: 13, 2: 14, 3: 15, 4: 15}
_NEWEST_KNOWN = 16
_TCP, _TCP_SINCE = 0b11, 4
_SIGNALS_AND_ABSTRACT_SOCKETS, _SCOPE_SINCE = 0b11, 6

Rule = tuple[Path, int]
"""A file, or a folder with all that is beneath it, and what may be done there."""


def version() -> int:
    """The kernel's version of Landlock, 1 or more; OSError where it has none, or has it switched off."""
    return _call(_CREATE, None, 0, _ASK_VERSION)


def restrict(rules: Iterable[Rule]) -> int:
    """Leave this thread and what it starts nothing but the rules, for good; gives the kernel's version.

    Files open already stay open. What is not there, or out of reach, is left out. From version 4 TCP is refused, from
    version 6 signals to processes outside. The thread must have given up new privileges. OSError where it fails.
    """
    found = version()
    known = (1 << _KNOWN.get(found, _NEWEST_KNOWN)) - 1
    tcp = _TCP if found >= _TCP_SINCE else 0
    scope = _SIGNALS_AND_ABSTRACT_SOCKETS if found >= _SCOPE_SINCE else 0
    # A kernel takes a longer structure than its own as long as the rest is zero.
    attributes = struct.pack("=QQQ", known, tcp, scope)
    ruleset = _call(_CREATE, attributes, len(attributes), 0)
    try:
        for path, rights in rules:
            _allow(ruleset, path, rights & known)
        _call(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)
    return found


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(handle).st_mode):
            rights &= _OF_FILES
        _call(_ADD, ruleset, _BENEATH, struct.pack("=Qi", rights, handle), 0)
    finally:
        os.close(handle)


def _call(number: int, *arguments: int | bytes | None) -> int:
    # libc has no functions of these names; a whole number would be passed on as 32 bits.
    wide = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result: int = ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *wide)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
