"""A picture that is something else as well goes out as a picture alone: no tail, no comment, no text."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imgsvc.engine.budget import Budget
from imgsvc.engine.pipeline import optimize
from imgsvc.engine.recipe import Goal, LooksLike, Lossless, Recipe
from tests.engine.pictures import encoded, frames, photo

LIVE = b"<script>evil()</script>"
TAILS = {
    "zip": b"PK\x03\x04evil()",
    "php": b"\n<?php evil() ?>",
    "html": LIVE,
    "picture": b"\xff\xd8\xff\xe0evil()\xff\xd9",
}
KINDS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF")
GOALS: tuple[Goal, ...] = (Lossless(), LooksLike(70.0))


def texts() -> PngInfo:
    info = PngInfo()
    info.add_text("Comment", LIVE.decode())
    info.add_itxt("Title", LIVE.decode(), zip=True)
    return info


def exif() -> bytes:
    made = Image.Exif()
    made[0x010E] = LIVE.decode()
    return made.tobytes()


SPOKEN = {
    "JPEG comment": ("JPEG", {"comment": LIVE}),
    "JPEG EXIF": ("JPEG", {"exif": exif()}),
    "PNG texts": ("PNG", {"pnginfo": texts()}),
    "PNG EXIF": ("PNG", {"exif": exif()}),
    "GIF comment": ("GIF", {"comment": LIVE}),
    "WebP EXIF": ("WEBP", {"exif": exif()}),
    "WebP XMP": ("WEBP", {"xmp": LIVE}),
    "AVIF EXIF": ("AVIF", {"exif": exif()}),
    "AVIF XMP": ("AVIF", {"xmp": LIVE}),
    "TIFF description": ("TIFF", {"description": LIVE.decode()}),
}


@pytest.mark.parametrize("goal", GOALS, ids=str)
@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_follows_the_end_of_a_picture_goes(kind: str, tail: str, goal: Goal) -> None:
    made = optimize(encoded(photo(40, 30), kind) + TAILS[tail], Recipe(goal), Budget()).data
    assert b"evil()" not in made
    assert Image.open(BytesIO(made)).size == (40, 30)


@pytest.mark.parametrize("goal", GOALS, ids=str)
@pytest.mark.parametrize("name", SPOKEN)
def test_what_a_picture_says_besides_goes(name: str, goal: Goal) -> None:
    kind, words = SPOKEN[name]
    source = encoded(photo(40, 30), kind, **words)
    assert LIVE in source
    assert b"evil()" not in optimize(source, Recipe(goal), Budget()).data


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_a_moving_picture_loses_its_tail_too(kind: str) -> None:
    first, *others = frames(3)
    source = encoded(first, kind, save_all=True, append_images=others, duration=80)
    made = optimize(source + TAILS["zip"] + LIVE, Recipe(Lossless()), Budget())
    assert b"evil()" not in made.data
    assert made.frames == 3
