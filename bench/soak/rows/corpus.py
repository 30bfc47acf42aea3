"""Every file of the hostile corpus, at both ends of the quality ladder and into every format, as its manifest says."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.arithmetic import spread
from bench.figures import Figure
from bench.soak.bombs import hostile
from bench.soak.checks import Case, complaints
from bench.soak.client import Answer, crowd
from bench.soak.run import Row, Soak
from bench.soak.service import serving, settled
from bench.soak.watch import watching
from imgsvc.settings import cores

MANIFEST = "MANIFEST.csv"
FORMS: tuple[dict[str, str], ...] = (
    {"quality": "10"},
    {"quality": "1"},
    *({"output_format": name} for name in ("jpg", "png", "webp", "gif", "avif")),
)
SLOWEST = 10.0


@dataclass(frozen=True, slots=True)
class File:
    """A hostile file, and what its manifest line says of the answer."""

    name: str
    data: bytes
    expected: tuple[int, ...]
    check: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one upload."""

    label: str
    answer: Answer
    wrong: tuple[str, ...]


def files(soak: Soak) -> list[File]:
    """The corpus, evenly thinned out at a smaller scale."""
    found = list(_corpus(soak.corpus)) if (soak.corpus / MANIFEST).is_file() else []
    if not found:
        soak.said.append(
            f"corpus: no {MANIFEST} in {soak.corpus}, so files made on the spot, which 200 and 400 both suit"
        )
        found = [File(name, data, (200, 400), "") for name, data in hostile().items()]
    count = soak.count(len(found))
    return [found[number * len(found) // count] for number in range(count)]


def _corpus(folder: Path) -> Iterator[File]:
    with (folder / MANIFEST).open(newline="") as lines:
        for line in csv.DictReader(lines):
            expected = tuple(int(status) for status in line["expected"].split("|"))
            yield File(line["file"], (folder / line["file"]).read_bytes(), expected, line["check"])


def measure(soak: Soak) -> list[Figure]:
    tasks = [(file, form) for file in files(soak) for form in FORMS]
    with serving() as service, watching(service) as watch:

        def send(task: tuple[File, dict[str, str]]) -> Seen:
            file, form = task
            answer = service.site.post(file.data, file.name, **form)
            return judged(file, form, answer)

        workers = service.workers()
        seen = crowd(send, tasks, cores())
        settled(service)
        crashes = len(set(workers) - set(service.workers()))
        left, deaths, broken = service.left(), service.deaths(), service.broken()
    soak.data["corpus"] = {
        "statuses": Counter(one.answer.status for one in seen),
        "wrong": {one.label: one.wrong for one in seen if one.wrong},
        "slowest": {one.label: one.answer.seconds for one in sorted(seen, key=lambda one: -one.answer.seconds)[:20]},
        "deaths of helpers": deaths,
        "errors": broken,
        "left": [str(path) for path in left],
    }
    return _figures(seen, crashes, len(left), deaths, watch.helper_peak)


def judged(file: File, form: dict[str, str], answer: Answer) -> Seen:
    """The answer beside what the manifest says."""
    wrong = complaints(file.check, Case(file.data, form.get("output_format", ""), answer))
    if answer.status not in file.expected:
        wrong.insert(0, f"got {answer.status}, expected {file.expected}")
    return Seen(f"{file.name} {form}", answer, tuple(wrong))


def _figures(seen: list[Seen], crashes: int, left: int, deaths: list[str], peak: float) -> list[Figure]:
    count = len(seen)
    worst = max(seen, key=lambda one: one.answer.seconds)
    broken = [one for one in seen if one.answer.broken]
    wrong = [one for one in seen if one.wrong]
    seconds = [one.answer.seconds for one in seen]
    return [
        Figure("corpus", "answers of 5xx or none", len(broken), 0, count=count, note=_first(broken)),
        Figure("corpus", "web workers that ended", crashes, 0, count=count),
        Figure("corpus", "helpers that died under a picture", len(deaths), count=count, note="; ".join(deaths[:2])),
        Figure("corpus", "files left in the instance", left, 0, count=count),
        Figure(
            "corpus",
            "seconds of the slowest",
            worst.answer.seconds,
            SLOWEST,
            False,
            count,
            spread(seconds),
            worst.label,
        ),
        Figure(
            "corpus",
            "answers unlike the manifest's `expected` and `check`",
            len(wrong),
            0,
            count=count,
            note=_first(wrong),
        ),
        Figure("corpus", "peak memory of a helper in MiB", peak, count=count),
    ]


def _first(seen: list[Seen]) -> str:
    return "; ".join(
        f"{one.label}: {', '.join(one.wrong) or one.answer.fault or one.answer.status}" for one in seen[:4]
    )


ROW = Row("corpus", measure)
