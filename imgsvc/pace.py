"""Keeps clients from being slow on purpose: a connection that moves too few bytes is shut down."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from imgsvc.connection import abandon, traffic
from imgsvc.errors import SlowUpload

SPEED = 10_000
"""Bytes a second that are asked for when patience is over."""
WINDOW = 3.0
"""Seconds between two looks at the speed."""
TAKEN, SENT = 0, 1
TICK = 0.5


@dataclass(slots=True, eq=False)
class _Watched:
    connection: Any
    side: int
    seen: int
    """Bytes moved by the last look, at `since`; the next look is `due`."""
    since: float
    due: float
    cut: bool = False

    def slow(self, now: float) -> bool:
        """Whether too little has moved since the last look; to be asked when it is due."""
        moved = _moved(self.connection, self.side)
        enough = moved is None or moved - self.seen >= SPEED * (now - self.since)
        self.seen, self.since, self.due = moved or 0, now, now + WINDOW
        return not enough

    def stop(self) -> None:
        """Make every thread that waits for this connection go on, with nothing more to read or to write."""
        self.cut = True
        if self.side == TAKEN:
            abandon(self.connection)
            return
        # Still to be told why.
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RD)


class Pace:
    """Watches connections that threads wait for, from a thread of its own. Safe to use from any thread.

    For `patience` seconds anything may take as long as it takes.
    """

    def __init__(self, patience: float, *, tick: float = TICK) -> None:
        self._patience, self._tick = patience, tick
        self._watched: set[_Watched] = set()
        self._change = threading.Condition()
        self._process = 0

    @contextmanager
    def reading(self, connection: Any) -> Iterator[None]:
        """While a body is read: SlowUpload where the client had to be stopped before the block was done."""
        watched = self._watch(connection, SENT)
        try:
            yield
        except Exception:
            if watched is not None and watched.cut:
                raise SlowUpload from None
            raise
        finally:
            self._forget(watched)

    def sending(self, connection: Any) -> Callable[[], None]:
        """Watch the client take an answer, until the function that comes back is called."""
        watched = self._watch(connection, TAKEN)
        return lambda: self._forget(watched)

    def _watch(self, connection: Any, side: int) -> _Watched | None:
        moved = _moved(connection, side)
        if moved is None:
            return None
        now = time.monotonic()
        watched = _Watched(connection, side, moved, now, now + self._patience)
        with self._change:
            self._watched.add(watched)
            self._change.notify()
            # A process forked from one that watches has no such thread.
            if self._process != os.getpid():
                self._process = os.getpid()
                threading.Thread(target=self._run, name="imgsvc-pace", daemon=True).start()
        return watched

    def _forget(self, watched: Any) -> None:
        # Under the lock: a connection that is done must not be cut any more, its next request may have begun.
        with self._change:
            self._watched.discard(watched)

    def _run(self) -> None:
        while True:
            with self._change:
                while not self._watched:
                    self._change.wait()
                now = time.monotonic()
                for watched in [one for one in self._watched if one.due <= now and one.slow(now)]:
                    watched.stop()
                    self._watched.discard(watched)
            time.sleep(self._tick)


def _moved(connection: Any, side: int) -> int | None:
    told = None if connection is None else traffic(connection)
    return None if told is None else told[side]
