"""Animations as WebM and MP4: their times, sides and colours, who gets them, and what they cost."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from imgsvc.engine.budget import Budget, Limits
from imgsvc.engine.codecs import BY_NAME, CODECS
from imgsvc.engine.codecs.mp4 import boxes
from imgsvc.engine.pipeline import optimize, sniff
from imgsvc.engine.recipe import AUTO, Fixed, Goal, LooksLike, Lossless, Recipe, Resize, Under
from imgsvc.engine.result import Result
from imgsvc.errors import InputError, UnsupportedKind
from imgsvc.sandbox import Pool
from tests.engine.pictures import encoded, frames, moving, photo, samples

VIDEOS = tuple(codec.name for codec in CODECS if codec.video)
SAMPLES = samples()
MOVING = sorted(name for name in SAMPLES if "moving" in name)
STILL = sorted(name for name in SAMPLES if "moving" not in name)
# Blocks of 40 by 40 pixels in which neither seams nor noise tell: the six colours that BT.601 and BT.709 part on most.
COLOURS = (
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 0),
    (0, 255, 255),
    (255, 0, 255),
    (0, 0, 0),
    (255, 255, 255),
)

PROMISE = LooksLike(70.0)

each_video = pytest.mark.parametrize("form", VIDEOS)


def run(data: bytes, form: str, goal: Goal = PROMISE, box: Resize | None = None, quick: bool = False) -> Result:
    return optimize(data, Recipe(goal, (form,), box, quick=quick), Budget(60))


def gif(images: list[Image.Image], durations: list[int]) -> bytes:
    return encoded(images[0], "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0)


def panned(count: int, width: int = 96, height: int = 64) -> list[Image.Image]:
    wide = photo(width + 4 * count, height)
    return [wide.crop((4 * n, 0, 4 * n + width, height)) for n in range(count)]


def times(data: bytes) -> tuple[list[int], int]:
    """When each frame begins and when the last one ends, in milliseconds, as players are told."""
    with av.open(BytesIO(data)) as file:
        begins = sorted(round(1000 * packet.pts * packet.time_base) for packet in file.demux(video=0) if packet.size)
        assert file.duration is not None
        return begins, round(file.duration / 1000)


def shown(data: bytes) -> list[np.ndarray]:
    """The frames as FFmpeg's own converter shows them to who reads their tags, (height, width, 3)."""
    with av.open(BytesIO(data)) as file:
        made = []
        for frame in file.decode(video=0):
            assert (frame.format.name, frame.colorspace, frame.color_range) == ("yuv420p", 1, 1)
            assert (frame.color_primaries, frame.color_trc) == (1, 1)
            made.append(frame.to_ndarray(format="rgb24"))
        return made


@each_video
@pytest.mark.parametrize("name", MOVING)
def test_an_animation_keeps_frames_times_and_the_promise(name: str, form: str) -> None:
    # Chroma at half size costs a drawing as small as this more than the encoder does: 61 is all there is.
    result = run(SAMPLES[name], form, LooksLike(60.0))
    assert (result.format, result.mime, result.frames) == (form, f"video/{form}", 5)
    assert result.score is not None
    assert result.score >= 60.0
    assert times(result.data) == ([0, 100, 240, 420, 640], 900)
    assert len(shown(result.data)) == 5


@each_video
def test_uneven_times_are_exact_and_those_that_browsers_stretch_are_stretched(form: str) -> None:
    durations = [20, 30, 0, 10, 1230, 50, 20]
    begins, end = times(run(gif(frames(7), durations), form).data)
    assert [later - earlier for earlier, later in pairwise([*begins, end])] == [20, 30, 100, 100, 1230, 50, 20]


@each_video
def test_odd_sides_get_their_last_row_and_column_twice(form: str) -> None:
    images = panned(4, 95, 63)
    result = run(gif(images, [80] * 4), form, LooksLike(80.0))
    assert (result.width, result.height, result.original_width, result.original_height) == (96, 64, 95, 63)
    for frame in shown(result.data):
        assert frame.shape == (64, 96, 3)
        assert np.abs(frame[-1].astype(int) - frame[-2]).mean() < 6
        assert np.abs(frame[:, -1].astype(int) - frame[:, -2]).mean() < 6


@each_video
@pytest.mark.parametrize("box", [Resize(41, 41), Resize(40, 300), Resize(31, 7)], ids=str)
def test_even_sides_still_fit_inside_the_box(box: Resize, form: str) -> None:
    result = run(gif(panned(3), [80] * 3), form, Fixed(50), box)
    height, width = shown(result.data)[0].shape[:2]
    assert (width, height) == (result.width, result.height)
    assert width % 2 == height % 2 == 0
    assert width <= box.width
    assert height <= box.height


@each_video
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2)])
def test_the_smallest_pictures_are_videos_too(size: tuple[int, int], form: str) -> None:
    images = [Image.new("RGB", size, colour) for colour in ("red", "blue")]
    result = run(gif(images, [100, 100]), form)
    assert len(shown(result.data)) == result.frames == 2


@each_video
def test_no_colour_is_shifted(form: str) -> None:
    chart = np.zeros((80, 160, 3), np.uint8)
    places = [(row, column) for row in (0, 40) for column in (0, 40, 80, 120)]
    for (row, column), colour in zip(places, COLOURS, strict=True):
        chart[row : row + 40, column : column + 40] = colour
    images = [Image.fromarray(chart), Image.fromarray(chart[:, ::-1])]
    seen = shown(run(gif(images, [100, 100]), form, LooksLike(85.0)).data)[0].astype(int)
    for (row, column), colour in zip(places, COLOURS, strict=True):
        middle = seen[row + 10 : row + 30, column + 10 : column + 30].mean((0, 1))
        assert np.abs(middle - colour).max() < 6


