"""A recipe in a hurry: one encode at a fixed quality, which keeps every other promise."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from imgsvc.engine.budget import Budget
from imgsvc.engine.codecs import BY_NAME, CODECS
from imgsvc.engine.pipeline import optimize
from imgsvc.engine.recipe import Fixed, Goal, LooksLike, Recipe, Under
from tests.engine.pictures import encoded, photo, samples

SAMPLES = samples()
HURRIED = tuple(codec.name for codec in CODECS if codec.quick and not codec.video)


def test_haste_is_part_of_the_key() -> None:
    assert Recipe(Fixed(80)).key != Recipe(Fixed(80), quick=True).key


@pytest.mark.parametrize("form", HURRIED)
@pytest.mark.parametrize("name", SAMPLES)
def test_one_encode_and_nothing_else(name: str, form: str) -> None:
    result = optimize(SAMPLES[name], Recipe(Fixed(70), (form,), quick=True), Budget(30))
    assert [step.name for step in result.steps if step.name != "original"] == [f"{form}.quick"]
    with Image.open(BytesIO(result.data)) as image:
        assert image.size == (result.width, result.height)
        assert getattr(image, "n_frames", 1) == result.frames
    if name.split()[0] == form:
        assert result.size <= len(SAMPLES[name])


@pytest.mark.parametrize("form", HURRIED)
def test_twice_is_once(form: str) -> None:
    recipe = Recipe(Fixed(70), (form,), quick=True)
    once = optimize(SAMPLES["bmp photo"], recipe, Budget(30))
    assert optimize(once.data, recipe, Budget(30)).data == once.data


@pytest.mark.parametrize("form", HURRIED)
def test_a_higher_quality_is_a_larger_file(form: str) -> None:
    data = encoded(photo(), "PNG")
    sizes = [optimize(data, Recipe(Fixed(q), (form,), quick=True), Budget(30)).size for q in (20, 50, 80)]
    assert sizes == sorted(set(sizes))


def test_other_goals_are_not_hurried() -> None:
    data = SAMPLES["bmp photo"]
    calm, hurried = (optimize(data, Recipe(LooksLike(70.0), ("webp",), quick=q), Budget(30)) for q in (False, True))
    assert calm.data == hurried.data


@pytest.mark.parametrize("form", HURRIED)
def test_where_time_is_short_a_plain_file_comes_first(form: str) -> None:
    kept = []
    data = encoded(photo(640, 480), "BMP")
    optimize(data, Recipe(LooksLike(80.0), (form,)), Budget(0.2), kept.append)
    first = kept[0]
    assert first.score is None
    assert BY_NAME[form].sealed(first.data) == ""
    assert BY_NAME[form].decode(first.data, None).pixels.shape[:2] == (480, 640)


@pytest.mark.parametrize("goal", [LooksLike(80.0), Under(8000), Fixed(60)], ids=str)
def test_with_time_enough_nothing_comes_before_the_search(goal: Goal) -> None:
    result = optimize(SAMPLES["bmp photo"], Recipe(goal, ("webp",)), Budget(30))
    assert not [step for step in result.steps if step.name.endswith(".early")]
