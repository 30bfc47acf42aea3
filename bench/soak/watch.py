"""Watches the processes of a service: how much memory they ever took, and which of them came and went."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.soak import processes
from bench.soak.service import Service

TICK = 0.1
"""Seconds between two looks at the helpers' peaks."""
WEIGH = 4
"""Looks between two sums over all processes: each costs the kernel a walk through their pages."""
MIB = 1024 * 1024


@dataclass(slots=True)
class Watch:
    """Bytes, by process id where there are several."""

    helpers: dict[int, int] = field(default_factory=dict)
    """The peak of every helper that was seen."""
    workers: dict[int, int] = field(default_factory=dict)
    """The most that every web worker was seen to have in memory."""
    first: dict[int, int] = field(default_factory=dict)
    """What every web worker had in memory when it was seen first."""
    total: int = 0
    """The most of all processes together, shared memory counted once."""

    @property
    def helper_peak(self) -> float:
        """The peak of any helper in MiB."""
        return max(self.helpers.values(), default=0) / MIB

    @property
    def worker_growth(self) -> float:
        """By how many MiB a web worker grew at most since it was seen first."""
        return max((most - self.first[pid] for pid, most in self.workers.items()), default=0) / MIB


@contextmanager
def watching(service: Service) -> Iterator[Watch]:
    """Watch while the block runs."""
    watch, over = Watch(), threading.Event()

    def run() -> None:
        looks = 0
        while not over.wait(TICK):
            look(service, watch, whole=looks % WEIGH == 0)
            looks += 1

    look(service, watch, whole=True)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()
        look(service, watch, whole=True)


def look(service: Service, watch: Watch, *, whole: bool) -> None:
    """Note what is there now."""
    workers, helpers = service.crew()
    for helper in helpers:
        watch.helpers[helper] = max(watch.helpers.get(helper, 0), processes.peak(helper))
    for worker in workers:
        now = processes.resident(worker)
        watch.first.setdefault(worker, now)
        watch.workers[worker] = max(watch.workers.get(worker, 0), now)
    if whole:
        watch.total = max(watch.total, sum(map(processes.share, [service.process.pid, *workers, *helpers])))
