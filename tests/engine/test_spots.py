"""Spots of a rare colour in a palette."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgsvc.engine import pipeline
from imgsvc.engine.budget import Budget
from imgsvc.engine.clusters import MOST_COLOURS, vectors, written
from imgsvc.engine.codec import Picture, Pixels
from imgsvc.engine.recipe import LooksLike, Recipe
from imgsvc.engine.shades import palette
from imgsvc.engine.spots import BAND, COLOURS, SHIFT, SIDE, SMOOTH_SHIFT, _roomy, spared
from tests.engine.pictures import encoded, photo


def shown(data: bytes) -> Pixels:
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA"))


def shift(pixels: Pixels, data: bytes, top: int, left: int, side: int = SIDE) -> float:
    """How far the mean colour of a square is from the original's."""
    square = np.s_[top : top + side, left : left + side]
    rgba = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]) if pixels.shape[2] == 3 else pixels
    one, other = (vectors(whole[square].reshape(-1, 4)).mean(axis=0) for whole in (rgba, shown(data)))
    return float(np.linalg.norm(one - other))


def jug(spot: int = 3 * SIDE) -> Pixels:
    """A field of greens and ochres with one red spot, whose upper left corner is at 2 * SIDE."""
    dice = np.random.default_rng(7)
    field = np.asarray(photo(240, 180)) // (4, 2, 8) + (60, 90, 0) + dice.integers(0, 12, (180, 240, 3))
    field[2 * SIDE : 2 * SIDE + spot, 2 * SIDE : 2 * SIDE + spot] = (178, 44, 40)
    return field.clip(0, 255).astype(np.uint8)


def gray(pixels: Pixels, colours: int) -> bytes:
    """So few grays instead of the colours there are."""
    light = np.asarray(Image.fromarray(pixels).convert("L")).astype(int)
    values = np.linspace(0, 255, colours).round().astype(np.uint8)
    rgba = np.column_stack([values, values, values, np.full(colours, 255, np.uint8)])
    return written((light * (colours - 1) // 255).astype(np.uint8), rgba)


def test_a_spot_that_lost_its_colour_gets_it_back() -> None:
    pixels = jug()
    flat = Image.fromarray(pixels).quantize(12, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    out = BytesIO()
    flat.save(out, "PNG")
    assert shift(pixels, out.getvalue(), 2 * SIDE, 2 * SIDE) > SHIFT
    assert shift(pixels, spared(pixels, out.getvalue()), 2 * SIDE, 2 * SIDE) <= SHIFT


def test_nothing_lost_is_left_as_it_is() -> None:
    pixels = jug(0)
    data = palette(Picture(pixels), 20, 0.0)
    assert spared(pixels, data) is data


def test_what_is_no_palette_is_left_as_it_is() -> None:
    data = encoded(photo(64, 64), "PNG")
    assert spared(np.asarray(photo(64, 64)), data) is data


@pytest.mark.parametrize("colours", [2, MOST_COLOURS - 1, MOST_COLOURS])
def test_no_palette_grows_beyond_a_full_one(colours: int) -> None:
    pixels = jug()
    data = gray(pixels, colours)
    made = spared(pixels, data)
    count = len(np.unique(shown(made).reshape(-1, 4), axis=0))
    assert count <= min(MOST_COLOURS, colours + COLOURS)
    assert shift(pixels, made, 2 * SIDE, 2 * SIDE) <= SHIFT < shift(pixels, data, 2 * SIDE, 2 * SIDE)


def test_unused_and_similar_colours_are_given_up_first() -> None:
    palette_ = np.array([(0, 0, 0, 255), (250, 250, 250, 255), (90, 0, 0, 255), (248, 250, 250, 255), (9, 99, 9, 255)])
    numbers = np.array([[0, 1, 1, 1, 2, 3]], np.uint8)
    for most, kept in ((5, [0, 1, 2, 3, 4]), (4, [0, 1, 2, 3]), (3, [0, 1, 2])):
        fewer, left = _roomy(numbers, palette_.astype(np.uint8), most)
        assert left.tolist() == palette_[kept].tolist()
        assert left[fewer][..., 0].tolist() == [[0, 250, 250, 250, 90, 248 if most > 3 else 250]]


@pytest.mark.parametrize("top", [0, BAND - SIDE, BAND, 2 * BAND + SIDE])
def test_spots_are_found_in_every_band(top: int) -> None:
    pixels = np.full((2 * BAND + 3 * SIDE + 5, 40, 3), 120, np.uint8)
    pixels[top : top + SIDE, SIDE : 2 * SIDE] = (20, 60, 200)
    data = gray(pixels, 2)
    assert shift(pixels, spared(pixels, data), top, SIDE) <= SHIFT < shift(pixels, data, top, SIDE)


def test_what_shows_of_the_background_counts() -> None:
    pixels = np.full((64, 64, 4), 255, np.uint8)
    pixels[16:32, 16:32] = (200, 30, 30, 90)
    data = written(np.zeros((64, 64), np.uint8), np.full((1, 4), 255, np.uint8))
    assert np.abs(shown(spared(pixels, data)).astype(int) - pixels).max() <= 2


@settings(max_examples=40, deadline=None)
@given(
    sides=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    channels=st.sampled_from([3, 4]),
    colours=st.integers(1, MOST_COLOURS),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_picture_keeps_its_sides_and_a_palette(
    sides: tuple[int, int], channels: int, colours: int, seed: int
) -> None:
    wide, high = sides
    dice = np.random.default_rng(seed)
    pixels = dice.integers(0, 256, (high, wide, channels)).astype(np.uint8)
    numbers = dice.integers(0, colours, (high, wide)).astype(np.uint8)
    made = spared(pixels, written(numbers, dice.integers(0, 256, (colours, 4)).astype(np.uint8)))
    with Image.open(BytesIO(made)) as image:
        assert image.mode == "P"
        assert image.size == (wide, high)
        assert len(np.unique(np.asarray(image.convert("RGBA")).reshape(-1, 4), axis=0)) <= MOST_COLOURS


def test_a_smooth_shade_has_no_coarse_steps_while_there_is_room() -> None:
    pixels = np.repeat(np.linspace(40, 70, 256).round().astype(np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    data = gray(pixels, 8)
    made = spared(pixels, data)
    steps = [np.abs(shown(one)[..., 0].astype(int) - pixels[..., 0]).max() for one in (data, made)]
    assert steps[0] > 2 * SMOOTH_SHIFT
    assert steps[1] <= SMOOTH_SHIFT
    assert spared(pixels, gray(pixels, MOST_COLOURS)) == gray(pixels, MOST_COLOURS)


def test_a_promise_kept_by_a_palette_keeps_the_spot() -> None:
    pixels = jug(SIDE)
    made = pipeline.optimize(encoded(Image.fromarray(pixels), "PNG"), Recipe(LooksLike(60.0)), Budget(60))
    with Image.open(BytesIO(made.data)) as image:
        assert image.mode == "P"
    assert shift(pixels, made.data, 2 * SIDE, 2 * SIDE) <= SHIFT
