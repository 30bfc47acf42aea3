"""A recipe's key says all of it, and nonsense cannot be asked for."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsvc.engine.budget import Limits
from imgsvc.engine.codecs import BY_NAME
from imgsvc.engine.recipe import CENTRE, Fixed, LooksLike, Lossless, Method, Recipe, Resize, Under, parse
from imgsvc.sandbox import wire

GOALS = st.one_of(
    st.just(Lossless()),
    st.builds(LooksLike, st.integers(0, 100)),
    st.builds(Fixed, st.integers(1, 100)),
    st.builds(Under, st.integers(1, 10**9)),
)
SIDES = st.integers(1, 99_999)
GRAVITIES = st.just("auto") | st.just(CENTRE) | st.tuples(st.floats(0, 1), st.floats(0, 1))
RESIZES = st.builds(Resize, SIDES, SIDES, st.sampled_from(get_args(Method)), GRAVITIES) | st.builds(
    Resize, SIDES, st.none(), st.sampled_from(("scale-down", "fit")), GRAVITIES
)
RECIPES = st.builds(
    Recipe,
    GOALS,
    st.sets(st.sampled_from(sorted(BY_NAME))).map(lambda names: tuple(sorted(names))),
    st.none() | RESIZES,
    st.booleans(),
    st.booleans(),
    st.tuples(*[st.integers(0, 255)] * 3),
    st.none() | GOALS,
)


@given(RECIPES)
def test_a_key_is_read_back_as_the_recipe_it_names(recipe: Recipe) -> None:
    assert parse(recipe.key) == recipe


@given(RECIPES)
def test_a_helper_is_told_the_whole_recipe(recipe: Recipe) -> None:
    told = wire.task(wire.Task("folder", recipe, 1.0, Limits()).to_wire())
    assert told.recipe == recipe


@given(RECIPES, RECIPES)
def test_keys_are_equal_where_recipes_are(one: Recipe, other: Recipe) -> None:
    assert (one.key == other.key) == (one == other)


def test_two_spellings_of_a_point_have_one_key() -> None:
    spelt = {Recipe(resize=Resize(9, 9, "crop", point)).key for point in ((0, 1), (0.0, 1.0), (-0.0, 1))}
    assert spelt == {"looks=70;resize=9x9:crop:0.0:1.0"}


@pytest.mark.parametrize(
    "key", ["", "looks", "quick", "looks=70;", "looks=70;fit=3x4", "looks=70;resize=3x4:auto:auto"]
)
def test_other_text_is_no_recipe(key: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the sentence
        parse(key)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ((0, 5), "width, height: got 0 and 5, expected 1 or more"),
        ((5, 0), "width, height: got 5 and 0, expected 1 or more"),
        ((5, None, "crop"), "height: missing, expected one for crop"),
        ((5, None, "pad"), "height: missing, expected one for pad"),
        ((5, 5, "stretch"), "method: got 'stretch', expected one of scale-down, fit, crop, pad"),
        ((5, 5, "crop", (0.5, 1.01)), "gravity: got (0.5, 1.01), expected auto or two numbers from 0 to 1"),
        ((5, 5, "crop", (float("nan"), 0.5)), "gravity: got (nan, 0.5), expected"),
    ],
)
def test_a_box_that_makes_no_sense_is_refused(wrong: tuple[Any, ...], says: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the sentence is looked at below
        Resize(*wrong)
    assert str(refused.value).startswith(says)
