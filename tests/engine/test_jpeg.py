"""JPEG without loss: the coefficients stay, in whichever order of scans is the smallest."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from imgsvc.engine.budget import Budget
from imgsvc.engine.codec import Picture, Work
from imgsvc.engine.codecs import jpeg
from imgsvc.engine.judge import Judge
from imgsvc.engine.recipe import Lossless
from imgsvc.engine.tools import jpegtran
from tests.engine.pictures import encoded, photo


def work(data: bytes) -> Work:
    picture = Picture(np.asarray(photo()))

    def read(data: bytes) -> Picture:
        return jpeg.CODEC.decode(data, None)

    return Work(data, picture, Lossless(), Budget(30), Judge(picture).reader(read), read)


def raw(data: bytes) -> np.ndarray:
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image)


@pytest.mark.parametrize(("mode", "count"), [("L", 1), ("RGB", 3), ("CMYK", 4)])
@pytest.mark.parametrize("progressive", [False, True])
def test_channels_are_those_of_the_frame(mode: str, count: int, progressive: bool) -> None:
    assert jpeg.channels(encoded(photo().convert(mode), "JPEG", progressive=progressive)) == count


def test_a_file_without_a_frame_has_no_channels() -> None:
    assert jpeg.channels(b"\xff\xd8\xff\xfe\x00\x04ab\xff\xd9") == 0


@pytest.mark.skipif(jpegtran() is None, reason="jpegtran is not installed (libjpeg-turbo-progs)")
def test_four_channels_are_reordered_and_keep_every_sample() -> None:
    data = encoded(photo().convert("CMYK"), "JPEG", quality=92)
    offer = jpeg.reorder(work(data))
    assert offer is not None
    assert len(offer.data) < len(data)
    assert np.array_equal(raw(offer.data), raw(data))


def test_other_pictures_are_not_reordered() -> None:
    given = work(encoded(photo(), "JPEG"))
    assert jpeg.reorder(given) is None
    assert jpeg.reorder(replace(given, data=None)) is None
