"""What is asked to be larger than it is keeps to the limits, and is refused by its header where that is enough."""

from __future__ import annotations

import pytest
from PIL import Image

from imgsvc.engine.budget import Budget, Limits
from imgsvc.engine.pipeline import optimize
from imgsvc.engine.recipe import Fixed, Recipe, Resize
from imgsvc.errors import TooManyPixels
from tests.engine.pictures import encoded, photo, samples

SAMPLES = samples()
MOVING = [name for name in SAMPLES if "moving" in name]
DOT = {
    kind: encoded(Image.new("RGB", (1, 1), "red"), kind)
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "AVIF", "BMP", "TIFF")
}


@pytest.mark.parametrize("resize", [Resize(10_000, 10_000, method) for method in ("fit", "crop", "pad")], ids=str)
@pytest.mark.parametrize("kind", DOT)
def test_what_would_grow_too_large_is_refused(kind: str, resize: Resize) -> None:
    with pytest.raises(TooManyPixels, match=r"^resize: got a result 10000 pixels wide, expected at most 2000\.$"):
        optimize(DOT[kind], Recipe(resize=resize), Budget(30))
    roomy = Budget(30, Limits(max_width=10_000, max_height=10_000))
    with pytest.raises(TooManyPixels, match=r"^resize: got 100000000 pixels, expected at most 40000000\.$"):
        optimize(DOT[kind], Recipe(resize=resize), roomy)
    assert optimize(DOT[kind], Recipe(resize=Resize(10_000, 10_000)), Budget(30)).width == 1


@pytest.mark.parametrize("form", ["png", "jpg", "webp"])
@pytest.mark.parametrize(
    "resize", [Resize(2001, 9, "crop"), Resize(9, 2001, "pad"), Resize(3000, None, "fit")], ids=str
)
def test_a_drawing_is_not_drawn_beyond_the_limits(form: str, resize: Resize) -> None:
    with pytest.raises(TooManyPixels, match=r"^resize: got a result \d+ pixels (wide|high), expected at most 2000\.$"):
        optimize(SAMPLES["svg drawing"], Recipe(formats=(form,), resize=resize), Budget(30))


def test_the_header_is_enough_to_refuse() -> None:
    data = encoded(photo(), "PNG")[:200]
    with pytest.raises(TooManyPixels, match=r"^resize: "):
        optimize(data, Recipe(resize=Resize(2001, 100, "crop")), Budget(30))


@pytest.mark.parametrize("name", MOVING)
def test_frames_count_in_what_grows(name: str) -> None:
    limits = Limits(max_total_pixels=5 * 96 * 64 * 4)
    assert optimize(SAMPLES[name], Recipe(resize=Resize(192, 128, "fit")), Budget(30, limits)).frames == 5
    with pytest.raises(TooManyPixels, match=r"^resize: got \d+ pixels over all frames, expected at most 122880\.$"):
        optimize(SAMPLES[name], Recipe(resize=Resize(300, 200, "crop")), Budget(30, limits))


def test_what_trimming_leaves_counts_too() -> None:
    image = Image.new("RGB", (41, 100), "white")
    image.paste("navy", (20, 0, 21, 100))
    data = encoded(image, "PNG")
    with pytest.raises(TooManyPixels, match=r"^resize: got a result 5000 pixels high"):
        optimize(data, Recipe(resize=Resize(50, None, "fit"), trim=True), Budget(30))


def test_limits_of_sides_as_stored_are_none_for_what_only_shrinks() -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    data = encoded(photo(200, 100), "JPEG", exif=turned)
    limits = Limits(max_width=200, max_height=100)
    result = optimize(data, Recipe(Fixed(80), resize=Resize(95, 190, "crop")), Budget(30, limits))
    assert (result.width, result.height) == (95, 190)


def test_frames_count_in_what_trimming_leaves() -> None:
    recipe = Recipe(resize=Resize(500, None, "fit"), trim=True)
    with pytest.raises(TooManyPixels, match=r"^resize: got \d+ pixels over all frames, expected at most 200000\.$"):
        optimize(SAMPLES["gif moving"], recipe, Budget(30, Limits(max_total_pixels=200_000)))


@pytest.mark.parametrize(("sides", "fits"), [((20, 100), True), ((100, 20), False)])
def test_what_grows_is_measured_upright(sides: tuple[int, int], fits: bool) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    data = encoded(photo(*sides), "JPEG", exif=turned)
    recipe = Recipe(Fixed(80), resize=Resize(500, None, "fit"))
    limits = Limits(max_width=600, max_height=600)
    if fits:
        assert optimize(data, recipe, Budget(30, limits)).height == 100
    else:
        with pytest.raises(TooManyPixels, match=r"^resize: got a result 2500 pixels high, expected at most 600\.$"):
            optimize(data, recipe, Budget(30, limits))


@pytest.mark.parametrize("sides", [(1, 9000), (9000, 1)])
def test_a_strip_is_not_scaled_without_end_before_its_cut(sides: tuple[int, int]) -> None:
    data = encoded(Image.new("RGB", sides, "navy"), "PNG")
    recipe = Recipe(Fixed(80), ("webp",), Resize(sides[1], sides[0], "crop"), quick=True)
    limits = Limits(max_width=9000, max_height=9000)
    with pytest.raises(TooManyPixels, match=r"^resize: got 81000000 pixels on a side before the cut, expected at most"):
        optimize(data, recipe, Budget(30, limits))
    narrower = Recipe(Fixed(80), ("webp",), Resize(max(1, sides[1] // 9), max(1, sides[0] // 9), "crop"), quick=True)
    assert optimize(data, narrower, Budget(30, limits)).width == max(1, sides[1] // 9)
