"""Bytes that an encoder needs for a score: asks for encodes around the score until two of them enclose it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bench.arithmetic import Point, bracket, size_between

NEAR = 2.5
"""Two encodes this many points apart are near enough for the sizes between them to be told."""
TRIES = 6
STEP = 0.5
"""How far beyond the wanted score the next aim goes when all encodes so far lie on one side of it."""
FINEST = 0.3
"""Aims this close to one another give the same file, or two with nothing in between."""
BEST = 99.8


@dataclass(slots=True)
class Curve:
    """Sizes over scores of one picture; `encode` takes an aim (the score to ask for) and gives what was reached."""

    encode: Callable[[float], Point]
    seen: dict[float, Point] = field(default_factory=dict)
    """What each aim gave."""

    def size_at(self, score: float) -> float | None:
        """Bytes at this score; those of the next better file where nothing comes near; None where out of reach."""
        for number in range(TRIES):
            aim = self._next(score, number)
            if aim is None or aim in self.seen:
                break
            self.seen[aim] = self.encode(aim)
        below, above = bracket(list(self.seen.values()), score)
        if above is None:
            return None
        if below is None or above.score - below.score > 2 * NEAR:
            return float(above.size)
        return size_between(below, above, score)

    def _next(self, score: float, number: int) -> float | None:
        """Where to aim next; None when enough is known."""
        if not self.seen:
            return round(min(score, BEST), 2)
        below, above = bracket(list(self.seen.values()), score)
        if below and above:
            if above.score - below.score <= NEAR:
                return None
            low, high = self._aim(below), self._aim(above)
            return round((low + high) / 2, 2) if high - low > FINEST else None
        edge = below or above
        if edge is None:
            return None
        beyond = STEP * (1 + number) if edge is below else -STEP * (1 + number)
        return round(min(self._aim(edge) + score - edge.score + beyond, BEST), 2)

    def _aim(self, point: Point) -> float:
        return max(aim for aim, reached in self.seen.items() if reached == point)
