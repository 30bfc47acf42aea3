"""Several settings of one encoder tried on a sample, the best of them searched on the whole picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from imgsvc.engine.aim import Scale, meet
from imgsvc.engine.codec import Offer, Picture, Pixels, Work
from imgsvc.engine.judge import Judge
from imgsvc.engine.mosaic import mosaic
from imgsvc.engine.recipe import LooksLike

# An estimate within this many points of the target is drawn from the curve; further off one more probe is made.
NEAR = 2.5
# A setting whose estimate on the first probes is this much larger than the best so far is given up.
HOPELESS = 1.06
MOST_PROBES = 4
# Seams between tiles hide some of the loss: a sample scores higher than its picture by this share of what it lacks.
SEAMS = 0.06
# A slope drawn from two close probes is mostly noise: it is believed between these shares of the scale's own.
SLOPES = (0.6, 2.5)


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to run an encoder: pixels and a quality on its scale to a file."""

    name: str
    encode: Callable[[Picture, int], bytes]
    scale: Scale
    draft: Callable[[Picture, int], bytes] | None = None
    """The same look from a cheaper run, whose bytes compare with other drafts'."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Where on its scale a setting reaches the target on the sample, in how many bytes, and how the score rises."""

    setting: Setting
    at: float
    size: float
    slope: float


def best_of(work: Work, settings: tuple[Setting, ...]) -> Offer | None:
    """The goal met by the setting that a sample shows to be the best; the first one for goals without a score.

    None where the sample says that no setting reaches the promised score.
    """
    first = settings[0]
    if not isinstance(work.goal, LooksLike):
        return meet(work, lambda quality: first.encode(work.picture, quality), first.scale)
    sample = _sampled(work)
    if sample is work:
        estimates = _estimates(work, settings, work.goal.score)
    else:
        drafts = tuple(replace(setting, encode=setting.draft or setting.encode) for setting in settings)
        estimates = _estimates(sample, drafts, work.goal.score + SEAMS * (100.0 - work.goal.score))
    best = min(estimates, key=lambda estimate: estimate.size, default=None)
    if best is None:
        return None
    encode = next(setting.encode for setting in settings if setting.name == best.setting.name)
    chosen = replace(best.setting.scale, guess=lambda _: round(best.at), slope=best.slope)
    return meet(work, lambda quality: encode(work.picture, quality), chosen)


def _sampled(work: Work) -> Work:
    tiles: Pixels = mosaic(work.picture.pixels)
    if tiles is work.picture.pixels:
        return work
    picture = replace(work.picture, pixels=tiles, animation=None)
    judge = Judge(picture)
    return replace(work, picture=picture, judge=lambda data: judge.score(work.read(data)), show=lambda _: None)


def _estimates(work: Work, settings: tuple[Setting, ...], target: float) -> Iterator[Estimate]:
    least = math.inf
    shift = 0.0
    for setting in settings:
        if least < math.inf and not work.budget.allows(work.budget.spent):
            return
        guess = setting.scale.guess(target) + shift
        estimate = _estimate(work, setting, target, round(guess), least)
        if estimate is None:
            continue
        # What makes this picture harder or easier than most does so for every setting.
        shift = estimate.at - setting.scale.guess(target)
        least = min(least, estimate.size)
        yield estimate


def _estimate(work: Work, setting: Setting, target: float, guess: int, least: float) -> Estimate | None:
    lo, hi = setting.scale.lo, setting.scale.hi
    seen: dict[int, tuple[float, float]] = {}
    x = min(max(guess, lo), hi)
    while x not in seen and len(seen) < MOST_PROBES:
        data = setting.encode(work.picture, x)
        score = work.judge(data)
        work.show(Offer(data, score))
        seen[x] = (score, math.log(len(data)))
        if x == hi and score < target:
            return None
        slope = _slope(seen, setting)
        if len(seen) > 1 and _nearest(seen, target)[1] <= NEAR:
            break
        if len(seen) > 1 and _at(seen, target, slope, setting).size > least * HOPELESS:
            break
        nearest, _ = _nearest(seen, target)
        step = (target - seen[nearest][0]) / slope
        x = min(max(nearest + (round(step) or (1 if step > 0 else -1)), lo), hi)
    return _at(seen, target, _slope(seen, setting), setting)


def _nearest(seen: dict[int, tuple[float, float]], target: float) -> tuple[int, float]:
    place = min(seen, key=lambda x: abs(seen[x][0] - target))
    return place, abs(seen[place][0] - target)


def _slope(seen: dict[int, tuple[float, float]], setting: Setting) -> float:
    first, last = min(seen), max(seen)
    usual = setting.scale.slope
    if last == first:
        return usual
    measured = (seen[last][0] - seen[first][0]) / (last - first)
    return min(max(measured, usual * SLOPES[0]), usual * SLOPES[1])


def _at(seen: dict[int, tuple[float, float]], target: float, slope: float, setting: Setting) -> Estimate:
    """The line through the two probes nearest the target, in score against the logarithm of the bytes."""
    near = sorted(seen, key=lambda x: abs(seen[x][0] - target))[:2]
    one = near[0]
    score, size = seen[one]
    other = near[-1]
    rise = (seen[other][0] - score) or slope
    growth = (seen[other][1] - size) / rise if other != one else 0.03
    return Estimate(setting, one + (target - score) / slope, math.exp(size + growth * (target - score)), slope)
