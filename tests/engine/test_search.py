"""The search on plain numbers: it finds the smallest, in few probes, and stops when told to."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from imgsvc.engine.aim import Scale, meet, through
from imgsvc.engine.budget import Budget
from imgsvc.engine.codec import Picture, Work
from imgsvc.engine.recipe import Under
from imgsvc.engine.search import Found, smallest


def counted(value: Callable[[int], float]) -> tuple[Callable[[int], float], list[int]]:
    asked: list[int] = []

    def probe(x: int) -> float:
        asked.append(x)
        return value(x)

    return probe, asked


@given(
    values=some.lists(some.floats(0.0, 3.0), min_size=1, max_size=120),
    target=some.floats(-5.0, 200.0),
    guess=some.integers(-10, 140),
)
def test_finds_a_good_place_whenever_there_is_one(values: list[float], target: float, guess: int) -> None:
    heights = [sum(values[: number + 1]) for number in range(len(values))]
    hi = len(heights) - 1
    probe, asked = counted(lambda x: heights[x])
    found = smallest(probe, target, 0, hi, guess)
    assert found.good == (heights[hi] >= target)
    assert found.value == heights[found.at]
    assert len(asked) == len(set(asked))
    if found.good:
        assert found.value >= target


@given(start=some.floats(-50, 50), rise=some.floats(0.2, 5.0), share=some.floats(0.0, 1.0), guess=some.integers(0, 100))
def test_a_straight_scale_gives_the_very_smallest(start: float, rise: float, share: float, guess: int) -> None:
    target = start + 100 * rise * share
    probe, asked = counted(lambda x: start + rise * x)
    found = smallest(probe, target, 0, 100, guess)
    best = next(x for x in range(101) if start + rise * x >= target)
    # The search leaves out the last step where the slope says that it would miss.
    assert found.at - best in (0, 1)
    assert len(asked) <= 8


def test_a_good_guess_and_a_known_slope_take_one_probe() -> None:
    probe, asked = counted(lambda x: 0.5 * x)
    assert smallest(probe, 35.0, 0, 100, 70, slope=0.5) == Found(70, 35.0, good=True)
    assert asked == [70]


def test_one_probe_when_there_is_no_time() -> None:
    probe, asked = counted(float)
    assert smallest(probe, 35.0, 0, 100, 70, stop=lambda: True) == Found(70, 70.0, good=True)
    assert smallest(probe, 35.0, 0, 100, 10, stop=lambda: True) == Found(10, 10.0, good=False)
    assert asked == [70, 10]


def test_says_when_nothing_is_good() -> None:
    assert smallest(float, 101.0, 0, 100, 50) == Found(100, 100.0, good=False)


def test_looks_below_a_jump() -> None:
    heights = {x: float(x) for x in range(40)} | {x: 90.0 + x / 100 for x in range(40, 101)} | {37: 72.0}
    assert smallest(heights.__getitem__, 70.0, 0, 100, 50).at == 40
    assert smallest(heights.__getitem__, 70.0, 0, 100, 50, far=4.0).at == 37


@given(start=some.floats(-50, 50), rise=some.floats(0.2, 5.0), share=some.floats(0.0, 1.0), guess=some.integers(0, 100))
def test_nothing_close_is_good_enough_where_every_step_counts(
    start: float, rise: float, share: float, guess: int
) -> None:
    target = start + 100 * rise * share
    probe, asked = counted(lambda x: start + rise * x)
    found = smallest(probe, target, 0, 100, guess, slope=rise, close=0.0)
    assert found.at == next(x for x in range(101) if start + rise * x >= target)
    assert len(asked) <= 8


@given(
    rise=some.floats(0.2, 2.0), known=some.floats(0.8, 1.2), target=some.floats(20.0, 80.0), off=some.integers(-4, 4)
)
def test_a_known_slope_and_a_guess_a_few_steps_off_take_few_probes(
    rise: float, known: float, target: float, off: int
) -> None:
    place = math.ceil(target / rise)
    probe, asked = counted(lambda x: rise * x)
    found = smallest(probe, target, 0, 1000, place + off, slope=rise * known, close=1.0)
    assert found.value >= target
    assert found.value - target < 2 * rise
    assert len(asked) <= 4


def test_a_guess_through_points_is_straight_between_them_and_goes_on_beyond() -> None:
    guess = through((60, 40), (70, 60), (80, 90))
    assert [guess(score) for score in (50, 60, 65, 70, 75, 80, 90)] == [20, 40, 50, 60, 75, 90, 120]


@given(score=some.floats(0.0, 99.0))
def test_the_score_alike_is_where_a_scales_guess_comes_from(score: float) -> None:
    scale = Scale(0, 100, through((55, 38), (67, 62), (76, 80), (86, 92), (94, 99)))
    assert abs(scale.alike(scale.guess(score)) - score) <= 1.5


def test_a_byte_limit_that_can_be_kept_is_kept_without_time_to_search() -> None:
    picture = Picture(np.zeros((8, 8, 3), np.uint8))
    work = Work(None, picture, Under(200), Budget(0.0), judge=lambda _: 0.0, read=lambda _: picture)
    offer = meet(work, lambda quality: bytes(100 * quality), Scale(1, 100, lambda _: 70))
    assert offer is not None
    assert len(offer.data) == 100
