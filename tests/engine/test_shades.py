"""Fewer colours for PNG: which ways are tried, and what is done where a palette falls short."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from imgsvc.engine import pipeline
from imgsvc.engine.budget import Budget
from imgsvc.engine.codec import Picture
from imgsvc.engine.codecs.png import CODEC
from imgsvc.engine.judge import Judge
from imgsvc.engine.recipe import LooksLike, Recipe
from imgsvc.engine.shades import DITHERS, PALETTE, capped, families, finest, palette
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
