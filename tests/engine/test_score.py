"""The score: agrees with the reference, 100 only where nothing changed, falls as quality falls, any size, alpha."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgsvc.engine import xyb
from imgsvc.engine.codec import Pixels
from imgsvc.engine.score import Reference, score

SIDES = st.integers(1, 40)


def scene(height: int, width: int) -> Pixels:
    """Shades, waves, hard-edged squares and a disc; made of whole numbers, so the same everywhere."""
    y, x = np.mgrid[0:height, 0:width]
    red = (x * 3 + y) // 4 % 256
    green = (x * x // 16 + y * y // 23) % 200 + 20
    blue = np.where((x // 12 + y // 9) % 2, 210, 90) - y % 50
    disc = (x - width // 2) ** 2 + (y - height // 2) ** 2 < (min(width, height) // 4) ** 2
    picture = np.stack([red, green, blue], axis=2)
    picture[disc] = (200, 60, 40)
    return picture.astype(np.uint8)


def coarsened(picture: Pixels, step: int) -> Pixels:
    """The picture with only every `step`-th level of each channel."""
    return (picture // step * step + step // 2).astype(np.uint8)


def flecked(picture: Pixels, strength: int) -> Pixels:
    """The picture with fixed noise of up to `strength` levels either way."""
    height, width, channels = picture.shape
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    noise = (x * 7919 + y * 104729 + x * y * 31 + c * 1299709) % (2 * strength + 1) - strength
    return np.clip(picture.astype(np.int64) + noise, 0, 255).astype(np.uint8)


def with_alpha(picture: Pixels, alpha: int | Pixels) -> Pixels:
    """The picture with one alpha for all pixels, or with a row of alphas repeated on each line."""
    height, width = picture.shape[:2]
    plane = np.broadcast_to(np.uint8(alpha), (height, width))[:, :, None]
    return np.concatenate([picture, plane], axis=2)


def faded(picture: Pixels) -> Pixels:
    """The picture from clear at the left to opaque at the right."""
    return with_alpha(picture, np.linspace(0, 255, picture.shape[1]).astype(np.uint8))


def jpeg(picture: Pixels, quality: int) -> Pixels:
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize(
    ("size", "change", "amount", "plain", "transparent"),
    [
        ((64, 64), coarsened, 24, 50.393, 64.839),
        ((64, 64), flecked, 12, 23.416, 43.090),
        ((72, 100), coarsened, 48, -1.713, 20.676),
        ((112, 130), flecked, 12, 30.046, 46.944),
        ((113, 113), coarsened, 24, 68.056, 78.733),
        ((131, 250), flecked, 12, 61.739, 76.492),
        ((224, 300), flecked, 20, 46.276, 62.158),
        ((240, 320), coarsened, 48, -60.089, -58.962),
        ((240, 320), flecked, 12, 72.747, 83.219),
        ((321, 487), coarsened, 8, 84.591, 88.858),
        ((321, 487), flecked, 12, 68.459, 78.744),
    ],
)
def test_agrees_with_the_independent_package(size, change, amount, plain, transparent):
    """The numbers are those of the PyPI package ssimulacra2 0.3.0.

    It drops alpha: the transparent pictures were laid over both grays first, which rounds each pixel once more.
    """
    picture = scene(*size)
    changed = change(picture, amount)
    assert score(picture, changed) == pytest.approx(plain, abs=0.01)
    assert score(faded(picture), faded(changed)) == pytest.approx(transparent, abs=1.0)


@pytest.mark.parametrize("size", [(64, 90), (113, 100), (200, 225), (225, 640), (400, 257)])
@pytest.mark.parametrize("quality", [20, 60, 90])
def test_agrees_with_the_package_itself_where_it_is_installed(tmp_path: Path, size, quality):
    package = pytest.importorskip("ssimulacra2", reason="the independent scorer is not installed")
    picture = scene(*size)
    changed = jpeg(picture, quality)
    paths = [str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    for path, pixels in zip(paths, (picture, changed), strict=True):
        Image.fromarray(pixels).save(path)
    assert score(picture, changed) == pytest.approx(package.compute_ssimulacra2(*paths), abs=0.01)


@settings(deadline=None, max_examples=40)
@given(SIDES, SIDES, st.sampled_from([3, 4]), st.integers(0, 2**32 - 1))
def test_equal_pictures_score_100_and_others_never_more(height, width, channels, seed):
    noise = np.random.default_rng(seed)
    picture = noise.integers(0, 256, (height, width, channels), dtype=np.uint8)
    other = noise.integers(0, 256, (height, width, channels), dtype=np.uint8)
    assert score(picture, picture.copy()) == 100.0
    assert np.isfinite(score(picture, other))
    assert score(picture, other) <= 100.0


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (7, 5), (3, 200), (8, 8), (17, 300), (130, 131)])
def test_a_larger_change_scores_lower_at_any_size(size):
    picture = scene(*size) // 2 + 40
    reference = Reference(picture)
    scores = [reference.score(picture + np.uint8(change)) for change in (0, 4, 12, 30, 80)]
    assert scores[0] == 100.0
    assert scores == sorted(set(scores), reverse=True)


@pytest.mark.parametrize("gray", [False, True])
def test_a_better_jpeg_scores_higher(gray):
    picture = scene(300, 310)
    if gray:
        picture = np.repeat(picture[:, :, 1:2], 3, axis=2)
    reference = Reference(picture)
    scores = [reference.score(jpeg(picture, quality)) for quality in (10, 30, 50, 70, 85, 95)]
    assert scores == sorted(set(scores))
    assert scores[0] < 30 < scores[-1] < 100


@pytest.mark.parametrize("turn", [np.fliplr, np.flipud])
@pytest.mark.parametrize("size", [(128, 192), (64, 4224)])
def test_mirroring_both_pictures_changes_nothing(turn, size):
    picture = scene(*size)
    changed = flecked(picture, 10)
    assert score(turn(picture), turn(changed)) == pytest.approx(score(picture, changed), abs=0.02)


def test_rows_worked_on_apart_join_without_a_seam(monkeypatch):
    picture = scene(300, 512)
    changed = picture.copy()
    changed[122:134] = flecked(picture, 25)[122:134]
    apart = score(picture, changed)
    monkeypatch.setattr(xyb, "STRIP", picture.size)
    assert score(picture, changed) == pytest.approx(apart, abs=1e-4)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (7, 90), (63, 64)])
def test_a_picture_too_small_is_continued_by_its_mirror_images(height, width):
    picture = scene(height, width)
    changed = flecked(picture, 20)
    grown = [
        np.pad(pixels, ((0, 64 - height), (0, max(0, 64 - width)), (0, 0)), mode="symmetric")
        for pixels in (picture, changed)
    ]
    assert score(picture, changed) == score(*grown) < 100


def test_one_reference_scores_many_pictures_alike():
    picture = scene(90, 700)
    reference = Reference(picture)
    first = reference.score(flecked(picture, 5))
    assert reference.score(coarsened(picture, 60)) < first
    assert reference.score(flecked(picture, 5)) == first == score(picture, flecked(picture, 5))


@pytest.mark.parametrize(("alphas", "worse"), [((200, 190), "light"), ((60, 50), "dark")])
def test_transparency_is_laid_over_dark_and_light_and_the_worse_counts(alphas, worse):
    picture = scene(256, 320)
    over = {}
    for name, shade in (("dark", 25.5), ("light", 229.5)):
        laid = [picture * (alpha / 255) + (1 - alpha / 255) * shade for alpha in alphas]
        over[name] = score(*(pixels.round().astype(np.uint8) for pixels in laid))
    assert abs(over["dark"] - over["light"]) > 2
    assert min(over, key=over.__getitem__) == worse
    assert score(*(with_alpha(picture, alpha) for alpha in alphas)) == pytest.approx(over[worse], abs=0.5)


def test_opaque_alpha_is_no_alpha():
    picture, changed = scene(64, 80), coarsened(scene(64, 80), 20)
    plain = score(picture, changed)
    assert score(with_alpha(picture, 255), with_alpha(changed, 255)) == plain
    assert score(picture, with_alpha(changed, 255)) == plain
    assert score(with_alpha(picture, 255), changed) == plain
    assert score(picture, with_alpha(picture, 255)) == 100.0


def test_colours_nobody_can_see_do_not_count():
    picture = scene(64, 80)
    assert score(with_alpha(picture, 0), with_alpha(coarsened(picture, 90), 0)) == 100.0


def test_transparency_in_only_one_of_the_two_counts():
    picture = scene(64, 80)
    assert score(picture, with_alpha(picture, 200)) < 90
    assert score(with_alpha(picture, 200), picture) < 90
    assert score(picture, with_alpha(picture, 250)) > score(picture, with_alpha(picture, 200))


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match=r"other: got shape \(10, 21, 3\), expected .*\(10, 20, 3\)"):
        score(scene(10, 20), scene(10, 21))


@pytest.mark.parametrize(
    "array",
    [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 2), np.uint8), np.zeros((9, 9, 3), np.uint16), scene(9, 9)[:0]],
    ids=["flat", "two channels", "sixteen bits", "empty"],
)
def test_other_arrays_are_refused(array):
    with pytest.raises(ValueError, match="pixels: got uint"):
        Reference(array)
    with pytest.raises(ValueError, match="pixels: got uint"):
        Reference(scene(9, 9)).score(array)
