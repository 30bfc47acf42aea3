"""Tells drawn pictures from photographs."""

from __future__ import annotations

import numpy as np

from imgsvc.engine.codec import Pixels

# Screenshots, logos and drawings repeat the pixel on the left in well over this share; photographs seldom do.
FLAT_SHARE = 0.4


def is_graphic(pixels: Pixels) -> bool:
    """Whether large parts are exactly flat, as in screenshots, logos and drawings."""
    rows = pixels[:: max(1, pixels.shape[0] // 256)]
    if rows.shape[1] < 2:
        return True
    same = np.all(rows[:, 1:] == rows[:, :-1], axis=2)
    return float(same.mean()) >= FLAT_SHARE
