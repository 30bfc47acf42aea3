"""Fewer colours for PNG: the smallest of several families of coarser files that reaches the promised score."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from io import BytesIO

import numpy as np
from PIL import Image

from imgsvc.engine.aim import Scale, meet
from imgsvc.engine.clusters import MOST_COLOURS, Clusters
from imgsvc.engine.codec import Offer, Picture, Pixels, Work
from imgsvc.engine.deflate import quick
from imgsvc.engine.graphics import is_graphic
from imgsvc.engine.recipe import LooksLike
from imgsvc.engine.search import smallest
from imgsvc.engine.spots import spared
from imgsvc.engine.vips import to_vips

# libvips's palette quality: 100 takes all 256 colours, lower ones as many as the error allows.
QUALITIES = (*range(5, 70, 5), *range(70, 90, 2), *range(90, 101))
PALETTE = Scale(0, len(QUALITIES) - 1, lambda score: bisect_left(QUALITIES, min(score, 100.0)), slope=1.5)
# All 256 colours, chosen with the most care, and diffusion of errors between none and so much.
DITHERS = (0.0, 0.25, 0.5)
FINEST = Scale(0, len(DITHERS) - 1, lambda _: 0, slope=0.5)
# libvips's effort with a palette, 1..10: the highest scores half a point more for about twice the time, the hasty one
# up to three less for a twelfth to all of it.
EFFORT, MOST_EFFORT, HASTY_EFFORT = 7, 10, 4
FINEST_COSTS = 2.5
# Where hasty palettes of 256 colours fall short by more, the best ones do too: noise, and most photographs.
REACH = 5.0
HASTY = Scale(0, 1, lambda _: 0)
HASTY_DITHERS = (0.0, 0.5)
# Rounding steps, negative so that a larger number looks better.
STEPS = Scale(-32, -2, lambda score: -max(2, round(10 - (score - 70) / 3.5)), slope=3.5)

# Up to here every file of every family is tried, which makes the answer the best there is.
SWEPT_PIXELS = 10_000
# Beyond, that many places above the lowest that reaches the promise: the sizes are not in order.
BESIDE = {"palette": 1, "levels": 3}
# Up to here the colours of a picture are counted, which takes a hundred bytes a pixel for a moment.
COUNTED_PIXELS = 1_500_000
# So far below the promise, in points, lower places of a scale are given up.
HOPELESS = 8.0
# oxipng takes less than this off what libvips and Pillow write.
NEARLY = 1.15
# The share of the time that the search may take: the winner is compressed anew with what is left.
SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Family:
    """One way to coarsen pixels: a place on its scale to a file, not yet well compressed."""

    encode: Callable[[Picture, int], bytes]
    scale: Scale
    beside: int
    fallback: bool = False
    """Only of use where no family before it reaches the promise."""


@dataclass(slots=True)
class Tries:
    """What was tried so far: files with their scores, and what they took."""

    work: Work
    tidy: Callable[[bytes], bytes]
    offers: dict[bytes, float] = field(default_factory=dict)
    scores: dict[tuple[Family, int], float] = field(default_factory=dict)
    slowest: float = 0.0
    """Seconds that the dearest file of this family took."""
    dearest: float = 0.0
    """Of all families."""
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        self.begun = self.work.budget.left

    def turn(self) -> None:
        """To the next family: what the last one's files took says little of its own."""
        self.slowest = 0.0

    def score(self, family: Family, x: int) -> float:
        """The score of the family's file at a place of its scale."""
        if (family, x) in self.scores:
            return self.scores[family, x]
        before = self.work.budget.left
        data = self.tidy(family.encode(self.work.picture, x))
        if data not in self.offers:
            score = self.offers[data] = self.work.judge(data)
            if len(data) < self.work.least():
                self.work.show(Offer(data, score))
        self.slowest = max(self.slowest, before - self.work.budget.left)
        self.dearest = max(self.dearest, self.slowest)
        self.scores[family, x] = self.offers[data]
        return self.offers[data]

    def reached(self, target: float) -> dict[bytes, float]:
        """The files that keep the promise, with their scores."""
        return {data: score for data, score in self.offers.items() if score >= target}

    def enough(self) -> bool:
        """Whether one more would take more than this search's share of the time."""
        return self.work.budget.left - self.slowest < (1 - SHARE) * self.begun


def palette(picture: Picture, x: int, dither: float, effort: int = EFFORT) -> bytes:
    """At most 256 colours: as few as the error at this place of the scale allows."""
    saved: bytes = to_vips(picture.pixels).pngsave_buffer(
        palette=True, Q=QUALITIES[x], effort=effort, dither=dither, compression=6, keep="none"
    )
    return saved


def levels(picture: Picture, x: int) -> bytes:
    """Every channel rounded to multiples of one step: neighbours become equal, and all differences divisible.

    A step that does not divide evenly would make differences of two kinds, and files a tenth larger.
    """
    coarse = np.array(picture.pixels)
    coarse[..., :3] = _rounded(-x)[picture.pixels[..., :3]]
    out = BytesIO()
    Image.fromarray(coarse).save(out, "PNG", compress_level=6)
    return out.getvalue()


def _rounded(step: int) -> Pixels:
    values = np.arange(256)
    nearest = np.minimum(np.round(values / step) * step, 255)
    # White stays white, whatever the step.
    nearest[values > 255 - step / 2] = 255
    return nearest.astype(np.uint8)


