"""Bombs, each on its own: answered quickly, with little memory, in the helper as in the web process."""

from __future__ import annotations

from bench.arithmetic import spread
from bench.figures import Figure
from bench.soak.bombs import all_bombs
from bench.soak.client import Answer
from bench.soak.run import Row, Soak
from bench.soak.service import serving, settled
from bench.soak.watch import watching

SLOWEST, HELPER, WEB = 2.0, 400.0, 20.0
FORMS: tuple[dict[str, str], ...] = ({}, {"quality": "1"}, {"output_format": "webp"})
WARM = 4


def measure(soak: Soak) -> list[Figure]:
    bombs = all_bombs()
    with serving() as service:
        # What a process takes for its first uploads is no bomb's fault.
        for _ in range(WARM):
            service.site.post(bytes(2_000_000))
        with watching(service) as watch:
            seen = {
                f"{name} {form or ''}": service.site.post(bombs[name], "bomb", **form)
                for name in bombs
                for form in FORMS
            }
            settled(service)
        deaths = service.deaths()
    broken = [f"{name}: {answer.status} {answer.fault}" for name, answer in seen.items() if answer.broken]
    seconds = [answer.seconds for answer in seen.values()]
    worst = max(seen, key=lambda name: seen[name].seconds)
    soak.data["bombs"] = {name: told(answer) for name, answer in seen.items()} | {"deaths of helpers": deaths}
    count = len(seen)
    given = sum(answer.status == 200 for answer in seen.values())
    return [
        Figure("bombs", "answers of 5xx or none", len(broken), 0, count=count, note="; ".join(broken[:3])),
        Figure("bombs", "seconds of the slowest", max(seconds), SLOWEST, False, count, spread(seconds), worst),
        Figure("bombs", "peak memory of a helper in MiB", watch.helper_peak, HELPER, count=count),
        Figure("bombs", "growth of the web process in MiB", watch.worker_growth, WEB, count=count),
        Figure("bombs", "answered safely and not refused", given, count=count),
        Figure("bombs", "helpers that died under a picture", len(deaths), count=count, note="; ".join(deaths[:2])),
    ]


def told(answer: Answer) -> str:
    return f"{answer.status} in {answer.seconds:.2f} s, {len(answer.body)} bytes, {answer.json.get('error', '')}"


ROW = Row("bombs", measure)
