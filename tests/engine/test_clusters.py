"""A palette's colours, moved to where the pixels are."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from imgsvc.engine.clusters import Clusters, colours_of, vectors
from imgsvc.engine.codec import Picture
from imgsvc.engine.shades import palette


def shown(data: bytes) -> np.ndarray:
    with Image.open(BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA"))


def test_vectors_lead_back_to_their_colours() -> None:
    colours = np.random.default_rng(1).integers(0, 256, (500, 4)).astype(np.uint8)
    colours[:, 3] |= 1
    assert np.array_equal(colours_of(vectors(colours)), colours)


@pytest.mark.parametrize("channels", [3, 4])
def test_refined_colours_are_nearer_and_no_more_of_them(channels: int) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (60, 70, channels)).astype(np.uint8)
    rough = palette(Picture(pixels), 3, 0.0)
    refined = Clusters(pixels).refined(rough)
    original = Clusters(pixels)
    whole = original._found[0][original._found[1]]
    away = [np.square(vectors(shown(data).reshape(-1, 4)) - vectors(whole)).sum() for data in (rough, refined)]
    assert away[1] < away[0]
    count = [len(np.unique(shown(data).reshape(-1, 4), axis=0)) for data in (rough, refined)]
    assert count[1] <= count[0]
