"""Thousands of mutants of small good pictures: no 5xx, none slow."""

from __future__ import annotations

from collections import Counter

from bench.arithmetic import spread
from bench.figures import Figure
from bench.soak.client import Answer, crowd
from bench.soak.mutants import mutants
from bench.soak.run import Row, Soak
from bench.soak.seeds import seeds
from bench.soak.service import serving, settled
from imgsvc.settings import cores

COUNT = 10_500
SLOWEST = 2.0
FORMS: tuple[dict[str, str], ...] = ({}, {}, {"quality": "1"}, {"output_format": "webp"}, {"quality": "5"})
"""What is asked for, in turn."""


def measure(soak: Soak) -> list[Figure]:
    tasks = list(enumerate(mutants(soak.dice("mutants"), seeds(), soak.count(COUNT))))
    with serving() as service:

        def send(task: tuple[int, tuple[str, bytes]]) -> tuple[str, Answer]:
            number, (name, data) = task
            # One step of the forms for each round of seeds, so that every seed meets every form.
            form = FORMS[(number // len(seeds_)) % len(FORMS)]
            return f"{name} {form}", service.site.post(data, name.split()[-1], **form)

        seeds_ = seeds()
        workers = service.workers()
        seen = crowd(send, tasks, cores())
        settled(service)
        crashes, left, deaths = len(set(workers) - set(service.workers())), service.left(), service.deaths()
    seconds = [answer.seconds for _, answer in seen]
    name, worst = max(seen, key=lambda one: one[1].seconds)
    broken = [f"{name}: {answer.status} {answer.fault}" for name, answer in seen if answer.broken]
    odd = [name for name, answer in seen if answer.status not in (200, 400)]
    statuses = Counter(answer.status for _, answer in seen)
    soak.data["mutants"] = {"statuses": statuses, "broken": broken, "odd": odd, "deaths of helpers": deaths}
    count = len(seen)
    note = ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items()))
    return [
        Figure("mutants", "answers of 5xx or none", len(broken), 0, count=count, note="; ".join(broken[:3]) or note),
        Figure("mutants", "answers neither 200 nor 400", len(odd), 0, count=count, note="; ".join(odd[:3])),
        Figure("mutants", "seconds of the slowest", worst.seconds, SLOWEST, False, count, spread(seconds), name),
        Figure("mutants", "web workers that ended", crashes, 0, count=count),
        Figure("mutants", "helpers that died under a picture", len(deaths), count=count, note="; ".join(deaths[:2])),
        Figure("mutants", "files left in the instance", len(left), 0, count=count),
    ]


ROW = Row("mutants", measure)
