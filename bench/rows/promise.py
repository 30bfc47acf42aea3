"""The promise: the independent score of what a caller gets, beside the score the quality stands for."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from bench.arithmetic import percentile, spread
from bench.cache import Cache, digest, engine
from bench.corpus import Picture, opaque
from bench.encodes import budget
from bench.figures import Figure
from bench.run import Row, Run
from bench.scores import SMALL, Truth
from imgsvc import ladder
from imgsvc.engine import pipeline
from imgsvc.engine.recipe import LooksLike, Recipe

QUALITIES = range(2, 11)
FORMATS = ("", "jpg", "webp", "avif")
"""Asked for in turn, so that each picture meets every quality and every format; empty: its own."""
FINE = ("jpg", "webp", "avif")
"""Formats whose encoders have fine steps."""
SLACK, WORST = 0.5, 2.0
SHARE, OVERSHOOT = 0.99, 1.0
SECONDS = 30.0
"""As much as the service gives a picture by default, of CPU."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One answer: what was promised, what the engine said, and what the package says."""

    name: str
    quality: int
    format: str
    promised: float
    said: float
    score: float
    size: int
    small: bool

    @property
    def over(self) -> float:
        return self.score - self.promised


def check(task: tuple[Picture, int]) -> list[Kept]:
    """One picture at every quality; `turn` shifts which format goes with which."""
    picture, turn = task
    pixels = picture.pixels()
    truths = {False: Truth(pixels), True: Truth(opaque(pixels))}
    cache = Cache()
    return [_one(picture, quality, FORMATS[(turn + quality) % len(FORMATS)], truths, cache) for quality in QUALITIES]


def _one(picture: Picture, quality: int, format_: str, truths: dict[bool, Truth], cache: Cache) -> Kept:
    goal = ladder.goal(quality)
    promised = goal.score if isinstance(goal, LooksLike) else 100.0

    def make() -> list[object]:
        result = pipeline.optimize(picture.data, Recipe(goal, (format_,) if format_ else ()), budget(SECONDS))
        truth = truths[result.format == "jpg"]
        whole = result.score == 100.0
        score = 100.0 if whole and result.format == picture.format else truth.file(result.data, cache)
        return [result.format, result.score, score, result.size]

    made, said, score, size = cache.get(digest("promise by CPU", engine(), picture.data, format_, str(promised)), make)
    small = min(picture.width, picture.height) < SMALL
    return Kept(picture.name, quality, made, promised, said, score, size, small)


def measure(run: Run) -> list[Figure]:
    tasks = [(picture, turn) for turn, picture in enumerate(run.stills())]
    answers = [one for some in run.each(check, tasks, lambda task: f"{task[0].name} promised") for one in some]
    run.data["promise"] = [asdict(one) for one in answers]
    large = [one for one in answers if not one.small]
    small = [one for one in answers if one.small]
    return [
        *_figures(large, f"sides from {SMALL} px"),
        *_figures(small, "smaller pictures"),
    ]


def _figures(answers: list[Kept], which: str) -> list[Figure]:
    if not answers:
        return []
    share = sum(one.over >= -SLACK for one in answers) / len(answers)
    ranked = sorted(answers, key=lambda one: one.over)
    fine = [one.over for one in answers if one.format in FINE and one.said < 100.0 and one.score < 100.0]
    short = [f"{one.name} q{one.quality} {one.format} {one.over:+.2f}" for one in ranked[:5] if one.over < -SLACK]
    lies, count = spread([one.over for one in answers]), len(answers)
    median = percentile(fine, 0.5)
    return [
        Figure("promise", f"answers at promised - {SLACK} or better, {which}", share, SHARE, True, count, lies),
        Figure(
            "promise", "worst answer beside its promise", ranked[0].over, -WORST, True, count, note=", ".join(short)
        ),
        Figure("promise", "overshoot, median", median, OVERSHOOT, count=len(fine), spread=spread(fine)),
    ]


ROW = Row("promise", measure)
