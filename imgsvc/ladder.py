"""The ladder of promised scores: what each step of the quality from 1 to 10 stands for."""

from __future__ import annotations

from imgsvc.engine.recipe import Goal, LooksLike, Lossless

STEPS: tuple[Goal, ...] = (
    Lossless(),
    LooksLike(92.0),
    LooksLike(90.0),
    LooksLike(87.5),
    LooksLike(85.0),
    LooksLike(82.5),
    LooksLike(80.0),
    LooksLike(77.0),
    LooksLike(74.0),
    LooksLike(70.0),
)
"""From the first step, which keeps every pixel, to the last, which gives the smallest file."""


def goal(quality: int) -> Goal:
    """What a quality promises; ValueError outside 1..10."""
    if not 1 <= quality <= len(STEPS):
        raise ValueError(f"quality {quality}")
    return STEPS[quality - 1]
