"""Several settings of one encoder tried on a sample, the best of them searched on the whole picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from imgsvc.engine.aim import Scale, Sought, meet, seek
from imgsvc.engine.codec import Offer, Picture, Pixels, Work
from imgsvc.engine.judge import Judge
from imgsvc.engine.mosaic import mosaic
from imgsvc.engine.recipe import LooksLike

# An estimate within this many points of the target is drawn from the curve; further off one more probe is made.
NEAR = 3.0
# While no curve of the picture is known, a single probe is believed within so many points.
NEAR_ALONE = 1.0
# A setting whose estimate is this much larger than the best so far is given up.
HOPELESS = 1.06
MOST_PROBES = 4
# Seams between tiles hide some of the loss: a sample scores higher than its picture by this share of what it lacks.
SEAMS = 0.035
# A slope drawn from two close probes is mostly noise: it is believed between these shares of the scale's own.
SLOPES = (0.6, 2.5)
# By how much the logarithm of the bytes rises with each point of the score, until two probes tell.
GROWTH = 0.04
# After a sample, the whole picture's search ends at a file so many steps above the promise: one more costs an encode.
STEP = 1.3
# A first guess a little above the estimate seldom falls short, which would cost one more file.
LEAN = 0.3


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to run an encoder: pixels and a quality on its scale to a file."""

    name: str
    encode: Callable[[Picture, int], bytes]
    scale: Scale
    draft: Callable[[Picture, int], bytes] | None = None
    """The same look from a cheaper run, whose bytes compare with other drafts'."""
    gain: float = 0.0
    """Points by which a file usually scores above the draft of its quality."""
    steeper: float = 1.0
    """How many times as fast as the drafts' the score of files usually rises with the quality."""
    spare: Callable[[Picture, int], bytes] | None = None
    """A run between both, for when there is no time for another one of `encode`."""
    variants: tuple[Setting, ...] = ()
    """What is tried as well where this setting is the best of those it was tried with."""
    doubt: float = 1.0
    """How many times as large as the best other a variant's estimate is taken for: what drafts tell of it is rough."""
    twin: Setting | None = None
    """Takes the same bytes at every quality, and looks better or worse in a way that only the whole picture tells."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Where on its scale a setting reaches the target on the sample, in how many bytes, and how the score rises."""

    setting: Setting
    at: float
    size: float
    slope: float
    growth: float = GROWTH
    """By how much the logarithm of the bytes rises with each point of the score."""


def best_of(work: Work, settings: tuple[Setting, ...]) -> Offer | None:
    """The goal met by the setting that a sample shows to be the best; the first one for goals without a score.

    None where no setting reaches the promised score. Where files as large as the best so far fall short of it, the last
    of those.
    """
    if not isinstance(work.goal, LooksLike):
        return meet(work, partial(settings[0].encode, work.picture), settings[0].scale)
    sample, score = sampled(work), work.goal.score
    if sample is work:
        return _each_searched(work, settings, score)
    target = score + SEAMS * (100.0 - score)
    best = min(estimates(sample, settings, target), key=lambda estimate: estimate.size, default=None)
    if best is None:
        return None
    scale = replace(best.setting.scale, slope=best.slope, close=STEP)
    found = _searched(work, best.setting, scale, round(best.at + LEAN), score, _most(work))
    twin = best.setting.twin
    if found and found.good and twin and found.at > scale.lo and work.budget.allows(work.budget.spent):
        lower = replace(scale, hi=found.at - 1)
        other = _searched(work, twin, lower, found.at - 1, score, len(found.offer.data))
        found = other if other and other.good and len(other.offer.data) < len(found.offer.data) else found
    return found.offer if found else None


def sampled(work: Work) -> Work:
    """The work on a mosaic of its picture, which shows no file to the contest; the work itself where that is small."""
    tiles: Pixels = mosaic(work.picture.pixels)
    if tiles is work.picture.pixels:
        return work
    picture = replace(work.picture, pixels=tiles, animation=None)
    judge = Judge(picture)
    return replace(work, picture=picture, judge=lambda data: judge.score(work.read(data)), show=lambda _: None)


