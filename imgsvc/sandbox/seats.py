"""A seat holds one helper, replaces it when it dies, and pauses ever longer when none can be started."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from contextlib import suppress
from dataclasses import dataclass

from imgsvc.errors import Busy, OutOfOrder
from imgsvc.sandbox.child import Child, Dead, Late
from imgsvc.sandbox.fence import Fence

START_SECONDS = 30.0
SHORTEST_PAUSE = 0.5
LONGEST_PAUSE = 30.0


@dataclass(slots=True, eq=False)
class Seat:
    """Used by the one thread that holds it, or under the lock of those who hand it out."""

    start: Callable[[], Child]
    spawner: Executor
    """One thread that stays, as `child.start` wants it."""
    tidy: Callable[[], None] = lambda: None
    """Removes what a helper that is gone left where it could write."""
    report: Callable[[str], None] = lambda _: None
    """Told why, each time that no helper can be started."""
    starts: int = 0
    _birth: Future[Child] | None = None
    _born: float = 0.0
    _up: Child | None = None
    _failures: int = 0
    _due: float = 0.0
    _why: str = ""

    def rank(self) -> int:
        """0 a helper is well, 1 it is starting, 2 it could not be started lately; one found dead is replaced."""
        if self._up is not None:
            if self._up.quiet():
                return 0
            self.replace()
        return 2 if self._failures else 1

    def child(self, until: float) -> Child:
        """The helper, once it has loaded its engine; Late after the monotonic time `until`, OutOfOrder without any."""
        if self._up is not None and self.rank() == 0:
            return self._up
        now = time.monotonic()
        if now < self._due:
            raise self._busy(self._due - now)
        birth = self._birth or self.replace()
        limit = self._born + START_SECONDS
        try:
            child = birth.result(max(0.0, min(until, limit) - now))
            child.greet(min(until, limit))
        except (OSError, CancelledError, Dead, Late) as error:
            if isinstance(error, Late | TimeoutError) and time.monotonic() < limit:
                raise Late("the helper was not up in time") from error
            raise self._give_up(birth, error) from error
        self._up, self._failures = child, 0
        return child

    def look(self) -> None:
        """Learn, without waiting, whether the helper came up; start another where it did not and its pause is over."""
        if self.starts:
            with suppress(Busy, Late):
                self.child(time.monotonic())

    def trouble(self) -> str:
        """Why no helper could be started when that was last tried; empty where one is up, or may be soon."""
        return self._why if self._failures else ""

    def fences(self) -> tuple[Fence, ...]:
        """What the helper stands behind; empty while none is up."""
        child = self._up
        return child.fences if child is not None else ()

    def replace(self) -> Future[Child]:
        """Start a new helper in the background and end the one that was; Busy when the pool is closed."""
        try:
            birth = self.spawner.submit(self._renew, self._birth)
        except RuntimeError as error:
            raise Busy(retry_after=1) from error
        self._birth, self._up, self._born = birth, None, time.monotonic()
        self.starts += 1
        return birth

    def kill(self) -> None:
        """End the helper for good, whoever holds the seat; the spawner has stopped by then."""
        child = _child(self._birth)
        if child is not None:
            child.kill()

    def _renew(self, old: Future[Child] | None) -> Child:
        _close(old)
        with suppress(OSError):
            self.tidy()
        return self.start()

    def _give_up(self, birth: Future[Child], error: BaseException) -> OutOfOrder:
        _close(birth)
        self._why = f"helper: {str(error) or type(error).__name__}"
        pause = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2**self._failures)
        self._failures += 1
        self._birth, self._due = None, time.monotonic() + pause
        self.report(self._why)
        return self._busy(pause)

    def _busy(self, pause: float) -> OutOfOrder:
        busy = OutOfOrder(retry_after=math.ceil(pause))
        busy.add_note(self._why)
        return busy


def _child(birth: Future[Child] | None) -> Child | None:
    if birth is None or not birth.done() or birth.cancelled() or birth.exception():
        return None
    return birth.result()


def _close(birth: Future[Child] | None) -> None:
    child = _child(birth)
    if child is not None:
        child.close()
