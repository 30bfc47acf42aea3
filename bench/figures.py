"""What a row of the table says: a figure, its target, and how the values behind it lie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.arithmetic import Spread, geometric_mean, spread

Verdict = Literal["met", "missed", "-"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number beside what it should be."""

    row: str
    what: str
    value: float
    target: float | None = None
    at_least: bool = False
    """The target is a floor; else a ceiling."""
    count: int = 0
    """Pictures behind it."""
    spread: Spread | None = None
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        if self.target is None or math.isnan(self.value):
            return "-"
        good = self.value >= self.target if self.at_least else self.value <= self.target
        return "met" if good else "missed"


def mean_ratio(row: str, what: str, ratios: Sequence[float], target: float | None, note: str = "") -> Figure:
    """The geometric mean of ratios, one a picture."""
    return Figure(row, what, geometric_mean(ratios), target, count=len(ratios), spread=spread(ratios), note=note)


def worst_ratio(row: str, what: str, ratios: dict[str, float], target: float) -> Figure:
    """The largest ratio of all files; the note names those above the target."""
    over = sorted((name for name in ratios if ratios[name] > target), key=lambda name: -ratios[name])
    note = "above: " + ", ".join(f"{name} {ratios[name]:.4f}" for name in over[:6]) if over else ""
    values = list(ratios.values())
    return Figure(row, what, max(values, default=math.nan), target, count=len(values), spread=spread(values), note=note)


def named(ratios: dict[str, float], count: int = 3) -> str:
    """The worst pictures, for a note."""
    worst = sorted(ratios, key=lambda name: -ratios[name])[:count]
    return "worst: " + ", ".join(f"{name} {ratios[name]:.3f}" for name in worst)
