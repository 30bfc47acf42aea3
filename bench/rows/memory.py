"""The most memory a helper's work takes, over every good picture and some that are as large as allowed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from bench import probe
from bench.arithmetic import spread
from bench.figures import Figure
from bench.pictures import glass, photo, saved
from bench.run import Row, Run
from imgsvc.engine.recipe import LooksLike

TARGET = 300.0
MIB = 1024 * 1024
FORMATS = ("", "jpg", "png", "webp", "avif")
HEAVY = ("jpg", "webp", "avif")
GOAL = LooksLike(80.0)
LARGEST = (2000, 2000)


def weigh(task: tuple[str, bytes, str]) -> tuple[str, float]:
    """Peak memory in MiB."""
    name, data, format_ = task
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return f"{name} to {format_ or 'its own'}", probe.ask(format_, GOAL, Path(file.name))["memory"] / MIB


def measure(run: Run) -> list[Figure]:
    turns = [(one.name, one.data, FORMATS[number % len(FORMATS)]) for number, one in enumerate(run.pictures)]
    tasks = [*turns, *_largest()]
    peaks = dict(run.each(weigh, tasks, lambda task: f"{task[0]} weighed"))
    run.data["memory"] = peaks
    if not peaks:
        return []
    heavy = sorted(peaks, key=lambda name: -peaks[name])[:4]
    note = ", ".join(f"{name} {peaks[name]:.0f}" for name in heavy)
    values = list(peaks.values())
    return [
        Figure(
            "memory", "peak memory of a helper in MiB", max(values), TARGET, False, len(values), spread(values), note
        )
    ]


def _largest() -> list[tuple[str, bytes, str]]:
    opaque_: Image.Image = photo(*LARGEST, 5)
    clear = glass(*LARGEST)
    jpeg, png = saved(opaque_, "JPEG", quality=85), saved(clear, "PNG", compress_level=1)
    return [("2000x2000 jpg", jpeg, name) for name in HEAVY] + [("2000x2000 clear png", png, name) for name in HEAVY]


ROW = Row("memory", measure)
