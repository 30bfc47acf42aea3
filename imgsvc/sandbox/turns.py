"""Who may use a seat, and who waits: short jobs before long ones, else first come, first served, up to a bound."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from imgsvc.errors import Busy, ClientGone
from imgsvc.sandbox.seats import Seat

PATIENCE = 60.0
"""Seconds one caller waits for a seat before it is told to come back later."""

AHEAD = 8
"""Short jobs that may go before a long one that waits."""

LOOK = 0.25
"""Seconds between two looks whether anybody still waits."""
_WEIGHT = 0.1
"""Share of the newest job in the running mean."""


@dataclass(slots=True, eq=False)
class _Place:
    turn: threading.Event = field(default_factory=threading.Event)
    seat: Seat | None = None


class Turns:
    """Hands out seats. A seat that comes back goes straight to one who waits, so nobody who comes later can overtake.

    Short jobs wait in a queue of their own: one encode shall not wait for the searches of ten others. After AHEAD of
    them in a row a long one has its turn.
    """

    def __init__(self, seats: tuple[Seat, ...], queue: int, patience: float = PATIENCE) -> None:
        self._seats = len(seats)
        self._free = list(seats)
        self._queue = queue
        self._patience = patience
        self._long: deque[_Place] = deque()
        self._short: deque[_Place] = deque()
        self._ahead = 0
        self._mean = 1.0
        self._closed = False
        self._lock = threading.Lock()

    def enter(self, gone: Callable[[], bool] = lambda: False, until: float = math.inf, *, short: bool = False) -> Seat:
        """A seat for the caller alone, after its turn in the queue; Busy when the queue is full, slow or closed.

        Waits no longer than `until` by the monotonic clock.

        ClientGone when, while it waits, `gone` says so.
        """
        with self._lock:
            if not self._closed and self._free:
                return self._best()
            if self._closed or self._waiting() >= self._queue:
                raise self._busy()
            place = _Place()
            queue = self._short if short else self._long
            queue.append(place)
        try:
            left = _waited(place.turn, min(self._patience, until - time.monotonic()), gone)
        finally:
            with self._lock:
                if place in queue:
                    queue.remove(place)
        if place.seat is None:
            raise ClientGone if left else self._busy()
        return place.seat

    def leave(self, seat: Seat, seconds: float | None = None) -> None:
        """Give the seat back; `seconds` is how long the job ran, where it did."""
        with self._lock:
            if seconds is not None:
                self._mean += _WEIGHT * (seconds - self._mean)
            if self._waiting():
                place = self._next()
                place.seat = seat
                place.turn.set()
            else:
                self._free.append(seat)

    def close(self) -> None:
        """Send everybody away who waits, and all who come from now on."""
        with self._lock:
            self._closed = True
            while self._waiting():
                self._next().turn.set()

    def warm(self) -> None:
        """Start the helpers of all free seats that have none yet."""
        with self._lock:
            for seat in self._free:
                if seat.starts == 0 and not self._closed:
                    seat.replace()

    def count(self) -> tuple[int, int]:
        """How many jobs run and how many wait."""
        return self._seats - len(self._free), self._waiting()

    def look(self) -> None:
        """Learn what became of helpers that nobody has asked for yet."""
        with self._lock:
            for seat in self._free if not self._closed else ():
                seat.look()

    def later(self) -> int:
        """In how many seconds, 1 to 60, all who are here may be done."""
        seconds = sum(self.count()) * self._mean / self._seats
        return min(60, max(1, math.ceil(seconds)))

    def _waiting(self) -> int:
        return len(self._long) + len(self._short)

    def _next(self) -> _Place:
        if not self._long:
            return self._short.popleft()
        if not self._short or self._ahead >= AHEAD:
            self._ahead = 0
            return self._long.popleft()
        self._ahead += 1
        return self._short.popleft()

    def _best(self) -> Seat:
        seat = min(self._free, key=Seat.rank)
        self._free.remove(seat)
        return seat

    def _busy(self) -> Busy:
        return Busy(retry_after=self.later())


def _waited(turn: threading.Event, seconds: float, gone: Callable[[], bool]) -> bool:
    """Wait for the turn; True when that ended because nobody waits any more."""
    until = time.monotonic() + seconds
    while not turn.wait(max(0.0, min(LOOK, until - time.monotonic()))):
        if time.monotonic() >= until:
            return False
        if gone():
            return True
    return False
