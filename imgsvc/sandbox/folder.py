"""The folders of the jobs: one desk for each seat, on it the upload and every complete answer so far.

A helper reaches its own desk and no other, so no other picture than the one it works on.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from imgsvc.engine.result import Result
from imgsvc.sandbox import wire

UPLOAD = "upload"
ANSWER = "answer.json"
LONGEST_ANSWER = 1024 * 1024
FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system says when there is no room for a file."""


DESK = "desk-"


@dataclass(slots=True, eq=False)
class Desk:
    """A folder of random name for the jobs of one seat. The system's lock on it ends with the process that made it."""

    path: Path
    handle: int
    job: Path | None = None
    """The folder of the job it is used for."""

    def tidy(self) -> None:
        """Remove what lies about: temporary files, and what a killed helper still wrote into the folder of its job."""
        for entry in list(os.scandir(self.path)):
            if Path(entry.path) != self.job:
                _remove(entry)

    def clear(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        with suppress(OSError):
            os.close(self.handle)


def lay(parent: Path) -> Desk:
    """A new desk in `parent`."""
    while True:
        path = parent / f"{DESK}{secrets.token_hex(8)}"
        path.mkdir(mode=0o700)
        handle = _lock(path)
        # Another process may have swept it away between the two steps.
        if handle is not None and os.fstat(handle).st_nlink:
            return Desk(path, handle)


def _lock(path: Path) -> int | None:
    """The locked folder, open; None where it is gone or another process has it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


@contextmanager
def make(desk: Desk, data: bytes) -> Iterator[Path]:
    """A folder of a random name that holds the upload; gone with all its files when the block ends."""
    desk.job = path = desk.path / f"job-{secrets.token_hex(16)}"
    path.mkdir(mode=0o700)
    try:
        (path / UPLOAD).write_bytes(data)
        yield path
    finally:
        desk.job = None
        shutil.rmtree(path, ignore_errors=True)


def sweep(parent: Path, *, older: float) -> int:
    """Remove what dead processes left in `parent`; says how many entries went.

    Their desks at once, as nobody holds them any more, and anything else that is more than `older` seconds old.
    """
    before = time.time() - older
    return sum(_sweep(entry, before) for entry in list(os.scandir(parent)))


def _sweep(entry: os.DirEntry[str], before: float) -> bool:
    if entry.is_dir(follow_symlinks=False) and entry.name.startswith(DESK):
        handle = _lock(Path(entry.path))
        if handle is None:
            return False
        Desk(Path(entry.path), handle).clear()
        return True
    with suppress(FileNotFoundError):
        if entry.stat(follow_symlinks=False).st_mtime >= before:
            return False
    _remove(entry)
    return True


def _remove(entry: os.DirEntry[str]) -> None:
    if entry.is_dir(follow_symlinks=False):
        shutil.rmtree(entry.path, ignore_errors=True)
    else:
        Path(entry.path).unlink(missing_ok=True)


class Answers:
    """The helper's hand: writes answers so that a reader sees a whole one, the last, at any moment."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = count(1)
        self._last = ""

    def keep(self, result: Result) -> None:
        """Make `result` the answer."""
        name = f"{next(self._numbers)}-{secrets.token_hex(4)}.data"
        (self._path / name).write_bytes(result.data)
        draft = self._path / "draft.json"
        draft.write_text(json.dumps({"file": name, "result": result.to_wire()}), encoding="utf-8")
        draft.replace(self._path / ANSWER)
        if self._last:
            (self._path / self._last).unlink()
        self._last = name


def answer(path: Path, most: int) -> Result | None:
    """The last answer in the folder, None without one; ValueError where it is damaged or beyond `most` bytes."""
    try:
        place = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            name, said = wire.read_answer(_read(place, ANSWER, LONGEST_ANSWER))
            return wire.read_result(said, _read(place, name, most))
        finally:
            os.close(place)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"an answer that cannot be read: {error.strerror}") from error


def _read(place: int, name: str, most: int) -> bytes:
    # The writer may be a decoder that an attacker has taken over: no link out of the folder is
    # followed, a pipe blocks nobody, and no endless file fills the memory of the web process.
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=place)
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_size > most:
            raise ValueError(f"{name} is no plain file of at most {most} bytes")
        return file.read(most)
