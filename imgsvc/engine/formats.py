"""Which formats compete for one picture where several may answer, told by what it holds and by a sample of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from imgsvc.engine.budget import Budget
from imgsvc.engine.codec import Animation, Codec, Picture
from imgsvc.engine.contest import Contest
from imgsvc.engine.graphics import is_graphic
from imgsvc.engine.mosaic import mosaic
from imgsvc.engine.recipe import Goal, LooksLike, Lossless
from imgsvc.engine.result import Step

# So few pixels may be smallest as a palette whatever they show, and are tried in no time.
SMALL_PIXELS = 40_000
# A sample misjudges how two formats compare by less than this, measured; of drawn pictures its seams hide repetition.
SLACK, SLACK_DRAWN = 1.25, 1.5
# Of an animation; fewer frames would weigh the first, which is stored whole, too much.
LEAST_FRAMES = 5
SAMPLED_PIXELS = 200_000
# What all heats together may take of the time: less is too little to compare, more is missed in the end.
HEATS = 0.25
# Seconds a megapixel of the whole picture below which there is no time for heats: the cheapest formats alone get done.
SECONDS_A_MEGAPIXEL = 2.5

Attempt = Callable[[Codec, Picture, Budget, Contest], None]
"""Runs a format's passes on a picture within a budget, for a contest."""


@dataclass(frozen=True, slots=True)
class Field:
    """A picture, the formats that may answer, and the upload's own format where it may stay, if any."""

    picture: Picture
    goal: Goal
    formats: Sequence[Codec]
    own: Codec | None
    size: float
    """Bytes of the upload, where its format may stay."""


def able(field: Field) -> list[Codec]:
    """The formats that can hold the picture as it is and may come out smallest, in the order of the registry.

    A format without alpha or animation sits out where another has what the picture needs, one for flat colours where
    the picture is a photograph, and where every pixel must stay, one that loses some. The upload's own always competes.
    """
    holding = [codec for codec in field.formats if _holds(codec, field.picture)] or list(field.formats)
    drawn = is_graphic(field.picture.pixels) or field.picture.width * field.picture.height <= SMALL_PIXELS
    exact = isinstance(field.goal, Lossless)
    fit = [
        codec
        for codec in holding
        if codec is field.own or ((codec.lossless and _untouched(field)) if exact else (drawn or not codec.flat))
    ]
    return fit or holding


def _untouched(field: Field) -> bool:
    """Whether the decoded pixels are all that the upload holds; where it cannot stay, they are all there is."""
    return field.own is None or not field.picture.converted


def _holds(codec: Codec, picture: Picture) -> bool:
    return (codec.alpha or not picture.alpha) and (codec.animation or picture.animation is None)


def _pixels(picture: Picture) -> int:
    frames = len(picture.animation.durations) if picture.animation else 1
    return picture.width * picture.height * frames


def _sample(picture: Picture) -> Picture:
    """Tiles of a still, the first frames of an animation; the picture itself where that is not much less of it."""
    moving = picture.animation
    if moving is None:
        tiles = mosaic(picture.pixels)
        return picture if tiles is picture.pixels else replace(picture, pixels=tiles, reshaped=True)
    count = max(LEAST_FRAMES, math.ceil(SAMPLED_PIXELS / (picture.width * picture.height)))
    if len(moving.durations) < 2 * count:
        return picture
    start = Animation(moving.pick, moving.durations[:count], moving.loop)
    return replace(picture, animation=start, reshaped=True)


def worthwhile(field: Field, budget: Budget, attempt: Attempt, note: Callable[[Step], None]) -> list[Codec]:
    """The able formats that a sample of the picture shows to be near the smallest, in their order.

    Without a sample much smaller than the picture, all who are able; without the time to try one too, but first the
    upload's own, which is sure to get somewhere. Those left out are noted.
    """
    fit = able(field)
    sample = _sample(field.picture)
    if len(fit) < 2 or sample is field.picture or not isinstance(field.goal, LooksLike | Lossless):
        return fit
    if not budget.allows(SECONDS_A_MEGAPIXEL * _pixels(field.picture) / 1e6):
        return sorted(fit, key=lambda codec: codec is not field.own)
    sizes = _heats(field, fit, sample, budget, attempt)
    least = min(sizes.values(), default=0.0)
    most = least * (SLACK_DRAWN if is_graphic(field.picture.pixels) else SLACK)
    for codec in fit:
        if codec not in sizes:
            note(Step(codec.name, "skipped", note="short on a sample"))
        elif sizes[codec] > most:
            note(Step(codec.name, "skipped", note=f"{sizes[codec] / least:.2f} times the smallest on a sample"))
    return [codec for codec in fit if sizes.get(codec, math.inf) <= most] or fit


def _heats(field: Field, fit: list[Codec], sample: Picture, budget: Budget, attempt: Attempt) -> dict[Codec, float]:
    """Bytes of each format's best file for the sample, where it keeps the promise."""
    heats = budget.part(HEATS * budget.left)
    sizes: dict[Codec, float] = {}
    if field.own:
        sizes[field.own] = field.size * _pixels(sample) / _pixels(field.picture)
    for number, codec in enumerate(fit):
        if codec is field.own and isinstance(field.goal, Lossless):
            # What its lossless passes rewrite is the file, and a sample has none.
            continue
        heat = Contest(field.goal, lambda _: None)
        attempt(codec, sample, heats.turn(number, len(fit)), heat)
        if heat.met():
            sizes[codec] = min(heat.least(), sizes.get(codec, math.inf))
    return sizes
