"""Fewer colours for PNG: which ways are tried, and what is done where a palette falls short."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from imgsvc.engine import pipeline
from imgsvc.engine.budget import Budget
from imgsvc.engine.codec import Picture, Work
from imgsvc.engine.codecs.png import CODEC
from imgsvc.engine.judge import Judge
from imgsvc.engine.recipe import LooksLike, Lossless, Recipe
from imgsvc.engine.shades import (
    DITHERS,
    PALETTE,
    STEPS,
    Family,
    Tries,
    _search,
    capped,
    families,
    finest,
    hasty,
    palette,
)
from tests.engine.pictures import drawing, encoded, glass, photo


def colours(data: bytes) -> int:
    with Image.open(BytesIO(data)) as image:
        return len(np.unique(np.asarray(image.convert("RGBA")).reshape(-1, 4), axis=0))


def picture(image: Image.Image) -> Picture:
    return Picture(np.asarray(image))


def score(wanted: Picture, data: bytes) -> float:
    return Judge(wanted).score(CODEC.decode(data, None))


def test_no_palette_is_made_twice_nor_one_beyond_a_full_one() -> None:
    wanted = picture(photo(240, 180))
    asked = []

    def encode(x: int) -> bytes:
        asked.append(x)
        return palette(wanted, x, 0.0)

    once = capped(encode)
    for x in (0, PALETTE.hi - 1, PALETTE.hi, 0, PALETTE.hi):
        assert once(x) == palette(wanted, x, 0.0)
    assert asked == [0, PALETTE.hi - 1]


def test_a_palette_with_room_is_no_end() -> None:
    wanted = picture(drawing())
    once = capped(lambda x: palette(wanted, x, 0.0))
    assert [once(x) for x in (0, 10, 20)] == [palette(wanted, x, 0.0) for x in (0, 10, 20)]


@pytest.mark.parametrize("place", range(len(DITHERS)))
@pytest.mark.parametrize("make", [photo, glass])
def test_the_finest_are_palettes(make, place: int) -> None:
    assert colours(finest(picture(make(200, 150)), place)) <= 256


def test_what_no_flat_palette_reaches_a_diffused_one_may() -> None:
    wanted = picture(photo(300, 220, 5))
    flat = max(score(wanted, family.encode(wanted, PALETTE.hi)) for family in families(wanted)[:2])
    best = max(score(wanted, finest(wanted, place)) for place in range(len(DITHERS)))
    promised = (flat + best) / 2
    assert flat < promised < best
    made = pipeline.optimize(encoded(photo(300, 220, 5), "PNG"), Recipe(LooksLike(promised)), Budget(60))
    assert made.score is not None
    assert made.score >= promised
    assert colours(made.data) <= 256


def test_noise_is_rounded_and_not_left_as_it_is() -> None:
    dice = np.random.default_rng(4)
    noisy = np.asarray(glass(320, 240)) + dice.integers(0, 12, (240, 320, 4)).astype(np.uint8) * (1, 1, 1, 0)
    data = encoded(Image.fromarray(noisy.astype(np.uint8)), "PNG")
    whole = pipeline.optimize(data, Recipe(Lossless()), Budget(60))
    made = pipeline.optimize(data, Recipe(LooksLike(70.0)), Budget(60))
    assert made.score is not None
    assert made.score >= 70
    assert colours(made.data) > 256
    assert len(made.data) < len(whole.data) / 2


@pytest.mark.parametrize(("promised", "tried"), [(60.0, True), (99.0, False)])
def test_palettes_are_tried_where_a_hasty_one_comes_near(promised: float, tried: bool) -> None:
    wanted = picture(photo(240, 180))
    assert score(wanted, hasty(wanted, 0)) > 60
    asked = []

    class Counting(Tries):
        def score(self, family: Family, x: int) -> float:
            asked.append(family.scale)
            return super().score(family, x)

    judge = Judge(wanted).reader(lambda data: CODEC.decode(data, None))
    work = Work(None, wanted, LooksLike(promised), Budget(60), judge, lambda data: CODEC.decode(data, None))
    _search(Counting(work, lambda data: data), promised)
    assert (PALETTE in asked) is tried
    assert STEPS in asked
