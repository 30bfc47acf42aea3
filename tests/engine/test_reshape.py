"""Cut, padded, enlarged and trimmed: what comes out of every format that is read, and what is too large to come out."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgsvc.engine.budget import Budget
from imgsvc.engine.codec import Picture, Pixels, Shape
from imgsvc.engine.codecs import BY_NAME
from imgsvc.engine.pipeline import optimize, sniff
from imgsvc.engine.recipe import Fixed, LooksLike, Lossless, Recipe, Resize
from imgsvc.engine.reshape import border, reshape
from tests.engine.pictures import cutout, drawing, encoded, frames, glass, moving, photo, samples

SAMPLES = samples()
STILLS = [name for name in SAMPLES if "moving" not in name and name.split()[0] not in ("jpg", "svg")]
MOVING = [name for name in SAMPLES if "moving" in name]
GREEN = (10, 200, 30)


def decoded(data: bytes, *resize: Any, **shape: Any) -> Picture:
    return sniff(data).decode(data, Shape(Resize(*resize) if resize else None, **shape))


def whole(data: bytes) -> Pixels:
    return sniff(data).decode(data, None).pixels


def shown(picture: Picture) -> list[Pixels]:
    return list(picture.animation.frames()) if picture.animation else [picture.pixels]


@pytest.mark.parametrize("method", ["crop", "pad"])
@pytest.mark.parametrize("box", [(40, 30), (31, 90), (400, 300), (300, 7)])
@pytest.mark.parametrize("name", SAMPLES)
def test_every_frame_of_every_format_has_exactly_the_box(name: str, box: tuple[int, int], method: str) -> None:
    picture = decoded(SAMPLES[name], *box, method)
    assert {frame.shape[1::-1] for frame in shown(picture)} == {box}
    assert picture.reshaped
    assert len(shown(picture)) == len(shown(sniff(SAMPLES[name]).decode(SAMPLES[name], None)))


@pytest.mark.parametrize("name", STILLS)
def test_without_scaling_a_cut_is_a_slice(name: str) -> None:
    pixels = whole(SAMPLES[name])
    high = pixels.shape[0]
    cut = decoded(SAMPLES[name], 20, high, "crop", (1, 0.5)).pixels
    assert np.array_equal(cut, reshape(pixels[:, -20:, : cut.shape[2]], Shape()))


@pytest.mark.parametrize("name", MOVING)
@pytest.mark.parametrize("gravity", [(0.25, 0.5), "auto"])
def test_all_frames_are_cut_at_the_same_place(name: str, gravity: Any) -> None:
    data = SAMPLES[name]
    full = shown(sniff(data).decode(data, None))
    cut = shown(decoded(data, 40, 64, "crop", gravity))
    matches = [
        left
        for left in range(full[0].shape[1] - 39)
        if all(np.array_equal(a[:, left : left + 40, :3], b[..., :3]) for a, b in zip(full, cut, strict=True))
    ]
    assert matches
    if gravity != "auto":
        assert 4 in matches


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.startswith("jpg")])
def test_a_jpeg_is_cut_where_it_would_be_without_shrinking_on_load(name: str) -> None:
    data = SAMPLES[name]
    first = decoded(data, 24, 60, "crop", (0.8, 0.1)).pixels
    second = reshape(whole(data), Shape(Resize(24, 60, "crop", (0.8, 0.1))))
    assert np.abs(first.astype(int) - second.astype(int)).mean() < 3


def test_turned_upright_before_the_cut() -> None:
    image = Image.new("RGB", (300, 200), "white")
    image.paste("red", (0, 0, 300, 60))
    turned = Image.Exif()
    turned[0x0112] = 6
    data = encoded(image, "JPEG", exif=turned)
    right = decoded(data, 40, 40, "crop", (1, 0.5)).pixels
    left = decoded(data, 40, 40, "crop", (0, 0.5)).pixels
    assert right[:, -8:].mean(axis=(0, 1)) == pytest.approx([254, 0, 0], abs=4)
    assert left[:, :8].mean(axis=(0, 1)) == pytest.approx([255, 255, 255], abs=4)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 120), st.integers(1, 120), st.sampled_from([3, 4]))
def test_any_shape_is_cut_around_what_draws_attention(
    width: int, height: int, across: int, down: int, bands: int
) -> None:
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, bands), np.uint8)
    wanted = Shape(Resize(across, down, "crop", "auto"))
    made = reshape(pixels, wanted)
    assert made.shape == (down, across, bands)
    assert np.array_equal(made, reshape(pixels, wanted))


@pytest.mark.parametrize("left", [10, 150, 290])
@pytest.mark.parametrize("scale", [1, 3])
def test_what_draws_attention_stays_in_the_cut(left: int, scale: int) -> None:
    image = Image.new("RGB", (400, 100), (225, 228, 230))
    image.paste(Image.new("RGB", (36, 36), (230, 60, 40)), (left + 20, 30))
    made = reshape(np.asarray(image), Shape(Resize(100 * scale, 100 * scale, "crop", "auto")))
    assert (made[..., 1] < 90).sum() == pytest.approx(36 * 36 * scale * scale, rel=0.1)


def test_an_enlarged_drawing_is_drawn_large() -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><path d="M0 0h5v10H0z" fill="#f00"/></svg>'
    for resize in (Resize(1000, 1000, "fit"), Resize(1000, 600, "crop"), Resize(1000, None, "fit")):
        row = decoded(svg, *(resize.width, resize.height, resize.method)).pixels[100]
        assert set(row[:500, 3]) == {255}
        assert set(row[500:, 3]) == {0}


def test_a_trimmed_drawing_is_drawn_large_as_well() -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><circle cx="5" cy="5" r="2"/></svg>'
    picture = decoded(svg, 1000, 1000, "fit", trim=True)
    assert picture.pixels.shape == (1000, 1000, 4)
    inked = picture.pixels[..., 3] == 255
    assert inked[500, :].mean() > 0.99
    assert inked[0, :].mean() < 0.1
    soft = (picture.pixels[..., 3] > 0) & ~inked
    assert soft.mean() < 0.01


def test_a_margin_has_the_background_and_the_picture_its_middle() -> None:
    data = encoded(Image.new("RGB", (20, 10), "navy"), "PNG")
    made = decoded(data, 40, 40, "pad", background=GREEN).pixels
    assert (made[10:30] == (0, 0, 128)).all()
    assert (made[:10] == GREEN).all()
    assert (made[30:] == GREEN).all()


@pytest.mark.parametrize("box", [(96, 96), (200, 100), (48, 48)])
def test_the_ground_of_a_padded_picture_is_the_colour_of_its_margins(box: tuple[int, int]) -> None:
    picture = decoded(encoded(cutout(), "PNG"), *box, "pad", background=GREEN)
    assert not picture.alpha
    assert picture.reshaped
    assert (picture.pixels[0] == GREEN).all()
    middle = (picture.pixels.shape[0] // 2, picture.pixels.shape[1] // 2)
    assert picture.pixels[middle].tolist() == [200, 40, 40]


@pytest.mark.parametrize("method", ["fit", "crop", "scale-down"])
def test_otherwise_transparency_stays(method: str) -> None:
    assert decoded(encoded(cutout(), "PNG"), 48, 48, method, background=GREEN).alpha


def test_the_background_is_put_behind_transparency_that_the_format_cannot_hold() -> None:
    result = optimize(encoded(cutout(), "PNG"), Recipe(Fixed(95), ("jpg",), background=GREEN), Budget(30))
    assert whole(result.data)[:6, :6].mean(axis=(0, 1)) == pytest.approx(GREEN, abs=4)


@pytest.mark.parametrize("resize", [(160, 120, "crop"), (160, 120, "pad"), (160, 120, "fit"), (160, 120), (900, 900)])
@pytest.mark.parametrize("name", ["jpg photo", "png photo", "png opaque"])
def test_what_is_right_already_is_not_reshaped(name: str, resize: tuple[Any, ...]) -> None:
    data = encoded(photo().convert("RGBA"), "PNG") if name == "png opaque" else SAMPLES[name]
    assert not decoded(data, *resize).reshaped
    assert not decoded(data, *resize, trim=True).reshaped


@pytest.mark.parametrize("name", MOVING)
def test_an_animation_is_reshaped_where_any_frame_is(name: str) -> None:
    picture = decoded(SAMPLES[name], 96, 64, "pad", background=GREEN)
    seen = sniff(SAMPLES[name]).decode(SAMPLES[name], None)
    assert picture.reshaped == any(frame.shape[2] == 4 for frame in shown(seen))
    assert not decoded(SAMPLES[name], 96, 64, "crop").reshaped


def bordered(image: Image.Image, *edges: int, colour: Any = "white") -> Image.Image:
    left, top, right, bottom = edges
    whole = Image.new(image.mode, (left + image.width + right, top + image.height + bottom), colour)
    whole.paste(image, (left, top))
    return whole


@given(*[st.integers(0, 30)] * 4)
def test_trimming_leaves_what_was_framed(left: int, top: int, right: int, bottom: int) -> None:
    # Where one corner shows the picture there is no border to speak of but that of the top left colour.
    inner = photo(24, 18)
    pixels = np.asarray(bordered(inner, left, top, right, bottom))
    box = border([pixels])
    if left or top:
        assert box == (left, top, left + 24, top + 18)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "TIFF", "BMP"])
def test_a_border_goes_in_every_format(kind: str) -> None:
    inner = drawing(60, 40).quantize(32).convert("RGB")
    options = {"lossless": True} if kind == "WEBP" else {}
    picture = decoded(encoded(bordered(inner, 5, 9, 11, 3, colour="#123456"), kind, **options), trim=True)
    assert np.array_equal(picture.pixels, np.asarray(inner))
    assert picture.reshaped


def test_trimming_comes_before_resizing() -> None:
    inner = Image.new("RGB", (400, 200), "navy")
    data = encoded(bordered(inner, 200, 400, 200, 0), "JPEG", quality=100, subsampling=0)
    picture = decoded(data, 100, 100, trim=True)
    assert (picture.width, picture.height) == (100, 50)


def test_a_border_is_of_exactly_one_colour() -> None:
    image = bordered(photo(20, 20), 8, 8, 8, 8)
    image.putpixel((0, 4), (254, 255, 255))
    assert border([np.asarray(image)]) == (0, 4, 28, 28)


def test_all_that_cannot_be_seen_is_one_colour() -> None:
    pixels = np.asarray(bordered(cutout(), 6, 0, 0, 0, colour=(0, 0, 0, 0))).copy()
    pixels[pixels[..., 3] == 0, :3] = np.random.default_rng(1).integers(0, 256, 3, np.uint8)
    pixels[:3, :3, 0] ^= 255
    assert border([pixels]) == (14, 8, 95, 89)


@pytest.mark.parametrize("colour", ["white", "#010203"])
def test_one_colour_throughout_stays(colour: str) -> None:
    picture = decoded(encoded(Image.new("RGB", (30, 20), colour), "PNG"), trim=True)
    assert (picture.width, picture.height, picture.reshaped) == (30, 20, False)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("transparent", [False, True])
def test_of_an_animation_goes_what_is_border_in_every_frame(kind: str, transparent: bool) -> None:
    picture = decoded(moving(kind, transparent=transparent), trim=True)
    assert {frame.shape[:2] for frame in shown(picture)} == {(21, 96 - 4 - 3)}
    assert all(frame.any(axis=2).any() for frame in shown(picture))


def test_an_animation_is_trimmed_by_its_widest_frame() -> None:
    first, *rest = [np.asarray(frame) for frame in frames(4)]
    wide = border([first, *rest])
    assert wide
    each = [border([frame]) for frame in (first, *rest)]
    assert all(one and other and one != other for one, other in pairwise(each))
    assert wide[0] == min(box[0] for box in each if box)
    assert wide[2] == max(box[2] for box in each if box)
    loud = np.random.default_rng(1).integers(0, 256, first.shape, np.uint8)
    assert border([first, loud, *rest]) is None
    assert border([first, 255 - first]) is None


CHANGES = [
    *[(name, Resize(80, 80, "crop"), False) for name in ("jpg photo", "webp photo", "gif drawing")],
    *[(name, Resize(300, 200, "pad"), False) for name in ("jpg photo", "webp photo", "gif drawing")],
    ("gif drawing", None, True),
]


@pytest.mark.parametrize(("name", "resize", "trim"), CHANGES)
def test_another_goal_holds_for_what_is_reshaped(name: str, resize: Resize | None, trim: bool) -> None:
    form = name.split()[0]
    with Image.open(BytesIO(SAMPLES[name])) as image:
        data = encoded(bordered(image.convert("RGB"), 9, 9, 9, 9), image.format or "")
    lossless = optimize(data, Recipe(Lossless(), (form,), resize, trim=trim), Budget(30))
    other = optimize(data, Recipe(Lossless(), (form,), resize, trim=trim, reshaped=LooksLike(60.0)), Budget(30))
    assert other.size < lossless.size
    with Image.open(BytesIO(other.data)) as image:
        assert image.size == (other.width, other.height) != (other.original_width, other.original_height)


@pytest.mark.parametrize("name", ["jpg photo", "png glass", "gif moving", "svg drawing"])
def test_the_goal_holds_for_what_is_not(name: str) -> None:
    plain = optimize(SAMPLES[name], Recipe(Lossless()), Budget(30))
    roomy = Recipe(Lossless(), resize=Resize(900, 900), reshaped=LooksLike(10.0))
    assert optimize(SAMPLES[name], roomy, Budget(30)).data == plain.data
    assert plain.score == 100.0


def test_glass_over_a_colour_is_mixed_with_it() -> None:
    picture = decoded(encoded(glass(), "PNG"), 160, 120, "pad", background=GREEN)
    assert np.abs(picture.pixels[:, 0].astype(int) - GREEN).max() <= 1
    assert BY_NAME["png"].decode(encoded(glass(), "PNG"), None).alpha
