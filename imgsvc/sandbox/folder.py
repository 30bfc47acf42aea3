"""The folder of one job: the upload, and every complete answer the helper has had so far."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from imgsvc.engine.result import Result
from imgsvc.sandbox import wire

UPLOAD = "upload"
ANSWER = "answer.json"
LONGEST_ANSWER = 1024 * 1024
FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system says when there is no room for a file."""


@contextmanager
def make(parent: Path, data: bytes) -> Iterator[Path]:
    """A folder of a random name that holds the upload; gone with all its files when the block ends."""
    path = parent / f"job-{secrets.token_hex(16)}"
    path.mkdir(mode=0o700)
    try:
        (path / UPLOAD).write_bytes(data)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sweep(parent: Path, *, older: float) -> int:
    """Remove what dead processes left in `parent` more than `older` seconds ago; says how many entries went."""
    before = time.time() - older
    old = [entry for entry in os.scandir(parent) if entry.stat(follow_symlinks=False).st_mtime < before]
    for entry in old:
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            Path(entry.path).unlink(missing_ok=True)
    return len(old)


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
        name, said = wire.read_answer(_read(path / ANSWER, LONGEST_ANSWER))
        return wire.read_result(said, _read(path / name, most))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"an answer that cannot be read: {error.strerror}") from error


def _read(path: Path, most: int) -> bytes:
    # The writer may be a decoder that an attacker has taken over: no link out of the folder is
    # followed, a pipe blocks nobody, and no endless file fills the memory of the web process.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode) or about.st_size > most:
            raise ValueError(f"{path.name} is no plain file of at most {most} bytes")
        return file.read(most)
