"""One run of the attacks: how much of each is done, and what could not be done."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.figures import Figure

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "bad"


@dataclass(slots=True)
class Soak:
    """What a row may use. `said` collects sentences on what was skipped; `data` what was measured, by row."""

    scale: float = 1.0
    """Share of the full counts; 1 is what the targets speak of."""
    seed: int = 1
    corpus: Path = CORPUS
    """The folder of hostile files, with what is expected of each in MANIFEST.csv."""
    said: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    def count(self, whole: int, least: int = 1) -> int:
        """How many of `whole` are done at this scale."""
        return max(least, round(whole * self.scale))

    def dice(self, name: str) -> random.Random:
        """Dice of the row's own, the same in every run with the same seed."""
        return random.Random(f"{self.seed} {name}")  # noqa: S311 - to be repeated, not to be secret


@dataclass(frozen=True, slots=True)
class Row:
    """An attack, and the lines of the table that tell how it went."""

    name: str
    measure: Callable[[Soak], list[Figure]]
