"""A small picture that compresses and scores much as a large one does: tiles of it side by side."""

from __future__ import annotations

import math

import numpy as np

from imgsvc.engine.codec import Pixels

# Tiles keep to the grid of every block transform in use, and are wide enough for the metric's coarser scales.
TILE = 128
GRID = 64
# Below this many pixels the whole picture is as quick to try; above it, this share is tried.
WHOLE_PIXELS = 400_000
SHARE = 0.13


def mosaic(pixels: Pixels) -> Pixels:
    """Tiles of 128x128 pixels spread evenly over the picture, about 13 % of it; the picture itself when small."""
    height, width = pixels.shape[:2]
    if height * width <= WHOLE_PIXELS or min(height, width) < 3 * TILE:
        return pixels
    wanted = max(SHARE * height * width, WHOLE_PIXELS / 2) / TILE**2
    columns = max(2, round(math.sqrt(wanted * width / height)))
    rows = max(2, round(wanted / columns))
    tops, lefts = _places(height, rows), _places(width, columns)
    bands = [np.hstack([pixels[top : top + TILE, left : left + TILE] for left in lefts]) for top in tops]
    return np.vstack(bands)


def _places(side: int, count: int) -> list[int]:
    room = side - TILE
    return [min(room, round(room * (number + 0.5) / count / GRID) * GRID) for number in range(count)]
