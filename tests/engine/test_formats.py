"""Several formats for one picture: who competes, who wins, and what the winner keeps."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from imgsvc.engine.budget import Budget
from imgsvc.engine.codec import Animation, Picture
from imgsvc.engine.codecs import BY_NAME, CODECS
from imgsvc.engine.formats import Field, able, worthwhile
from imgsvc.engine.pipeline import optimize
from imgsvc.engine.recipe import AUTO, Goal, LooksLike, Lossless, Recipe, Resize
from imgsvc.engine.result import Result
from tests.engine import pictures
from tests.engine.pictures import encoded, samples

SAMPLES = samples()
RASTER = [codec for codec in CODECS if codec.passes and not codec.vector and not codec.video]
SHOWN = ["jpg photo", "png drawing", "png glass", "gif cutout", "gif moving", "webp moving", "avif photo", "bmp photo"]
# A JPEG of a picture with alpha, or of an animation, is another picture.
HOLDERS = {
    name: [codec.name for codec in RASTER if codec.name != "jpg" or not {"glass", "cutout", "moving"} & {*name.split()}]
    for name in SAMPLES
}


def run(data: bytes, goal: Goal, *formats: str, box: Resize | None = None) -> Result:
    return optimize(data, Recipe(goal, formats, box), Budget(60))


def still(image: Image.Image, **known: bool) -> Picture:
    return Picture(np.asarray(image), **known)


def moving(*images: Image.Image) -> Picture:
    pixels = [np.asarray(image) for image in images]
    return Picture(pixels[0], Animation(lambda: iter(pixels), (100,) * len(pixels), 0))


@pytest.mark.parametrize(
    ("picture", "goal", "own", "names"),
    [
        (still(pictures.photo(240, 180)), LooksLike(70.0), None, "jpg webp avif"),
        (still(pictures.photo(240, 180)), LooksLike(70.0), "png", "jpg png webp avif"),
        (still(pictures.photo(32, 32)), LooksLike(70.0), None, "jpg png webp gif avif"),
        (still(pictures.drawing(240, 180)), LooksLike(70.0), "jpg", "jpg png webp gif avif"),
        (still(pictures.glass(240, 180)), LooksLike(70.0), "png", "png webp avif"),
        (moving(*pictures.frames()), LooksLike(70.0), "gif", "png webp gif avif"),
        (moving(pictures.photo(240, 180), pictures.photo(240, 180, 2)), LooksLike(70.0), "avif", "webp avif"),
        (still(pictures.photo(240, 180)), Lossless(), None, "png webp"),
        (still(pictures.photo(240, 180)), Lossless(), "jpg", "jpg png webp"),
        (still(pictures.photo(240, 180), converted=True), Lossless(), "jpg", "jpg"),
        (still(pictures.drawing(240, 180)), Lossless(), "gif", "png webp gif"),
    ],
)
def test_who_can_hold_the_picture_and_may_win_competes(picture, goal, own, names):
    field = Field(picture, goal, RASTER, BY_NAME[own] if own else None, 1000)
    assert [codec.name for codec in able(field)] == names.split()


def test_where_no_format_holds_all_of_it_every_one_asked_for_competes():
    field = Field(moving(*pictures.frames()), LooksLike(70.0), [BY_NAME["jpg"]], None, 0)
    assert able(field) == [BY_NAME["jpg"]]


@pytest.mark.parametrize("name", SHOWN)
def test_auto_is_the_smallest_of_all_formats_at_the_promised_score(name: str) -> None:
    data = SAMPLES[name]
    result = run(data, LooksLike(70.0), AUTO)
    alone = [run(data, LooksLike(70.0), form) for form in HOLDERS[name]]
    assert result.score is not None
    assert result.score >= 70.0
    assert result.format in HOLDERS[name]
    assert result.mime == BY_NAME[result.format].mime
    assert result.frames == (5 if "moving" in name else 1)
    assert result.size <= 1.01 * min(one.size for one in alone if (one.score or 0.0) >= 70.0)


@pytest.mark.parametrize("paint", [pictures.photo, pictures.drawing])
def test_a_sample_of_a_large_picture_finds_the_smallest_as_well(paint):
    data = encoded(paint(720, 600), "PNG")
    result = run(data, LooksLike(70.0), AUTO)
    alone = [run(data, LooksLike(70.0), form).size for form in ("jpg", "png", "webp", "avif")]
    assert result.size <= 1.01 * min(alone)
    assert result.score is not None
    assert result.score >= 70.0
    assert [step.name for step in result.steps if "on a sample" in step.note]


def test_without_time_for_samples_the_uploads_own_format_comes_first():
    picture = moving(*pictures.frames(14, 240, 160))
    field = Field(picture, LooksLike(70.0), RASTER, BY_NAME["gif"], 10_000)
    notes, heats = [], []
    found = worthwhile(field, Budget(0.01), lambda *heat: heats.append(heat), notes.append)
    assert [codec.name for codec in found] == ["gif", "png", "webp", "avif"]
    assert (notes, heats) == ([], [])


def test_a_long_animation_is_sampled_by_its_first_frames():
    first, *rest = pictures.frames(14, 240, 160)
    data = encoded(first, "GIF", save_all=True, append_images=rest, duration=80, loop=0)
    result = run(data, LooksLike(70.0), AUTO)
    assert result.frames == 14
    assert result.size < len(data)
    assert result.score is not None
    assert result.score >= 70.0
    assert [step.name for step in result.steps if "on a sample" in step.note]


@pytest.mark.parametrize("name", SAMPLES)
def test_auto_without_loss_keeps_every_pixel_and_never_grows(name: str) -> None:
    data = SAMPLES[name]
    result = run(data, Lossless(), AUTO)
    assert result.score == 100.0
    if not BY_NAME[name.split()[0]].becomes:
        assert result.size <= len(data)
    if name.startswith("png") and not {"moving", "sixteen"} & {*name.split()}:
        before, after = (Image.open(BytesIO(one)).convert("RGBA") for one in (data, result.data))
        assert np.array_equal(np.asarray(before), np.asarray(after))


def test_sixteen_bits_are_not_cut_to_eight_where_nothing_may_be_lost():
    deep = np.random.default_rng(1).integers(0, 65536, (24, 24)).astype(np.uint16)
    result = run(encoded(Image.fromarray(deep), "PNG"), Lossless(), AUTO)
    with Image.open(BytesIO(result.data)) as image:
        assert image.format == "PNG"
        assert np.array_equal(np.asarray(image), deep)


@pytest.mark.parametrize("name", SHOWN)
def test_auto_twice_is_once(name: str) -> None:
    once = run(SAMPLES[name], LooksLike(70.0), AUTO)
    again = run(once.data, LooksLike(70.0), AUTO)
    assert (again.data, again.format) == (once.data, once.format)


def test_a_vector_stays_one():
    assert run(SAMPLES["svg drawing"], LooksLike(70.0), AUTO, box=Resize(10, 10)).format == "svg"


def test_auto_fits_inside_the_box():
    result = run(SAMPLES["png glass"], LooksLike(70.0), AUTO, box=Resize(40, 40))
    assert (result.width, result.height) == (40, 30)


def test_each_format_has_its_share_of_what_the_others_left():
    now = 0.0
    budget = Budget(9.0, clock=lambda: now)
    assert budget.turn(0, 3).seconds == 3.0
    now = 1.0
    assert budget.turn(1, 3).seconds == 4.0
    last = budget.turn(2, 3)
    assert last.seconds == 8.0
    now = 5.0
    assert (last.left, last.spent) == (4.0, 4.0)
