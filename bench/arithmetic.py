"""Plain numbers: means and percentiles of what was measured, and bytes at a score that lies between two encodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """One encode: its size in bytes and the score it reached (100 identical)."""

    score: float
    size: int


@dataclass(frozen=True, slots=True)
class Spread:
    """How values lie: the middle one and the two that cut off a twentieth on either side."""

    median: float
    low: float
    high: float


def geometric_mean(values: Sequence[float]) -> float:
    """The mean of ratios, all above 0; nan of none."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share (0..1) lies, interpolated between neighbours; nan of none."""
    if not values:
        return math.nan
    ranked = sorted(values)
    at = share * (len(ranked) - 1)
    below = math.floor(at)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (ranked[above] - ranked[below]) * (at - below)


def spread(values: Sequence[float]) -> Spread:
    """Median, 5th and 95th percentile."""
    return Spread(percentile(values, 0.5), percentile(values, 0.05), percentile(values, 0.95))


def size_between(below: Point, above: Point, score: float) -> float:
    """Bytes at a score between those of two points: the logarithm of the size is taken as straight in between."""
    if above.score <= below.score:
        return float(above.size)
    share = (score - below.score) / (above.score - below.score)
    return math.exp(math.log(below.size) + share * (math.log(above.size) - math.log(below.size)))


def bracket(points: Sequence[Point], score: float) -> tuple[Point | None, Point | None]:
    """The nearest points at or below and at or above a score; the smaller file where two are as near."""
    below = [point for point in points if point.score <= score]
    above = [point for point in points if point.score >= score]
    return (
        max(below, key=lambda point: (point.score, -point.size), default=None),
        min(above, key=lambda point: (point.score, point.size), default=None),
    )