def estimates(work: Work, settings: tuple[Setting, ...], target: float) -> Iterator[Estimate]:
    """Where each setting reaches the target, by a few probes; none for one that cannot or that time rules out."""
    best: Estimate | None = None
    first: Estimate | None = None
    for setting in settings:
        if best and not work.budget.allows(work.budget.spent):
            return
        if estimate := _estimate(work, setting, target, first, best):
            yield estimate
            first = first or estimate
            best = min(best or estimate, estimate, key=lambda one: one.size)
    for variant in best.setting.variants if best else ():
        if estimate := _estimate(work, variant, target, best, best):
            yield replace(estimate, size=estimate.size * variant.doubt)


def _each_searched(work: Work, settings: tuple[Setting, ...], score: float) -> Offer | None:
    """Every setting on the picture itself, down to the last step: it is small enough."""
    best: Offer | None = None
    most = _most(work)
    further = [other for setting in settings for other in (*setting.variants, setting.twin) if other]
    for setting in (*settings, *further):
        if best and not work.budget.allows(work.budget.spent):
            break
        found = _searched(work, setting, replace(setting.scale, close=0.0), setting.scale.guess(score), score, most)
        if found:
            best = found.offer if best is None or len(found.offer.data) < most else best
            most = min(most, len(found.offer.data))
    return best


def _searched(work: Work, setting: Setting, scale: Scale, at: int, score: float, most: float) -> Sought | None:
    """The fewest bytes of one setting at the score, from a first guess; None where it cannot reach it."""
    found = seek(work, partial(setting.encode, work.picture), replace(scale, guess=lambda _: at), score, most)
    return found if found.good or len(found.offer.data) >= most else None


def _most(work: Work) -> float:
    """Bytes from which on a file is of no use."""
    return work.least() if work.met() else math.inf


def _estimate(
    work: Work, setting: Setting, target: float, known: Estimate | None, best: Estimate | None
) -> Estimate | None:
    lo, hi = setting.scale.lo, setting.scale.hi
    encode = setting.draft or setting.encode
    # What makes this picture harder or easier than most does so for every setting.
    alike = known.setting.scale.alike(known.at) if known else target
    x = min(max(setting.scale.guess(alike), lo), hi)
    seen: dict[int, tuple[float, float]] = {}
    while True:
        data = encode(work.picture, x)
        seen[x] = (work.judge(data), math.log(len(data)))
        if x == hi and seen[x][0] < target:
            return None
        found = _at(seen, target, setting, known)
        place = min(seen, key=lambda x: abs(seen[x][0] - target))
        away = target - seen[place][0]
        near = NEAR if known or len(seen) > 1 else NEAR_ALONE
        if abs(away) <= near or len(seen) == MOST_PROBES or (best and found.size > best.size * HOPELESS):
            return found
        x = min(max(place + (round(away / found.slope) or (1 if away > 0 else -1)), lo), hi)
        if x in seen:
            return found


def believed(slope: float, setting: Setting) -> float:
    """The slope between two probes, or as near to it as is likely for the setting."""
    usual = setting.scale.slope
    return min(max(slope, usual * SLOPES[0]), usual * SLOPES[1])


def _at(seen: dict[int, tuple[float, float]], target: float, setting: Setting, known: Estimate | None) -> Estimate:
    """On the line through the two probes nearest the target, in score against the logarithm of the bytes."""
    near = sorted(seen, key=lambda x: abs(seen[x][0] - target))[:2]
    one, other = near[0], near[-1]
    score, size = seen[one]
    slope = known.slope if known else setting.scale.slope
    growth = known.growth if known else GROWTH
    rise = seen[other][0] - score
    if other != one and rise:
        slope = believed(rise / (other - one), setting)
        growth = max((seen[other][1] - size) / rise, 0.0)
    away = target - score
    return Estimate(setting, one + away / slope, math.exp(size + growth * away), slope, growth)
