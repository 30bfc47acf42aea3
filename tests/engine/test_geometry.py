"""Sizes by the API's own examples, and what holds for every picture, box and focal point."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsvc.engine.geometry import Size, margins, plan, window
from imgsvc.engine.recipe import Method, Resize

SIDES = st.integers(1, 12_000)
SHARES = st.floats(0, 1)


@pytest.mark.parametrize(
    ("method", "box", "natural", "size"),
    [
        ("fit", (500, 500), (1000, 200), (500, 100)),
        ("fit", (500, 500), (16, 16), (500, 500)),
        ("scale-down", (500, 500), (1000, 200), (500, 100)),
        ("scale-down", (500, 500), (16, 16), (16, 16)),
        ("scale-down", (500, None), (1000, 2000), (500, 1000)),
        ("scale-down", (500, None), (16, 160), (16, 160)),
        ("fit", (500, None), (16, 160), (500, 5000)),
        ("crop", (500, 500), (1000, 200), (500, 500)),
        ("crop", (500, 500), (16, 16), (500, 500)),
        ("pad", (500, 500), (1000, 200), (500, 500)),
        ("pad", (500, 500), (16, 16), (500, 500)),
    ],
)
def test_sizes(method: Method, box: tuple[int, int | None], natural: Size, size: Size) -> None:
    assert plan(*natural, Resize(*box, method)).size == size


@given(SIDES, SIDES)
def test_without_a_box_nothing_happens(width: int, height: int) -> None:
    made = plan(width, height, None)
    assert made.scaled == made.size == (width, height)


def shaped_as(scaled: Size, width: int, height: int) -> bool:
    """Whether a size is that of the picture at some scale, rounded to whole pixels of at least 1."""
    (across, down), natural = scaled, Fraction(width, height)
    widest = Fraction(2 * across + 1, max(1, 2 * down - 1))
    narrowest = Fraction(max(1, 2 * across - 1), 2 * down + 1)
    return narrowest <= natural <= widest or 1 in scaled


@given(SIDES, SIDES, SIDES, SIDES, st.sampled_from(("scale-down", "fit", "crop", "pad")))
def test_proportions_are_kept(width: int, height: int, across: int, down: int, method: Method) -> None:
    assert shaped_as(plan(width, height, Resize(across, down, method)).scaled, width, height)


@given(SIDES, SIDES, SIDES, SIDES)
def test_fit_touches_the_box_and_stays_inside(width: int, height: int, across: int, down: int) -> None:
    made = plan(width, height, Resize(across, down, "fit"))
    assert made.scaled == made.size
    assert made.size[0] <= across
    assert made.size[1] <= down
    assert made.size[0] == across or made.size[1] == down


@given(SIDES, SIDES, SIDES, SIDES)
def test_scale_down_is_fit_unless_the_picture_is_smaller(width: int, height: int, across: int, down: int) -> None:
    made = plan(width, height, Resize(across, down))
    smaller = width <= across and height <= down
    assert made.size == ((width, height) if smaller else plan(width, height, Resize(across, down, "fit")).size)


@given(SIDES, SIDES, SIDES, SIDES, SHARES, SHARES)
def test_a_crop_has_its_size_and_keeps_the_focal_point(
    width: int, height: int, across: int, down: int, x: float, y: float
) -> None:
    made = plan(width, height, Resize(across, down, "crop"))
    assert made.size == (across, down)
    for start, share, whole, part in zip(window(made, (x, y)), (x, y), made.scaled, made.size, strict=True):
        assert 0 <= start <= whole - part
        assert start <= share * whole <= start + part


@given(SIDES, SIDES, SIDES, SIDES)
def test_a_crop_scales_no_more_than_it_must(width: int, height: int, across: int, down: int) -> None:
    scaled = plan(width, height, Resize(across, down, "crop")).scaled
    assert scaled[0] == across or scaled[1] == down


@given(SIDES, SIDES, SIDES, SIDES)
def test_a_padded_picture_lies_in_the_middle(width: int, height: int, across: int, down: int) -> None:
    made = plan(width, height, Resize(across, down, "pad"))
    assert made.size == (across, down)
    for start, whole, part in zip(margins(made), made.size, made.scaled, strict=True):
        assert start >= 0
        assert whole - part - start - start in (0, 1)


@pytest.mark.parametrize(
    ("focal", "at"), [((0.5, 0), (50, 0)), ((0, 0.5), (0, 0)), ((1, 0.5), (100, 0)), ((0.3, 0.9), (10, 0))]
)
def test_sides_are_focal_points(focal: tuple[float, float], at: tuple[int, int]) -> None:
    assert window(plan(200, 100, Resize(100, 100, "crop")), focal) == at
