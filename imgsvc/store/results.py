"""Results kept for others to use: what a shelf for them can do, and the shelf in the database with its blobs."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, not_, null, or_, select, update

from imgsvc.errors import ImgsvcError, NotFound
from imgsvc.store.blobs import Blobs
from imgsvc.store.db import Database, insert
from imgsvc.store.schema import RESULTS

LEASE = 6.0
"""Seconds that a maker may be silent before another takes its place."""
CLOCK_SLACK = 60.0
TOUCH = 300.0
"""Seconds between two notes that a result is still used: a hit shall not cost a write."""
SHARE = 8
"""No result may take more than this part of the room."""
OVERDUE = 64
"""Room is made when this part of it has been filled since the last time."""


# Every hit asks this, so it is put together once.
_BY_NAME = select(RESULTS).where(RESULTS.c.name == bindparam("wanted"))


@dataclass(frozen=True, slots=True)
class Entry:
    """A result: its bytes, what its maker noted (JSON values), and its life in seconds since 1970."""

    data: bytes
    note: dict[str, Any]
    made_at: float
    expires_at: float


@dataclass(frozen=True, slots=True)
class Making:
    """Somebody makes it right now, and is known by a fence."""

    fence: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The maker of that fence failed; `error` is what `ImgsvcError.to_wire` said, for those who waited for it."""

    fence: str
    error: dict[str, Any]


class Shelf(Protocol):
    """Where results are kept, for all processes that reach it. Names are SHA-256 in hexadecimal digits.

    Any method may raise anything: then the shelf is out of order.
    """

    def look(self, name: str, now: float) -> Entry | Making | Failed | None:
        """What there is of a result."""

    def claim(self, name: str, fence: str, now: float) -> bool:
        """Become its maker for LEASE seconds; False where there is one, or the result itself."""

    def extend(self, name: str, fence: str, now: float) -> None:
        """Stay its maker for LEASE seconds more."""

    def keep(self, name: str, fence: str, entry: Entry, now: float) -> None:
        """Put the result there and end the making; nothing happens where another maker took the place."""

    def fail(self, name: str, fence: str, error: dict[str, Any] | None, now: float) -> None:
        """End the making without a result, with an error for those who wait or without a word."""


