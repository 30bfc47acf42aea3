"""Limits from the header: what a file promises, or would cost, is judged before a pixel of it is decoded."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable
from functools import partial
from io import BytesIO

import numpy as np
import pytest
import pyvips
from PIL import Image

from imgsvc.engine.apart import apart
from imgsvc.engine.bounds import check
from imgsvc.engine.budget import Budget, Limits
from imgsvc.engine.codecs import jpeg, png
from imgsvc.engine.pipeline import optimize, sniff
from imgsvc.engine.recipe import Goal, LooksLike, Lossless, Recipe
from imgsvc.errors import BadPicture, InputError, TooManyPixels
from tests.engine import bombs

LIMITS = Limits()

REFUSED = [
    (bombs.png, 16, 30_000, TooManyPixels),
    (bombs.png_profile, 0, 40, BadPicture),
    (bombs.png_text, 0, 40, BadPicture),
    (bombs.png_chunks, 1000, png.MOST_CHUNKS, BadPicture),
    (bombs.png_frames, 2, LIMITS.max_frames + 1, TooManyPixels),
    (bombs.jpeg_scans, 100, jpeg.MOST_SCANS, TooManyPixels),
    (bombs.jpeg_segments, 100, jpeg.MOST_SEGMENTS, BadPicture),
    (bombs.jpeg_padding, 100, jpeg.MOST_SKIPPED + 1, BadPicture),
    (bombs.gif, 16, 65_535, TooManyPixels),
    (lambda side: bombs.gif(16, side), 16, 65_535, TooManyPixels),
    (lambda count: bombs.gif(16, count=count), 5, LIMITS.max_frames + 1, TooManyPixels),
    (lambda count: bombs.gif(2000, count=count), 5, 41, TooManyPixels),
    (bombs.webp_canvas, 16, 16_384, TooManyPixels),
    (bombs.webp_chunks, 10, 2000, BadPicture),
    (bombs.tiff_tile, 16, 30_000, TooManyPixels),
    (bombs.bmp, 16, 1_000_000_000, TooManyPixels),
]


def inspect(data: bytes) -> None:
    codec = sniff(data)
    check(codec.inspect(data, LIMITS), LIMITS)


@pytest.mark.parametrize(("make", "harmless", "too_much", "error"), REFUSED)
def test_a_bomb_is_refused_by_its_header_and_its_like_is_not(
    make: Callable[[int], bytes], harmless: int, too_much: int, error: type[InputError]
) -> None:
    inspect(make(harmless))
    with pytest.raises(error):
        inspect(make(too_much))


@pytest.mark.parametrize("side", [4000, 30_000])
def test_the_pixel_limit_is_named_on_either_side_of_the_decoders_own_guard(side: int) -> None:
    with pytest.raises(TooManyPixels, match=r"expected at most 12000000\.$"):
        png.CODEC.inspect(bombs.png(side), Limits(max_width=side, max_height=side, max_frame_pixels=12_000_000))


@pytest.mark.parametrize(("side", "shown"), [(16, True), (60_000, False)])
def test_sides_that_only_the_container_claims_are_refused(side: int, shown: bool) -> None:
    data = bombs.avif_sides(side)
    if shown:
        inspect(data)
    else:
        with pytest.raises(InputError):
            inspect(data)


@pytest.mark.parametrize(("make", "too_much"), [(bombs.png_late_text, 40), (partial(bombs.bmp, 16), 2**32 - 1)])
def test_what_hides_behind_the_header_is_refused_by_the_decoder(make: Callable[[int], bytes], too_much: int) -> None:
    assert optimize(make(0), Recipe(), Budget()).format == "png"
    with pytest.raises(BadPicture):
        optimize(make(too_much), Recipe(), Budget())


@pytest.mark.parametrize("goal", [LooksLike(70.0), Lossless()])
def test_packed_rows_beyond_the_picture_are_dropped(goal: Goal) -> None:
    data = bombs.png(pixels=bombs.inflating(100))
    result = optimize(data, Recipe(goal), Budget())
    assert len(data) > 100_000
    assert len(result.data) <= 200


def noisy(mode: str, size: tuple[int, int]) -> bytes:
    out = BytesIO()
    Image.effect_noise(size, 50).convert("RGBA" if mode == "RGBA" else "L").convert(mode).save(out, "PNG")
    return out.getvalue()


def interlaced(size: tuple[int, int]) -> bytes:
    made: bytes = pyvips.Image.gaussnoise(*size).cast("uchar").bandjoin([7, 9]).pngsave_buffer(interlace=True)
    return made


MODES = ["1", "P", "L", "LA", "RGB", "RGBA", "I;16"]
PLAIN = [
    *(noisy(mode, size) for mode in MODES for size in ((1, 1), (3, 2), (37, 23))),
    *(interlaced((width, height)) for width, height in ((1, 1), (2, 1), (1, 5), (3, 3), (5, 4), (8, 9), (37, 23))),
]


@pytest.mark.parametrize("whole", PLAIN)
def test_only_rows_beyond_the_last_are_trimmed(whole: bytes) -> None:
    assert png.trim(whole) == whole
    rows = zlib.decompress(b"".join(part[8:-4] for kind, part in png.chunks(whole) if kind == b"IDAT"))
    longer = bombs.chunk(b"IDAT", zlib.compress(rows + bytes(1000)))
    trimmed = png.trim(
        png.SIGNATURE + b"".join(longer if kind == b"IDAT" else part for kind, part in png.chunks(whole))
    )
    (packed,) = [part for kind, part in png.chunks(trimmed) if kind == b"IDAT"]
    assert zlib.decompress(packed[8:-4]) == rows


def test_more_scans_are_taken_of_small_pictures_than_of_large_ones() -> None:
    out = BytesIO()
    Image.new("L", (2000, 2000)).save(out, "JPEG", progressive=True)
    whole = out.getvalue()
    last = whole[whole.rindex(b"\xff\xda") : -2]
    large = whole[:-2] + last * 300 + b"\xff\xd9"
    with pytest.raises(TooManyPixels, match="scans"):
        inspect(large)
    inspect(bombs.jpeg_scans(300))


def test_a_png_whose_pixels_are_damaged_is_no_picture() -> None:
    with pytest.raises(BadPicture):
        optimize(bombs.damaged_png(), Recipe(), Budget())


@pytest.mark.parametrize("between", [b"\0" * 100, b"\xff" * 100, b"no marker", b"\xff\0\xff\0"])
def test_bytes_between_jpeg_segments_are_dropped_and_the_picture_stays(between: bytes) -> None:
    whole = bombs.jpeg()
    odd = whole[:20] + between + whole[20:]
    first, second = (np.asarray(Image.open(BytesIO(data))) for data in (odd, jpeg.strip(odd)))
    assert np.array_equal(first, second)
    assert between not in jpeg.strip(odd)[:200]
    assert optimize(odd, Recipe(Lossless()), Budget()).score == 100.0


def test_a_jpeg_that_ends_its_encoder_ends_nothing_else() -> None:
    data = bombs.jpeg_overflowing(40)
    result = optimize(data, Recipe(LooksLike(70.0)), Budget())
    (step,) = [step for step in result.steps if step.name == "jpg.mozjpeg-lossless"]
    assert step.outcome == "nothing"
    (control,) = [
        step
        for step in optimize(bombs.jpeg(), Recipe(LooksLike(70.0)), Budget()).steps
        if step.name == "jpg.mozjpeg-lossless"
    ]
    assert control.outcome != "nothing"


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_what_is_made_apart_arrives_whole(size: int) -> None:
    made = os.urandom(size)
    assert apart(lambda: made, Budget(30.0)) == made


def test_what_fails_apart_gives_nothing() -> None:
    def sleep() -> bytes:
        time.sleep(60)
        return b"never"

    assert apart(lambda: bytes(1 // 0), Budget(30.0)) is None
    assert apart(lambda: os._exit(0) or b"", Budget(30.0)) == b""
    assert apart(lambda: os._exit(1) or b"", Budget(30.0)) is None
    assert apart(sleep, Budget(0.2)) is None
