"""Faults inside and around the helpers while good pictures come: these never notice, each fault is answered in time."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.arithmetic import spread
from bench.figures import Figure
from bench.pictures import photo, saved
from bench.soak import processes
from bench.soak.client import Answer
from bench.soak.faulty import FAULTS, ORDER
from bench.soak.run import Row, Soak
from bench.soak.service import Service, serving, settled, wait
from bench.soak.watch import watching

EACH, GOOD, CLIENTS = 100, 2000, 2
HELPERS, DEADLINE, OVER = 4, 2.0, 0.3
SETTLED = 1.5
"""Seconds after which a helper has loaded its engine: faults come one after another, not faster than helpers start."""
KILLED, IDLE = "SIGKILL busy", "SIGKILL idle"


@dataclass(slots=True)
class Siege:
    """One service, what it is asked, and what came back."""

    service: Service
    wanted: int
    """Good pictures that are sent at least."""
    good: list[Answer] = field(default_factory=list)
    faults: dict[str, list[Answer]] = field(default_factory=dict)
    born: dict[int, float] = field(default_factory=dict)
    """When each helper was seen first."""
    over: threading.Event = field(default_factory=threading.Event)

    def traffic(self) -> None:
        """Good pictures until the faults are over and enough were sent."""
        pictures = [saved(photo(160, 120, seed), kind) for seed, kind in enumerate(("JPEG", "PNG", "WEBP"))]
        number = 0
        while not self.over.is_set() or len(self.good) < self.wanted:
            self.good.append(self.service.site.post(pictures[number % 3], output_format=("jpg", "webp")[number % 2]))
            number += 1

    def order(self, name: str) -> None:
        """One fault inside a helper, and the answer to it."""
        over = threading.Event()
        if name == KILLED:
            threading.Thread(target=self._strike, args=(over,), daemon=True).start()
        self.faults.setdefault(name, []).append(self.service.site.post(ORDER + name.encode()))
        over.set()

    def shoot(self, *, busy: bool) -> bool:
        """Kill a helper that works on a good picture, or one that does nothing; False where none could be caught."""

        def caught() -> bool:
            for helper in self._settled():
                if bool(work(helper)) is busy:
                    with suppress(ProcessLookupError):
                        os.kill(helper, signal.SIGKILL)
                    return True
            return False

        return wait(caught, 10, 0.002)

    def pause(self) -> None:
        """Until at most one helper is still starting."""
        wait(lambda: len(self._settled()) >= HELPERS - 1, 30, 0.05)

    def _settled(self) -> list[int]:
        now = time.monotonic()
        return [one for one in self.service.helpers() if now - self.born.setdefault(one, now) > SETTLED]

    def _strike(self, over: threading.Event) -> None:
        """Kill whoever works on the order. It is then tried once more, which ends with the deadline."""
        order = ORDER + KILLED.encode()
        while not over.wait(0.02):
            for helper in self.service.helpers():
                if order in work(helper):
                    with suppress(ProcessLookupError):
                        os.kill(helper, signal.SIGKILL)
                    return


def work(helper: int) -> list[bytes]:
    """How the uploads begin that lie on a helper's desk."""
    desk = processes.folder(helper)
    found: list[bytes] = []
    for path in (desk or Path("/nonexistent")).glob("job-*/upload"):
        with suppress(OSError), path.open("rb") as file:
            found.append(file.read(100))
    return found


def measure(soak: Soak) -> list[Figure]:
    each, missed = soak.count(EACH), 0
    with (
        serving("bench.soak.faulty_service", HELPERS=HELPERS, DEADLINE=DEADLINE) as service,
        watching(service) as watch,
    ):
        siege = Siege(service, soak.count(GOOD))
        wait(lambda: len(siege._settled()) == HELPERS, 60)
        crew = [threading.Thread(target=siege.traffic) for _ in range(CLIENTS)]
        for one in crew:
            one.start()
        acts: list[Callable[[], object]] = []
        for _ in range(each):
            acts += [lambda name=name: siege.order(name) for name in FAULTS]  # type: ignore[misc]
            acts += [lambda: siege.shoot(busy=False), lambda: siege.shoot(busy=True)]
        for act in acts:
            siege.pause()
            missed += act() is False
        siege.over.set()
        for one in crew:
            one.join()
        settled(service)
        left, workers = service.left(), service.workers()
        seen = set(watch.helpers) | set(siege.born)
    orphans = [pid for pid in [*seen, *workers] if processes.alive(pid)]
    return _figures(soak, siege, missed, orphans, left)


def _figures(soak: Soak, siege: Siege, missed: int, orphans: list[int], left: list[Path]) -> list[Figure]:
    bad = [f"{one.status} {one.fault} {one.json.get('error', '')}" for one in siege.good if one.status != 200]
    answers = [answer for some in siege.faults.values() for answer in some]
    seconds = [answer.seconds for answer in answers]
    slowest = {name: max(one.seconds for one in some) for name, some in siege.faults.items()}
    odd = [f"{name}: {one.status}" for name, some in siege.faults.items() for one in some if one.status != 400]
    soak.data["faults"] = {"bad": bad, "slowest": slowest, "odd": odd}
    if missed:
        soak.said.append(f"faults: {missed} helpers to be killed were not caught in the right moment")
    note = ", ".join(f"{name} {most:.2f}" for name, most in slowest.items())
    count = len(answers)
    helpers = f"{len(siege.born)} helpers were seen"
    return [
        Figure("faults", "good pictures not answered 200", len(bad), 0, count=len(siege.good), note="; ".join(bad[:2])),
        Figure(
            "faults", "seconds of the slowest fault", max(seconds), DEADLINE + OVER, False, count, spread(seconds), note
        ),
        Figure("faults", "faults not answered 400", len(odd), 0, count=count, note="; ".join(odd[:3])),
        Figure("faults", "processes left after the end", len(orphans), 0, count=len(siege.born), note=helpers),
        Figure("faults", "files left in the instance", len(left), 0, count=count),
    ]


ROW = Row("faults", measure)