class DatabaseShelf:
    """A shelf of at most `room` bytes in the blobs of one machine. Safe to use from any thread.

    The least recently used make room. Nothing is put there where fewer than `reserve` bytes would be left on the disk.
    """

    def __init__(self, db: Database, blobs: Blobs, *, room: int, reserve: int = 0) -> None:
        self._db, self._blobs = db, blobs
        self._room, self._reserve = room, reserve
        self._filled = room

    def look(self, name: str, now: float) -> Entry | Making | Failed | None:
        with self._db.look() as connection:
            row = connection.execute(_BY_NAME, {"wanted": name}).one_or_none()
        if row is None:
            return None
        if row.blob is not None and row.expires_at > now and row.made_at - CLOCK_SLACK <= now:
            return self._found(row, now)
        if now < row.lease_until <= now + LEASE + CLOCK_SLACK:
            return Making(row.fence)
        return Failed(row.fence, json.loads(row.error)) if row.error else None

    def claim(self, name: str, fence: str, now: float) -> bool:
        taken = {"fence": fence, "lease_until": now + LEASE, "error": None}
        with self._db.write() as connection:
            row = insert(connection, RESULTS).values(
                name=name, size=0, made_at=now, expires_at=0.0, used_at=now, **taken
            )
            statement = row.on_conflict_do_update(
                index_elements=[RESULTS.c.name], set_=taken, where=and_(_idle(now), not_(_fresh(now)))
            )
            return connection.execute(statement.returning(RESULTS.c.name)).one_or_none() is not None

    def extend(self, name: str, fence: str, now: float) -> None:
        with self._db.write() as connection:
            connection.execute(update(RESULTS).where(_held(name, fence)).values(lease_until=now + LEASE))

    def keep(self, name: str, fence: str, entry: Entry, now: float) -> None:
        if not self._has_room(len(entry.data)):
            self.fail(name, fence, None, now)
            return
        blob = self._blobs.put(entry.data)
        made = {
            "blob": blob,
            "size": len(entry.data),
            "note": json.dumps(entry.note),
            "made_at": entry.made_at,
            "expires_at": entry.expires_at,
            "used_at": now,
            "lease_until": 0.0,
        }
        with self._db.write() as connection:
            kept = connection.execute(update(RESULTS).where(_held(name, fence)).values(made)).rowcount == 1
        if not kept:
            self._blobs.delete(blob)
            return
        self._filled += len(entry.data)
        if self._filled * OVERDUE >= self._room:
            self._filled = 0
            self.trim()

    def fail(self, name: str, fence: str, error: dict[str, Any] | None, now: float) -> None:
        ended = {"lease_until": 0.0, "error": json.dumps(error) if error else None, "used_at": now}
        with self._db.write() as connection:
            connection.execute(update(RESULTS).where(_held(name, fence)).values(ended))

    def trim(self) -> int:
        """Take the least recently used away until the others fit into the room; how many."""
        sizes = func.sum(RESULTS.c.size).over(order_by=(RESULTS.c.used_at.desc(), RESULTS.c.name))
        running = select(RESULTS.c.name, sizes.label("sum")).where(RESULTS.c.blob.is_not(None)).subquery()
        old = select(running.c.name).where(running.c.sum > self._room)
        with self._db.write() as connection:
            statement = delete(RESULTS).where(RESULTS.c.name.in_(old)).returning(RESULTS.c.blob)
            gone = list(connection.execute(statement).scalars())
        for blob in gone:
            self._blobs.delete(blob)
        return len(gone)

    def _has_room(self, size: int) -> bool:
        # The folder may not have been made yet.
        place = next(folder for folder in (self._blobs.folder, *self._blobs.folder.parents) if folder.is_dir())
        return size * SHARE <= self._room and shutil.disk_usage(place).free - size >= self._reserve

    def _found(self, row: Any, now: float) -> Entry | None:
        try:
            with self._blobs.open(row.blob) as file:
                data = file.read()
            note = json.loads(row.note)
        except (NotFound, ValueError):
            data, note = b"", None
        if note is None or len(data) != row.size:
            with self._db.write() as connection:
                connection.execute(delete(RESULTS).where(_same(row)))
            return None
        if abs(now - row.used_at) >= TOUCH:
            # Better a result whose use is not noted than none.
            with suppress(ImgsvcError), self._db.write() as connection:
                connection.execute(update(RESULTS).where(_same(row)).values(used_at=now))
        return Entry(data, note, row.made_at, row.expires_at)


def clear(db: Database, now: float) -> list[str]:
    """Remove results that are too old, and places of makers that failed or died; the ids of the results' blobs."""
    with db.write() as connection:
        statement = delete(RESULTS).where(and_(_idle(now), not_(_fresh(now)), RESULTS.c.used_at < now - CLOCK_SLACK))
        gone = connection.execute(statement.returning(RESULTS.c.blob)).scalars()
        return [blob for blob in gone if blob is not None]


def blobs(db: Database) -> set[str]:
    """The ids of all blobs that results are in."""
    with db.read() as connection:
        return set(connection.execute(select(RESULTS.c.blob).where(RESULTS.c.blob != null())).scalars())


def _same(row: Any) -> ColumnElement[bool]:
    return and_(RESULTS.c.name == row.name, RESULTS.c.blob == row.blob)


def _fresh(now: float) -> ColumnElement[bool]:
    # What was made in the future would live too long: the clock was set back since.
    return and_(RESULTS.c.blob.is_not(None), RESULTS.c.expires_at > now, RESULTS.c.made_at <= now + CLOCK_SLACK)


def _idle(now: float) -> ColumnElement[bool]:
    return or_(RESULTS.c.lease_until <= now, RESULTS.c.lease_until > now + LEASE + CLOCK_SLACK)


def _held(name: str, fence: str) -> ColumnElement[bool]:
    return and_(RESULTS.c.name == name, RESULTS.c.fence == fence, RESULTS.c.lease_until > 0)
