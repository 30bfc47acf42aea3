"""The janitor: removes what has expired, and what a crash left behind."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from imgsvc.store import links, locks, results, usage
from imgsvc.store.blobs import Blobs
from imgsvc.store.db import Database

ORPHAN_SECONDS = 15 * 60.0
LOCK_NAME = "janitor.lock"


@dataclass(frozen=True, slots=True)
class Swept:
    """How many of each one sweep removed; blobs counts orphans and unfinished files too."""

    links: int
    blobs: int
    counters: int
    results: int = 0


def sweep(db: Database, blobs: Blobs, *, now: float) -> Swept:
    """Remove expired links and results, then their blobs; counters of past windows; after 15 minutes blobs of nobody.

    Safe at any time and in several processes at once: a blob is stored seconds before its row, not 15 minutes.
    """
    expired, outdated = links.clear(db, now), results.clear(db, now)
    for blob in (*expired, *outdated):
        blobs.delete(blob)
    counters = usage.clear(db, now)
    left = _sweep_orphans(db, blobs, now) + _sweep_parts(blobs, now)
    files = len(expired) + len(outdated) + left
    return Swept(links=len(expired), blobs=files, counters=counters, results=len(outdated))


def _sweep_orphans(db: Database, blobs: Blobs, now: float) -> int:
    old = [blob for blob, stored in blobs.ids() if _is_old(stored, now)]
    orphans = set(old) - links.blobs(db) - results.blobs(db) if old else set()
    for blob in orphans:
        blobs.delete(blob)
    return len(orphans)


def _sweep_parts(blobs: Blobs, now: float) -> int:
    old = [path for path, written in blobs.parts() if _is_old(written, now)]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def _is_old(stored: float, now: float) -> bool:
    # A time far in the future is as telling: the clock was set back since.
    return abs(now - stored) > ORPHAN_SECONDS


class Janitor:
    """A thread that sweeps every `seconds`. Of all processes on one blob folder one sweeps, until it stops or dies.

    `report` is called, in that thread, with every exception of a sweep; the next sweep happens all the same.
    """

    def __init__(
        self,
        db: Database,
        blobs: Blobs,
        *,
        seconds: float,
        report: Callable[[Exception], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db, self._blobs = db, blobs
        self._seconds, self._report, self._clock = seconds, report, clock
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Sweep now and then every `seconds`. To be called in the process that sweeps, after any fork, once."""
        self._thread = threading.Thread(target=self._run, name="janitor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, after the sweep it is in, and let another process have the turn."""
        self._stopped.set()
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        handle: int | None = None
        while True:
            try:
                handle = self._opened() if handle is None else handle
                if locks.taken(handle):
                    sweep(self._db, self._blobs, now=self._clock())
            except Exception as error:  # noqa: BLE001  (whatever went wrong, files must not pile up from now on)
                self._report(error)
            if self._stopped.wait(self._seconds):
                break
        if handle is not None:
            os.close(handle)

    def _opened(self) -> int:
        self._blobs.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return locks.opened(self._blobs.folder / LOCK_NAME)
