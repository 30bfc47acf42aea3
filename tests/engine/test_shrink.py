"""A JPEG shrunk while it is loaded looks as one that is decoded whole and shrunk then, its profile applied."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import pyvips
from PIL import Image

from imgsvc.engine.codec import Shape
from imgsvc.engine.codecs import BY_NAME
from imgsvc.engine.pixels import opened, upright
from imgsvc.engine.recipe import Resize
from imgsvc.engine.reshape import reshape
from tests.engine.pictures import encoded, photo

SIZE = Shape(Resize(160, 120))


def profile(name: str) -> bytes:
    return bytes(pyvips.Operation.call("profile_load", name))


def apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


@pytest.mark.parametrize("name", ["p3", "srgb", ""])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_profiles_count_while_shrinking(name: str, mode: str) -> None:
    options = {"icc_profile": profile(name)} if name and mode == "RGB" else {}
    data = encoded(photo(640, 480).convert(mode), "JPEG", quality=95, **options)
    shrunk = BY_NAME["jpg"].decode(data, SIZE).pixels
    with opened(data, ("JPEG",)) as image:
        whole = upright(image)
    with Image.open(BytesIO(data)) as image:
        unmanaged = np.asarray(image.convert("RGB"))
    assert apart(shrunk, reshape(whole, SIZE)) < 1.5
    if name == "p3" and mode == "RGB":
        assert apart(shrunk, reshape(unmanaged, SIZE)) > 3
