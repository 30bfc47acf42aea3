"""Everything at one floor: the score that a peer's fixed default gives its worst twentieth, given to every picture."""

from __future__ import annotations

import math
from typing import Any

from bench.arithmetic import percentile, spread
from bench.corpus import Picture
from bench.encodes import Subject
from bench.figures import Figure
from bench.peers import STILLS
from bench.run import Row, Run

TARGETS = {"jpg": 0.68, "webp": 0.72, "avif": 0.75}
WORST = 0.05


def default(task: tuple[Picture, str]) -> dict[str, Any]:
    """What sharp's default gives one picture."""
    picture, format_ = task
    point = Subject(picture.pixels(), format_).peer(STILLS[format_][0])
    return {"name": picture.name, "size": point.size, "score": point.score}


def at_floor(task: tuple[Picture, str, float]) -> tuple[str, float | None]:
    """Our bytes for one picture at a score."""
    picture, format_, floor = task
    return picture.name, Subject(picture.pixels(), format_).curve.size_at(floor)


def measure(run: Run) -> list[Figure]:
    figures = []
    for format_, target in TARGETS.items():
        if run.have(STILLS[format_][0]):
            figures.append(_one(format_, target, run))
    return figures


def _one(format_: str, target: float, run: Run) -> Figure:
    stills = {picture.name: picture for picture in run.stills()}
    theirs = run.each(default, [(picture, format_) for picture in stills.values()], lambda task: task[0].name)
    floor = percentile([one["score"] for one in theirs], WORST)
    tasks = [(stills[one["name"]], format_, floor) for one in theirs]
    ours = dict(run.each(at_floor, tasks, lambda task: task[0].name))
    pairs = {one["name"]: (mine, one["size"]) for one in theirs if (mine := ours.get(one["name"]))}
    ratios = [mine / size for mine, size in pairs.values()]
    value = math.fsum(mine for mine, _ in pairs.values()) / max(1, sum(size for _, size in pairs.values()))
    run.data[f"floor {format_}"] = {"floor": floor, "pairs": pairs}
    what = f"{format_} bytes, everything at {floor:.1f}, the floor of {STILLS[format_][0].name} (sum)"
    return Figure("floor", what, value, target, count=len(pairs), spread=spread(ratios))


ROW = Row("floor", measure)