def finest(picture: Picture, x: int) -> bytes:
    """256 colours chosen with the most care, errors diffused the more the higher the place, no spot lost."""
    return spared(picture.pixels, palette(picture, PALETTE.hi, DITHERS[x], MOST_EFFORT))


def hasty(picture: Picture, x: int) -> bytes:
    """256 colours chosen in a hurry, errors diffused or not: what palettes are good for at all."""
    return palette(picture, PALETTE.hi, HASTY_DITHERS[x], HASTY_EFFORT)


def capped(encode: Callable[[int], bytes]) -> Callable[[int], bytes]:
    """`encode`, which is asked once for each place, and for none above one whose palette is full: they are the same."""
    made: dict[int, bytes] = {}

    def once(x: int) -> bytes:
        below = max((place for place in made if place <= x), default=None)
        if below is None or (below < x and not _full(made[below])):
            made[x] = encode(x)
            return made[x]
        return made[below]

    return once


def _full(data: bytes) -> bool:
    with Image.open(BytesIO(data)) as image:
        return image.mode == "P" and len(image.getpalette() or ()) >= 3 * MOST_COLOURS


def dithered(dither: float) -> Family:
    return Family(lambda picture, x: spared(picture.pixels, palette(picture, x, dither)), PALETTE, BESIDE["palette"])


def families(picture: Picture, palettes: bool = True) -> tuple[Family, ...]:
    """Ways worth trying where a score is promised; without those of palettes, which may be known to be in vain.

    Palettes without error diffusion: with it three photographs were larger at the same score than with better colours.
    It gets a palette up to two points further where 256 colours alone fall short; channels take twice the bytes then.
    """
    rounding = Family(levels, STEPS, BESIDE["levels"])
    if not palettes:
        return (rounding,)
    plain = capped(lambda x: palette(picture, x, 0.0))
    refined = cache(Clusters(picture.pixels).refined)
    diffused = capped(lambda x: palette(picture, x, 0.5))
    spare = cache(partial(spared, picture.pixels))
    large = picture.width * picture.height > COUNTED_PIXELS
    return (
        Family(lambda _, x: spare(diffused(x) if large else refined(spare(plain(x)))), PALETTE, BESIDE["palette"]),
        Family(lambda _, x: spare(plain(x)), PALETTE, BESIDE["palette"]),
        Family(finest, FINEST, 0, fallback=True),
        rounding,
    )


def coarser(work: Work, tidy: Callable[[bytes], bytes]) -> Offer | None:
    """The smallest file of all families that keeps a promised score; for other goals a palette alone.

    `tidy` takes what the encoders add to a picture out of their files.
    """
    if not isinstance(work.goal, LooksLike):
        family = dithered(0.0 if is_graphic(work.picture.pixels) else 0.5)
        return meet(work, lambda x: tidy(family.encode(work.picture, x)), family.scale)
    tries = Tries(work, tidy)
    small = work.picture.width * work.picture.height <= SWEPT_PIXELS
    (_sweep if small else _search)(tries, work.goal.score)
    return _smallest(tries, work.goal.score)


def _sweep(tries: Tries, target: float) -> None:
    """Every place of each scale from the top down, until the score is far below the target."""
    for family in families(tries.work.picture):
        if family.fallback and tries.reached(target):
            continue
        for x in range(family.scale.hi, family.scale.lo - 1, -1):
            if tries.enough():
                return
            if tries.score(family, x) < target - HOPELESS:
                break


def _search(tries: Tries, target: float) -> None:
    """The lowest place of each scale that reaches the target, and a few above it."""
    guess = PALETTE.guess(target)
    for family in families(tries.work.picture, palettes=_hopeful(tries, target)):
        if family.fallback and (tries.reached(target) or tries.work.budget.left < FINEST_COSTS * tries.dearest):
            continue
        tries.turn()
        if tries.offers and tries.enough():
            return
        start = guess if family.scale is PALETTE else family.scale.guess(target)
        lo, hi, slope = family.scale.lo, family.scale.hi, family.scale.slope
        found = smallest(partial(tries.score, family), target, lo, hi, start, tries.enough, slope)
        if family.scale is PALETTE:
            # How diffusion is done changes the score little.
            guess = found.at
        for x in range(found.at + 1, min(found.at + family.beside, hi) + 1):
            if found.good and not tries.enough():
                tries.score(family, x)


def _hopeful(tries: Tries, target: float) -> bool:
    """Whether a palette of 256 colours may reach the target."""
    family = Family(hasty, HASTY, 0)
    return any(tries.score(family, x) >= target - REACH for x in (HASTY.lo, HASTY.hi))


def _smallest(tries: Tries, target: float) -> Offer | None:
    """Of the files that reach the target those that may be the smallest, well compressed; else the best-looking."""
    work = tries.work
    reached = tries.reached(target)
    if not reached:
        return max((Offer(*pair) for pair in tries.offers.items()), key=lambda one: one.score or 0.0, default=None)
    least = min(map(len, reached))
    best = None
    for data in sorted(reached, key=len):
        if best and (len(data) > NEARLY * least or work.budget.left < (1 - SHARE) * tries.begun / 2):
            break
        offer = Offer(quick(data, loose=True), reached[data])
        work.show(offer)
        best = offer if best is None or len(offer.data) < len(best.data) else best
    return best
