"""The deadline: how far beyond its seconds an answer comes, and that there is one."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.arithmetic import spread
from bench.corpus import sample
from bench.figures import Figure
from bench.pictures import glass, photo, saved
from bench.run import Row, Run
from bench.scores import read
from imgsvc.engine.budget import Limits
from imgsvc.engine.recipe import LooksLike, Lossless, Recipe
from imgsvc.errors import ImgsvcError
from imgsvc.sandbox import Pool

SECONDS, OVER = 1.0, 0.2
FORMATS = ("avif", "webp", "png", "jpg")
LARGEST = (2000, 2000)
PICTURES = 10
MEMORY = 2048 * 1024 * 1024


def measure(run: Run) -> list[Figure]:
    """All in this process, one after another, through the pool of helpers as the service uses it."""
    tasks = [(one.name, one.data, format_) for one in sample(run.stills(), PICTURES) for format_ in FORMATS[:2]]
    tasks += [("4 MP", saved(photo(*LARGEST, 3), "JPEG", quality=90), format_) for format_ in FORMATS]
    tasks += [("4 MP with alpha", saved(glass(*LARGEST), "PNG", compress_level=1), format_) for format_ in FORMATS]
    late: dict[str, float] = {}
    answered: dict[str, bool] = {}
    with tempfile.TemporaryDirectory() as folder:
        pool = Pool(Path(folder), helpers=1, queue=4, memory=MEMORY)
        try:
            small = saved(photo(32, 32, 1), "PNG")
            for name, data, format_ in tasks:
                # A picture's time begins when a helper is up: the one before may have been replaced.
                pool.run(small, Recipe(Lossless()), seconds=60, limits=Limits())
                label = f"{name} to {format_}"
                late[label], answered[label] = _tried(pool, data, format_)
        finally:
            pool.close()
    run.data["deadline"] = {name: [late[name], answered[name]] for name in late}
    return _figures(late, answered)


def _tried(pool: Pool, data: bytes, format_: str) -> tuple[float, bool]:
    """Seconds beyond the deadline, and whether the answer is a picture."""
    begun = time.monotonic()
    try:
        result = pool.run(data, Recipe(LooksLike(80.0), (format_,)), seconds=SECONDS, limits=Limits())
    except ImgsvcError:
        return time.monotonic() - begun - SECONDS, False
    spent = time.monotonic() - begun - SECONDS
    return spent, read(result.data).shape[:2] == (result.height, result.width)


def _figures(late: dict[str, float], answered: dict[str, bool]) -> list[Figure]:
    worst = max(late, key=lambda name: late[name])
    lies = spread(list(late.values()))
    without = [name for name, valid in answered.items() if not valid]
    large = [name for name in answered if name.startswith("4 MP") and name.endswith("avif")]
    valid = sum(answered[name] for name in large) / len(large)
    count = len(late)
    note = f"no picture: {', '.join(without)}" if without else ""
    return [
        Figure(
            "deadline",
            f"seconds beyond a deadline of {SECONDS:g} s, worst",
            late[worst],
            OVER,
            False,
            count,
            lies,
            worst,
        ),
        Figure(
            "deadline", "4 MP as AVIF within 1 s: share with a valid picture", valid, 1.0, True, len(large), None, note
        ),
    ]


ROW = Row("deadline", measure)