@each_video
def test_what_was_transparent_is_white(form: str) -> None:
    result = run(SAMPLES["gif moving cutout"], form, LooksLike(80.0))
    for frame in shown(result.data):
        assert frame[:8, :8].min() > 245
        assert frame[50:, 50:].min() > 245


@pytest.mark.parametrize("quick", [False, True])
def test_the_index_of_an_mp4_comes_before_its_pictures(quick: bool) -> None:
    data = run(gif(panned(6), [80] * 6), "mp4", Fixed(60), quick=quick).data
    kinds = [kind for kind, *_ in boxes(data, 0, len(data))]
    assert kinds[0] == b"ftyp"
    assert kinds.index(b"moov") < kinds.index(b"mdat")
    assert len(shown(data)) == 6


@each_video
def test_a_file_is_made_again_to_the_byte_and_names_no_encoder(form: str) -> None:
    data = gif(panned(5), [80] * 5)
    once, again = (run(data, form, Fixed(50)).data for _ in range(2))
    assert once == again
    assert b"x264" not in once


@each_video
def test_goals_other_than_a_score(form: str) -> None:
    data = gif(panned(6), [80] * 6)
    coarse, fine = run(data, form, Fixed(20)), run(data, form, Fixed(80))
    assert coarse.size < fine.size
    assert coarse.size < run(data, form, Under(fine.size)).size <= fine.size
    nearest, fixed = (run(SAMPLES["png moving"], form, goal) for goal in (Lossless(), Fixed(90)))
    assert nearest.score is not None
    assert nearest.score > 60.0
    assert nearest.size > fixed.size
    hurried = run(data, form, Fixed(60), quick=True)
    assert [step.name for step in hurried.steps] == [f"{form}.quick"]


@each_video
@pytest.mark.parametrize("name", STILL)
def test_a_still_is_refused(name: str, form: str) -> None:
    with pytest.raises(InputError, match=f"got a still picture, expected an animation for {form}"):
        run(SAMPLES[name], form)


@each_video
def test_a_still_is_refused_before_its_pixels_are_decoded(form: str) -> None:
    torn = SAMPLES["png photo"][:200]
    with pytest.raises(InputError) as caught:
        run(torn, form)
    assert caught.value.status == 400


def test_of_several_formats_those_for_stills_take_a_still() -> None:
    result = optimize(SAMPLES["png drawing"], Recipe(LooksLike(70.0), ("webm", "webp", "mp4")), Budget(30))
    assert result.format == "webp"
    assert not [step for step in result.steps if step.name.startswith(VIDEOS)]


@each_video
def test_a_video_is_no_upload(form: str) -> None:
    made = run(SAMPLES["gif moving"], form).data
    for wanted in ((), (form,), ("webp",), (AUTO,)):
        with pytest.raises(UnsupportedKind):
            optimize(made, Recipe(formats=wanted), Budget(30))
    with pytest.raises(UnsupportedKind):
        sniff(made)
    with pytest.raises(UnsupportedKind):
        BY_NAME[form].inspect(made, Limits())


def test_auto_makes_no_video() -> None:
    result = optimize(gif(panned(5), [80] * 5), Recipe(LooksLike(70.0), (AUTO,)), Budget(60))
    assert result.format not in VIDEOS
    assert not [step for step in result.steps if step.name.startswith(VIDEOS)]


@each_video
def test_without_the_library_it_is_said_that_there_is_no_video(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match=f"got {form}, which is not available on this server"):
        run(SAMPLES["gif moving"], form)
    assert run(SAMPLES["gif moving"], "webp").format == "webp"


def test_the_library_is_loaded_for_videos_alone() -> None:
    script = "import sys, imgsvc.engine.pipeline; print('av' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@each_video
def test_frames_of_a_megapixel_keep_the_promise_too(form: str) -> None:
    images = [image.resize((1200, 900)) for image in frames(3)]
    result = run(gif(images, [100, 200, 300]), form)
    assert result.score is not None
    assert result.score >= 70.0
    assert times(result.data) == ([0, 100, 300], 600)
    assert shown(result.data)[0].shape == (900, 1200, 3)


@each_video
def test_a_thousand_frames_are_all_there(form: str) -> None:
    images = [Image.new("RGB", (16, 16), (n % 256, n // 4, 255 - n % 256)) for n in range(1000)]
    limits = Limits(max_frames=1000)
    result = optimize(gif(images, [20] * 1000), Recipe(LooksLike(70.0), (form,)), Budget(60, limits))
    assert result.frames == 1000
    assert result.score is not None
    begins, end = times(result.data)
    assert (len(begins), end) == (1000, 20_000)


@each_video
def test_behind_all_fences(form: str, tmp_path: Path) -> None:
    pool = Pool(tmp_path / "jobs", helpers=1, queue=1, memory=1024 * 1024 * 1024)
    try:
        data = moving("GIF", count=6)
        result = pool.run(data, Recipe(LooksLike(70.0), (form,)), seconds=60, limits=Limits())
        assert times(result.data)[1] == 1200
        with pytest.raises(InputError, match="got a still picture"):
            pool.run(SAMPLES["png photo"], Recipe(formats=(form,)), seconds=60, limits=Limits())
    finally:
        pool.close()
