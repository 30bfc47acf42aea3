"""The benchmark's arithmetic: means, percentiles, bytes at a score in between, and the package's score kept whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.arithmetic import Point, bracket, geometric_mean, percentile, size_between
from bench.curve import NEAR, TRIES, Curve
from bench.figures import Figure

RATIOS = st.lists(st.floats(0.01, 100), min_size=1, max_size=20)


def test_the_geometric_mean_of_a_half_and_a_double_is_one():
    assert geometric_mean([0.5, 2.0]) == pytest.approx(1.0)
    assert geometric_mean([2.0, 8.0]) == pytest.approx(4.0)
    assert math.isnan(geometric_mean([]))


@given(RATIOS)
def test_the_geometric_mean_of_inverses_is_the_inverse(ratios):
    assert geometric_mean([1 / ratio for ratio in ratios]) == pytest.approx(1 / geometric_mean(ratios))


@given(RATIOS, st.floats(0, 1))
def test_a_percentile_is_numpys(values, share):
    assert percentile(values, share) == pytest.approx(float(np.quantile(values, share)))


def test_half_way_between_two_scores_lies_the_geometric_mean_of_the_sizes():
    assert size_between(Point(70, 1000), Point(72, 4000), 71) == pytest.approx(2000)
    assert size_between(Point(70, 1000), Point(72, 4000), 70) == pytest.approx(1000)
    assert size_between(Point(70, 1000), Point(70, 4000), 70) == 4000


def test_a_bracket_takes_the_nearest_on_either_side():
    points = [Point(60, 10), Point(70, 20), Point(74, 30), Point(90, 40)]
    assert bracket(points, 72) == (Point(70, 20), Point(74, 30))
    assert bracket(points, 50) == (None, Point(60, 10))
    assert bracket(points, 95) == (Point(90, 40), None)


@given(wanted=st.floats(45, 92), bias=st.floats(-8, 8), step=st.floats(0.2, 2.0))
def test_a_curve_finds_the_size_at_a_score_whatever_the_scorers_make_of_it(wanted, bias, step):
    """An encoder of fixed steps, judged by a scorer that sees `bias` points less than the engine's."""
    calls = []

    def encode(aim: float) -> Point:
        calls.append(aim)
        reached = math.ceil(aim / step) * step - bias
        return Point(reached, round(1e6 * math.exp(reached / 20)))

    size = Curve(encode).size_at(wanted)
    assert size == pytest.approx(1e6 * math.exp(wanted / 20), rel=1e-3)
    assert len(calls) <= TRIES


def test_a_curve_knows_no_size_out_of_reach():
    assert Curve(lambda aim: Point(min(aim, 80.0), 1000)).size_at(90.0) is None


def test_a_jump_is_no_slope():
    """Where a better file is far better, its own size counts and nothing in between is made up."""
    jump = Curve(lambda aim: Point(60.0, 1000) if aim < 70 else Point(60.0 + 4 * NEAR, 9000))
    assert jump.size_at(65.0) == 9000


@pytest.mark.parametrize(
    ("value", "target", "at_least", "verdict"),
    [(0.9, 0.9, False, "met"), (0.91, 0.9, False, "missed"), (0.98, 0.99, True, "missed"), (math.nan, 1.0, False, "-")],
)
def test_a_figure_says_whether_its_target_is_met(value, target, at_least, verdict):
    assert Figure("row", "what", value, target, at_least).verdict == verdict


@pytest.mark.parametrize(("width", "height"), [(70, 65), (257, 130), (240, 241)])
def test_the_kept_half_gives_the_packages_own_score(tmp_path, picture, width, height):
    """Skipped without the bench extra."""
    package = pytest.importorskip("ssimulacra2", reason="the bench extra is not installed")
    scores = pytest.importorskip("bench.scores")
    original, other = picture(size=(width, height)), picture("JPEG", (width, height), quality=40)
    for name, data in (("a", original), ("b", other)):
        (tmp_path / name).write_bytes(data)
    expected = package.compute_ssimulacra2(str(tmp_path / "a"), str(tmp_path / "b"))
    assert scores.Truth(scores.read(original)).score(scores.read(other)) == pytest.approx(expected, abs=1e-9)
