"""How many bytes of uploads a process holds in memory at once, and who has to come back later."""

from __future__ import annotations

import threading

from imgsvc.errors import Busy

RETRY_AFTER = 2


class Room:
    """Memory for `total` bytes of uploads.

    Counts what has arrived and not what was announced: a slow sender takes no room from others.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._taken = 0
        self._lock = threading.Lock()

    def share(self) -> Share:
        """An empty share for one upload."""
        return Share(self)

    def take(self, size: int) -> None:
        """Count `size` bytes in; Busy where they do not fit."""
        with self._lock:
            if self._taken + size > self._total:
                raise Busy(retry_after=RETRY_AFTER)
            self._taken += size

    def free(self, size: int) -> None:
        """Count `size` bytes out."""
        with self._lock:
            self._taken -= size


class Share:
    """What one upload takes of the room; for one thread."""

    def __init__(self, room: Room) -> None:
        self._room, self._size = room, 0

    def grow(self, size: int) -> None:
        """Take `size` bytes more; Busy where they do not fit."""
        self._room.take(size)
        self._size += size

    def end(self) -> None:
        """Give everything back; may be called again."""
        self._room.free(self._size)
        self._size = 0
