"""Pictures handed to Pillow's writers without a copy give the files that a picture of Pillow's own gives."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from imgsvc.engine.reel import Sheet
from tests.engine.pictures import encoded, glass, photo


@pytest.mark.parametrize("image", [photo(), glass(), photo().convert("L")], ids=lambda image: image.mode)
def test_a_sheet_is_written_as_the_picture_it_is(image: Image.Image) -> None:
    out = BytesIO()
    Sheet(np.asarray(image)).save(out, "AVIF", speed=10, quality=60)
    assert out.getvalue() == encoded(image, "AVIF", speed=10, quality=60)


def test_a_sheet_refuses_what_it_cannot_give() -> None:
    with pytest.raises(ValueError, match="expected raw RGB"):
        Sheet(np.asarray(photo())).tobytes("raw", "BGR")
