"""Sizes in, sizes out: pure arithmetic on widths and heights."""

from __future__ import annotations

from imgsvc.engine.recipe import Resize


def fit(width: int, height: int, box: Resize | None) -> tuple[int, int]:
    """The largest size of the same shape inside the box, in whole pixels of at least 1; never enlarged."""
    if box is None:
        return width, height
    scale = min(1.0, box.width / width, *([box.height / height] if box.height else []))
    return max(1, round(width * scale)), max(1, round(height * scale))
