"""A slow encoder met by way of quick drafts: they choose the setting and foretell the score of the slow file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from imgsvc.engine.aim import Scale, Sought, meet, seek
from imgsvc.engine.codec import Offer, Picture, Work
from imgsvc.engine.recipe import LooksLike
from imgsvc.engine.trial import SEAMS, Estimate, Setting, believed, estimates, sampled

# What is foretold errs by half a point; aimed this much above the promise, most first encodes keep it.
MARGIN = 0.25
# What the slow encode adds on the mosaic counts by so much, the rest is as usual: its extremes are mostly noise.
TRUST = 0.7
# A draft of the whole this many points off is made once more, nearer to where it matters.
FAR = 2.0
# A file this share of one step above the promise is not worth another slow encode.
STEP = 1.7
# Points by which a cheaper run's file usually scores below the slow one of its quality.
LOSS = 0.5
# After so many slow encodes a file that keeps the promise is the answer: a third would save about one step.
TRIES = 2

Encode = Callable[[Picture, int], bytes]


def rehearsed(work: Work, settings: tuple[Setting, ...]) -> Offer | None:
    """The goal met by the best setting as drafts show it, in one or two slow encodes of a large picture.

    Drafts of a mosaic choose the setting and a quality. The slow file's score is foretold from a draft of the whole and
    from what the slow encode adds to the draft's score, on the mosaic and usually: what the mosaic is unlike drops out.
    Where the best setting cannot reach the promised score after all, as half the chroma often cannot, the next best is
    taken. The first setting meets a goal without a score. None where no draft reaches the promised one.
    """
    first = settings[0]
    if not isinstance(work.goal, LooksLike):
        return meet(work, partial(first.encode, work.picture), first.scale)
    promised = work.goal.score
    sample = sampled(work)
    seams = 0.0 if sample is work else SEAMS * (100.0 - promised)
    estimated = estimates(sample, settings, promised + seams - first.gain)
    offer = None
    for estimate in sorted(estimated, key=lambda estimate: estimate.size):
        encode: Encode | None = estimate.setting.encode
        if offer is not None:
            work.show(offer)
            encode = encode if work.budget.allows(work.budget.spent) else estimate.setting.spare
        if encode is None:
            break
        most = work.least() if work.met() else math.inf
        scale = _scaled(work, sample, estimate, promised)
        found = seek(work, partial(encode, work.picture), scale, promised, most)
        offer = found.offer
        if not found.good and found.at < scale.hi and len(offer.data) < most:
            offer = _spared(work, estimate, found, most)
        if (offer.score or 0.0) >= promised or len(offer.data) >= most:
            break
    return offer


def _scaled(work: Work, sample: Work, estimate: Estimate, promised: float) -> Scale:
    """The scale of the estimate's setting, with what is known of the picture."""
    setting = estimate.setting
    scale = replace(setting.scale, slope=estimate.slope)
    if sample is work:
        return replace(scale, guess=lambda _: round(estimate.at))
    guess = math.ceil(_foretold(work, sample, estimate, promised))
    slope = estimate.slope * setting.steeper
    return replace(scale, guess=lambda _: guess, slope=slope, close=STEP, tries=TRIES)


def _spared(work: Work, best: Estimate, short: Sought, most: float) -> Offer:
    """A cheaper run's file, where time allows no slow one that keeps the promise: it is larger, and does."""
    setting, goal = best.setting, work.goal
    if setting.spare is None or not isinstance(goal, LooksLike):
        return short.offer
    work.show(short.offer)
    missing = goal.score - (short.offer.score or 0.0) + LOSS
    guess = _within(setting, math.ceil(short.at + missing / best.slope))
    scale = replace(setting.scale, guess=lambda _: guess, slope=best.slope, tries=1)
    return seek(work, partial(setting.spare, work.picture), scale, goal.score, most).offer


def _foretold(work: Work, sample: Work, best: Estimate, promised: float) -> float:
    """The quality at which the slow file of the whole has the promised score, and a little more."""
    setting = best.setting
    slow, draft = setting.encode, setting.draft or setting.encode
    at = _within(setting, best.at)
    whole = _score(work, draft, at)
    slope = best.slope
    off = promised - setting.gain - whole
    if abs(off) > FAR and (nearer := _within(setting, at + off / slope)) != at:
        again = _score(work, draft, nearer)
        # The whole picture's own slope: a mosaic of few tiles tells less.
        slope = believed((again - whole) / (nearer - at), setting)
        at, whole = nearer, again
    told = _score(sample, slow, at) - _score(sample, draft, at)
    gain = TRUST * told + (1 - TRUST) * setting.gain
    return at + (promised + MARGIN - whole - gain) / (slope * setting.steeper)


def _within(setting: Setting, at: float) -> int:
    return min(max(round(at), setting.scale.lo), setting.scale.hi)


def _score(stage: Work, encode: Callable[[Picture, int], bytes], at: int) -> float:
    made = encode(stage.picture, at)
    score = stage.judge(made)
    stage.show(Offer(made, score))
    return score
