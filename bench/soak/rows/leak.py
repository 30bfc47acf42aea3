"""Thousands of small pictures of every format: web processes and helpers end as large as they were when warm."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial

from bench.arithmetic import percentile
from bench.figures import Figure
from bench.soak import processes
from bench.soak.client import CLIENTS, Answer, crowd
from bench.soak.run import Row, Soak
from bench.soak.seeds import seeds
from bench.soak.service import Service, serving, settled
from bench.soak.watch import MIB

COUNT, ROUND = 5000, 90
"""Pictures in all, and between two looks: every seed in every format."""
WARM = 5
"""Rounds after which a process has loaded what it loads late, and rounds that are compared: these, and as many at its
end. A short run has fewer."""
LEAST = 3
BURST = 32
GROWTH = 0.05
FORMATS = ("", "jpg", "png", "webp", "gif", "avif")


@dataclass(slots=True)
class History:
    """What one process had at the end of each round, when it was idle."""

    span: int
    """How many rounds count as one state."""
    memory: list[int] = field(default_factory=list)
    handles: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def look(self, pid: int) -> None:
        self.memory.append(processes.resident(pid))
        self.handles.append(processes.handles(pid))
        self.threads.append(processes.threads(pid))

    @property
    def warm(self) -> bool:
        return len(self.memory) >= 3 * self.span

    @property
    def growth(self) -> float:
        """Share by which the last rounds lie above the first warm ones."""
        return self.state(self.memory)[1] / self.state(self.memory)[0] - 1

    def change(self, values: list[int]) -> int:
        """By how much the least of the last rounds differs from the least of the first warm ones, in pieces.

        What is open for a moment, such as the look at /health itself, is in some rounds and not in others.
        """
        return min(values[-self.span :]) - min(values[self.span : 2 * self.span])

    def state(self, values: list[int]) -> tuple[float, float]:
        """The median of the first warm rounds and of the last."""
        some = [float(value) for value in values]
        return percentile(some[self.span : 2 * self.span], 0.5), percentile(some[-self.span :], 0.5)


def measure(soak: Soak) -> list[Figure]:
    files = list(seeds().items())
    rounds = max(LEAST, soak.count(COUNT) // ROUND)
    span = max(1, min(WARM, rounds // LEAST))
    web: dict[int, History] = defaultdict(partial(History, span))
    helpers: dict[int, History] = defaultdict(partial(History, span))
    failed: list[str] = []
    with serving() as service:

        def send(number: int) -> Answer:
            name, data = files[number % len(files)]
            wanted = FORMATS[(number // len(files)) % len(FORMATS)]
            return service.site.post(data, name, **({"output_format": wanted} if wanted else {}))

        # Threads are started when all others are busy, and stay: as many as any round may want.
        crowd(lambda _: service.site.post(b"no picture"), range(BURST * 4), BURST)
        crowd(lambda _: service.site.get("/robots.txt"), range(BURST * 4), BURST)
        for turn in range(rounds):
            answers = crowd(send, range(turn * ROUND, (turn + 1) * ROUND), CLIENTS)
            failed += [f"{one.status} {one.json.get('error', one.fault)}" for one in answers if one.status != 200]
            _look(service, web, helpers)
    soak.data["leak"] = {
        kind: {pid: {"memory": one.memory, "handles": one.handles, "threads": one.threads} for pid, one in some.items()}
        for kind, some in (("web", web), ("helpers", helpers))
    }
    warm = [one for one in helpers.values() if one.warm]
    count = rounds * ROUND
    return [
        Figure("leak", "pictures not answered 200", len(failed), 0, count=count, note="; ".join(failed[:2])),
        *_compared("web process", list(web.values()), count),
        *_compared("helper", warm, count, f"{len(helpers)} helpers, {len(warm)} lived long enough to be compared"),
    ]


def _look(service: Service, web: dict[int, History], helpers: dict[int, History]) -> None:
    settled(service)
    workers, others = service.crew()
    for pid in workers:
        web[pid].look(pid)
    for pid in others:
        helpers[pid].look(pid)


def _compared(kind: str, some: list[History], count: int, note: str = "") -> list[Figure]:
    if not some:
        return []
    worst = max(some, key=lambda one: one.growth)
    before, after = worst.state(worst.memory)
    sizes = f"{before / MIB:.1f} to {after / MIB:.1f} MiB"
    files = max(abs(one.change(one.handles)) for one in some)
    threads = max(abs(one.change(one.threads)) for one in some)
    return [
        Figure(
            "leak",
            f"growth of a {kind}'s memory",
            worst.growth,
            GROWTH,
            False,
            count,
            note=f"{sizes}; {note}".strip("; "),
        ),
        Figure("leak", f"open files of a {kind}, change", files, 0, count=count),
        Figure("leak", f"threads of a {kind}, change", threads, 0, count=count),
    ]


ROW = Row("leak", measure)
