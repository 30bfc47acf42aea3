"""What every codec promises, for every goal and every kind of picture, generated from the registry."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageOps

from imgsvc.engine.budget import Budget
from imgsvc.engine.codecs import BY_NAME, CODECS
from imgsvc.engine.pipeline import optimize
from imgsvc.engine.recipe import Fixed, Goal, LooksLike, Lossless, Recipe, Resize, Under
from imgsvc.engine.result import Result
from imgsvc.ladder import STEPS
from tests.engine.pictures import samples

SAMPLES = samples()
GOALS: tuple[Goal, ...] = (Lossless(), LooksLike(70.0), LooksLike(88.0), Fixed(60), Under(3000))
WRITTEN = tuple(codec.name for codec in CODECS if codec.passes and not codec.vector and not codec.video)
MOVING = {name for name in SAMPLES if "moving" in name}

each_sample = pytest.mark.parametrize("name", SAMPLES)
each_goal = pytest.mark.parametrize("goal", GOALS, ids=str)


def run(data: bytes, goal: Goal, *formats: str, box: Resize | None = None) -> Result:
    return optimize(data, Recipe(goal, formats, box), Budget(30))


def shown(data: bytes, number: int = 0) -> np.ndarray:
    """The pixels a viewer sees, as 8-bit RGBA."""
    with Image.open(BytesIO(data)) as image:
        image.seek(number)
        if image.mode.startswith("I;16"):
            return np.dstack([np.asarray(image) >> 8] * 3 + [np.full(image.size[::-1], 255)])
        return np.asarray(ImageOps.exif_transpose(image).convert("RGBA"))


@each_goal
@each_sample
def test_never_larger_and_twice_is_once(name: str, goal: Goal) -> None:
    data = SAMPLES[name]
    result = run(data, goal)
    source = BY_NAME[name.split()[0]]
    assert result.format == (source.becomes or source.name)
    if not source.becomes:
        assert result.size <= len(data)
    again = run(result.data, goal)
    assert again.data == result.data
    assert (again.width, again.height, again.frames) == (result.width, result.height, result.frames)


@each_sample
def test_lossless_keeps_every_pixel(name: str) -> None:
    data = SAMPLES[name]
    if name.startswith("svg"):
        pytest.skip("an SVG has no pixels of its own; tests of its own compare drawings")
    result = run(data, Lossless())
    assert result.score == 100.0
    for number in range(result.frames):
        before, after = shown(data, number), shown(result.data, number)
        assert np.array_equal(before[..., 3], after[..., 3])
        seen = before[..., 3] > 0
        assert np.array_equal(before[seen], after[seen])


@pytest.mark.parametrize("form", WRITTEN)
@each_sample
def test_a_conversion_reaches_the_promised_score_or_says_what_it_reached(name: str, form: str) -> None:
    result = run(SAMPLES[name], LooksLike(70.0), form)
    assert (result.format, result.mime) == (form, BY_NAME[form].mime)
    assert result.score is not None
    # 256 colours, or one bit of alpha, cannot always look as promised; every other format can.
    if form != "gif":
        assert result.score >= 70.0
    with Image.open(BytesIO(result.data)) as image:
        assert Image.MIME[str(image.format)] == result.mime
        assert image.size == (result.width, result.height)
        assert getattr(image, "n_frames", 1) == result.frames
        expected = 5 if name in MOVING and form != "jpg" else 1
        assert result.frames == expected


@each_sample
def test_size_never_grows_with_the_quality_number(name: str) -> None:
    sizes = [run(SAMPLES[name], goal).size for goal in STEPS[::3]]
    # The last bytes of a PNG are deflate's luck, which only the files close to the winner get a try at.
    luck = 64 if BY_NAME[name.split()[0]].becomes == "png" or name.startswith("png") else 0
    assert all(later <= earlier + luck for earlier, later in pairwise(sizes))


@pytest.mark.parametrize("form", WRITTEN)
@pytest.mark.parametrize("name", sorted(MOVING))
def test_delays_and_loops_survive(name: str, form: str) -> None:
    if form == "jpg":
        pytest.skip("JPEG holds one frame")
    result = run(SAMPLES[name], LooksLike(70.0), form)
    with Image.open(BytesIO(result.data)) as image:
        delays = []
        for number in range(result.frames):
            image.seek(number)
            image.load()
            delays.append(round(image.info["duration"]))
        assert delays == [100, 140, 180, 220, 260]
        assert image.info.get("loop", 0) == 0


@pytest.mark.parametrize("form", WRITTEN)
@each_sample
def test_fits_inside_the_box(name: str, form: str) -> None:
    result = run(SAMPLES[name], Fixed(50), form, box=Resize(40, 40))
    assert max(result.width, result.height) == 40
    assert shown(result.data).shape[:2] == (result.height, result.width)


@pytest.mark.parametrize("form", WRITTEN)
def test_under_gives_the_best_look_inside_the_limit(form: str) -> None:
    whole = run(SAMPLES["bmp photo"], Fixed(80), form).size
    loose, tight = (run(SAMPLES["bmp photo"], Under(size), form) for size in (whole + 64, whole * 3 // 4))
    assert tight.size <= whole * 3 // 4
    assert tight.size < loose.size <= whole + 64
    assert tight.score is not None
    assert loose.score is not None
    assert tight.score < loose.score


@pytest.mark.parametrize("name", ["jpg photo", "png photo", "webp photo", "avif photo"])
def test_several_formats_give_the_smallest(name: str) -> None:
    alone = {form: run(SAMPLES[name], LooksLike(70.0), form).size for form in ("jpg", "webp", "avif")}
    assert run(SAMPLES[name], LooksLike(70.0), *alone).size == min(alone.values())
