"""What one fetch may still take: time over all, a least speed, bytes of the picture and bytes around it."""

from __future__ import annotations

import time
from collections.abc import Callable

from imgsvc.errors import ClientGone, SourceFailed, SourceSlow, TooManyBytes

SPEED = 10_000
"""Bytes a second that are asked for once an answer has begun."""
WINDOW = 3.0
"""Seconds between two looks at the speed, and the time in which nobody is slow."""
GLANCE = 0.5
"""Seconds between two looks whether anybody still waits."""
FRAMING = 256 * 1024
"""Bytes of headers and chunk sizes that any answer may have; more are allowed to a larger one."""


class Meter:
    """For one fetch with all its redirects, in one thread. Its errors are SourceSlow, TooManyBytes and SourceFailed."""

    def __init__(
        self,
        seconds: float,
        max_bytes: int,
        gone: Callable[[], bool] = lambda: False,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock, self._gone = clock, gone
        self._end = clock() + seconds
        self._max_bytes = max_bytes
        self._arrived = self._body = 0
        self._since: float | None = None
        self._seen = 0

    def restart(self) -> None:
        """Another answer is waited for: speed and size begin anew, the time does not."""
        self._arrived = self._body = self._seen = 0
        self._since = None

    def left(self) -> float:
        """Seconds until the end; SourceSlow when there are none, ClientGone when nobody waits."""
        if self._gone():
            raise ClientGone
        seconds = self._end - self._clock()
        if seconds <= 0:
            raise SourceSlow
        return seconds

    def patience(self) -> float:
        """Seconds to wait for the next bytes, before the end, the speed and the client are to be looked at again."""
        left = min(self.left(), GLANCE)
        return left if self._since is None else max(0.001, min(left, self._since + WINDOW - self._clock()))

    def arrive(self, size: int) -> None:
        """Count bytes from the wire, whatever they are, and look at the speed."""
        # Of what came before, all that belongs to the picture has been taken.
        if self._arrived - self._body > FRAMING + self._body // 4:
            raise SourceFailed
        self._arrived += size
        if self._since is None:
            self._since = self._clock()
        self.look()

    def look(self) -> None:
        """Judge the speed of an answer that has begun, when it is due."""
        now = self._clock()
        if self._since is None or now - self._since < WINDOW:
            return
        if self._arrived - self._seen < SPEED * (now - self._since):
            raise SourceSlow
        self._since, self._seen = now, self._arrived

    def announce(self, size: int) -> None:
        """Judge the size that an answer tells of its picture."""
        if size > self._max_bytes:
            raise TooManyBytes(f"url: the picture has {size} bytes, expected at most {self._max_bytes}.")

    def take(self, size: int) -> None:
        """Count bytes of the picture."""
        self._body += size
        if self._body > self._max_bytes:
            raise TooManyBytes(f"url: the picture is too large, expected at most {self._max_bytes} bytes.")
        self.left()
