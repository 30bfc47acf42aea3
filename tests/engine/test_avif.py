"""AVIF: colours arrive at the encoder as exactly as 8 bits can tell them."""

from __future__ import annotations

import numpy as np
import pytest

from imgsvc.engine.codec import Picture
from imgsvc.engine.codecs import avif
from imgsvc.engine.judge import Judge
from tests.engine.pictures import photo

SPEED = 9


@pytest.fixture(scope="module")
def dark() -> Picture:
    gray = np.asarray(photo(320, 240)).mean(axis=2)
    return Picture(np.stack([gray / 4, gray / 5, gray / 6], axis=2).astype(np.uint8))


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_dark_colours_lose_less_than_by_libyuv(dark: Picture, subsampling: str) -> None:
    judge = Judge(dark)
    exact, swift = (
        judge.score(avif.CODEC.decode(avif.encode(dark, avif.QUALITY.hi, SPEED, subsampling, swift=swift), None))
        for swift in (False, True)
    )
    assert exact > swift + 0.8


def test_an_opaque_picture_stores_no_alpha(dark: Picture) -> None:
    assert avif.CODEC.decode(avif.encode(dark, 40, SPEED, "4:2:0"), None).pixels.shape[2] == 3


def test_clear_pixels_keep_their_alpha() -> None:
    pixels = np.dstack([np.asarray(photo(160, 120)), np.tile(np.arange(160, dtype=np.uint8), (120, 1))])
    shown = avif.CODEC.decode(avif.encode(Picture(pixels), avif.QUALITY.hi, SPEED, "4:4:4"), None).pixels
    assert np.abs(shown[..., 3].astype(int) - pixels[..., 3]).max() <= 3
    assert np.abs(shown.astype(int) - pixels)[..., :3][pixels[..., 3] > 100].mean() < 3
