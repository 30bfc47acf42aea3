"""Bytes in files: each under a random id, whole or not there at all, also after a power failure."""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from imgsvc.errors import NotFound, StorageFull

ID = re.compile(r"[0-9a-f]{64}")
SHELF = re.compile(r"[0-9a-f]{2}")
PART = ".part"
FULL = (errno.ENOSPC, errno.EDQUOT)


class Blobs:
    """A folder of blobs: `folder/ab/abcd…`, folders 0700, files 0600. Processes may share it."""

    def __init__(self, folder: Path) -> None:
        """Touches nothing on disk."""
        self.folder = folder

    def put(self, data: bytes) -> str:
        """Store bytes for good (synced to disk) and give their new id; StorageFull when they have no room."""
        blob = secrets.token_hex(32)
        path = self._path(blob)
        with _room():
            self._make(path.parent)
            _write(path.with_suffix(PART), data)
            path.with_suffix(PART).replace(path)
            _sync(path.parent)
        return blob

    def open(self, blob: str) -> BinaryIO:
        """The blob for reading, from its first byte; it stays readable when it is deleted meanwhile. Or NotFound."""
        try:
            return self._path(blob).open("rb")
        except FileNotFoundError:
            raise NotFound from None

    def delete(self, blob: str) -> None:
        """Remove a blob; nothing happens when it is gone already."""
        self._path(blob).unlink(missing_ok=True)

    def ids(self) -> Iterator[tuple[str, float]]:
        """Every blob's id and when it was stored (seconds since 1970)."""
        return ((path.name, stored) for path, stored in self._files() if ID.fullmatch(path.name))

    def parts(self) -> Iterator[tuple[Path, float]]:
        """Every file that was never finished, and when it was last written (seconds since 1970)."""
        return ((path, stored) for path, stored in self._files() if path.suffix == PART)

    def _path(self, blob: str) -> Path:
        if not ID.fullmatch(blob):
            raise NotFound
        return self.folder / blob[:2] / blob

    def _make(self, shelf: Path) -> None:
        if not shelf.is_dir():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            shelf.mkdir(mode=0o700, exist_ok=True)
            _sync(self.folder)

    def _files(self) -> Iterator[tuple[Path, float]]:
        shelves = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        for shelf in (shelf for shelf in shelves if SHELF.fullmatch(shelf.name)):
            with os.scandir(shelf) as entries:
                for entry in entries:
                    try:
                        yield Path(entry.path), entry.stat().st_mtime
                    except FileNotFoundError:
                        continue


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull from error
        raise


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
