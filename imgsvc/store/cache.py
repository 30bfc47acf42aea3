"""The cache: a result is made once and used by all who ask for it, in this process, on this machine and on others.

One makes it and the others wait. A dead maker's place is taken. Errors reach those who wait and are not kept. A shelf
that is out of order makes the cache useless and never a request fail.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any, TypeVar

from imgsvc.errors import ClientGone, ImgsvcError, TooSlow, from_wire
from imgsvc.store.blobs import Blobs
from imgsvc.store.db import Database
from imgsvc.store.results import LEASE, DatabaseShelf, Entry, Failed, Making, Shelf
from imgsvc.store.results_redis import RedisShelf

REST = 1.0
"""Seconds that a shelf which failed is left alone."""
PAUSES = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Seconds between looks at a result that another process makes; the last one from then on."""
GLANCE = 0.25
"""Seconds between looks whether anybody still waits."""

T = TypeVar("T")
Gone = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Made:
    """What a maker brings: bytes, a note of JSON values, and how many seconds both may be kept; 0: not at all."""

    data: bytes
    note: dict[str, Any]
    seconds: float


@dataclass(slots=True, eq=False)
class _Flight:
    """All of one process who wait for one result, and what became of it."""

    waiting: list[Gone] = field(default_factory=list)
    landed: threading.Event = field(default_factory=threading.Event)
    entry: Entry | None = None
    error: dict[str, Any] | None = None

    def deserted(self) -> bool:
        """Whether nobody waits any more."""
        return all(gone() for gone in tuple(self.waiting))


class Cache:
    """Safe to use from any thread. `report` hears of every failure of the shelf."""

    def __init__(
        self,
        shelf: Shelf,
        *,
        clock: Callable[[], float] = time.time,
        report: Callable[[Exception], None] = lambda error: None,  # noqa: ARG005
    ) -> None:
        """Touches nothing."""
        self._shelf, self._clock, self._report = shelf, clock, report
        self._flights: dict[str, _Flight] = {}
        self._lock = threading.Lock()
        self._rests_until = 0.0

    def find(self, key: str) -> Entry | None:
        """The result for `key` if it is there; waits for nobody."""
        found = self._look(_name(key))
        return found if isinstance(found, Entry) else None

    def get(
        self, key: str, make: Callable[[Gone], Made], *, seconds: float, gone: Gone = lambda: False
    ) -> tuple[Entry, bool]:
        """The result for `key`, and whether it was there already. `make` makes it, if nobody else does.

        `make` is given a function that tells whether all who wait have gone. What it raises reaches every caller that
        waits here. TooSlow after `seconds` of waiting for another maker; ClientGone soon after `gone` says so.
        """
        name, end = _name(key), time.monotonic() + seconds
        found = self._look(name)
        if isinstance(found, Entry):
            return found, True
        while True:
            flight, leads = self._board(name, gone)
            try:
                if leads:
                    return self._lead(name, flight, make, end)
                if entry := _waited(flight, gone, end):
                    return entry, False
            finally:
                flight.waiting.remove(gone)

    def _board(self, name: str, gone: Gone) -> tuple[_Flight, bool]:
        with self._lock:
            leads = name not in self._flights
            flight = self._flights.setdefault(name, _Flight())
            flight.waiting.append(gone)
            return flight, leads

    def _lead(self, name: str, flight: _Flight, make: Callable[[Gone], Made], end: float) -> tuple[Entry, bool]:
        try:
            fence = secrets.token_hex(16)
            found = self._turn(name, fence, flight, end)
            flight.entry = found or self._make(name, fence, flight, make)
            return flight.entry, found is not None
        finally:
            with self._lock:
                del self._flights[name]
            flight.landed.set()

    def _turn(self, name: str, fence: str, flight: _Flight, end: float) -> Entry | None:
        """The result as another process makes it, or None when it is on us to make it."""
        waits_for = ""
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            found = self._look(name)
            if isinstance(found, Entry):
                return found
            if isinstance(found, Failed) and found.fence == waits_for:
                flight.error = found.error
                raise from_wire(found.error)
            if isinstance(found, Making):
                waits_for = found.fence
            elif self._try(lambda: self._shelf.claim(name, fence, self._clock()), default=True):
                return None
            _may_wait(flight.deserted, end)
            time.sleep(pause)
        raise AssertionError

    def _make(self, name: str, fence: str, flight: _Flight, make: Callable[[Gone], Made]) -> Entry:
        kept = False
        try:
            with self._beating(name, fence):
                made = make(flight.deserted)
            now = self._clock()
            entry = Entry(made.data, made.note, now, now + made.seconds)
            kept = made.seconds > 0 and self._kept(name, fence, entry)
        except ClientGone:
            # Whoever still waits makes it: it was not their client that left.
            raise
        except BaseException as error:
            flight.error = (error if isinstance(error, ImgsvcError) else ImgsvcError()).to_wire()
            raise
        else:
            return entry
        finally:
            if not kept:
                self._try(lambda: self._shelf.fail(name, fence, flight.error, self._clock()), default=None)

    def _kept(self, name: str, fence: str, entry: Entry) -> bool:
        def keep() -> bool:
            try:
                self._shelf.keep(name, fence, entry, self._clock())
            except Exception:
                # A full disk lets nothing be kept, and all others go on waiting.
                self._shelf.fail(name, fence, None, self._clock())
                raise
            return True

        return self._try(keep, default=False)

    @contextmanager
    def _beating(self, name: str, fence: str) -> Iterator[None]:
        done = threading.Event()

        def beat() -> None:
            while not done.wait(LEASE / 3):
                self._try(lambda: self._shelf.extend(name, fence, self._clock()), default=None)

        threading.Thread(target=beat, name="imgsvc-maker", daemon=True).start()
        try:
            yield
        finally:
            done.set()

    def _look(self, name: str) -> Entry | Making | Failed | None:
        return self._try(lambda: self._shelf.look(name, self._clock()), default=None)

    def _try(self, call: Callable[[], T], *, default: T) -> T:
        if time.monotonic() < self._rests_until:
            return default
        try:
            return call()
        except Exception as error:  # noqa: BLE001  (whatever is wrong with the shelf, requests go on without it)
            self._rests_until = time.monotonic() + REST
            self._report(error)
            return default


def shelf(db: Database, blobs: Blobs, *, redis_url: str, room: int, reserve: int) -> Shelf:
    """The shelf of `room` bytes that the settings ask for: Redis where it is named, else database and blobs."""
    return RedisShelf(redis_url, room=room) if redis_url else DatabaseShelf(db, blobs, room=room, reserve=reserve)


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _waited(flight: _Flight, gone: Gone, end: float) -> Entry | None:
    """What came of a flight; None where its leader left without making anything."""
    while not flight.landed.wait(min(GLANCE, max(0.0, end - time.monotonic()))):
        _may_wait(gone, end)
    if flight.error:
        raise from_wire(flight.error)
    return flight.entry


def _may_wait(gone: Gone, end: float) -> None:
    if gone():
        raise ClientGone
    if time.monotonic() >= end:
        raise TooSlow
