"""Meet a goal with one encoder: joins the search for a quality and the score of what it gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from imgsvc.engine.budget import Budget
from imgsvc.engine.codec import Offer, Work
from imgsvc.engine.recipe import Fixed, LooksLike, Under
from imgsvc.engine.search import CLOSE, smallest

T = TypeVar("T")

# A search ends when it has used this share of the seconds left: other passes and the answer need theirs.
SHARE = 0.6
# Points above the promise that no even scale gives: the picture is small, or its palette.
JUMP = 4.0
# What sealing may add to a file.
SEAL_ROOM = 48
HIGHEST = 100


@dataclass(frozen=True, slots=True)
class Scale:
    """An encoder's quality setting: whole numbers whose files look better, and grow, from lo to hi."""

    lo: int
    hi: int
    guess: Callable[[float], int]
    """Where a promised score (0..100) is usually reached."""
    slope: float = 0.7
    """By how much the score rises with each step thereabouts."""
    close: float = CLOSE
    """The share of a step above the promise that is close enough."""
    tries: float = math.inf
    """From so many files on, one that keeps the promise is close enough."""

    def at(self, quality: int) -> int:
        """A quality of 1..100 on this scale."""
        return round(self.lo + (self.hi - self.lo) * (quality - 1) / 99)

    def alike(self, place: float) -> float:
        """The score usually reached at this place: the inverse of `guess`, to half a point."""
        return next((half / 2 for half in range(2 * HIGHEST) if self.guess(half / 2) >= place), float(HIGHEST))


def through(*points: tuple[float, float]) -> Callable[[float], int]:
    """A guess that follows straight lines through points of (score, place), both rising, and goes on beyond them."""
    pairs = tuple(pairwise(points))

    def guess(score: float) -> int:
        (left, low), (right, high) = next((pair for pair in pairs if score <= pair[1][0]), pairs[-1])
        return round(low + (score - left) / (right - left) * (high - low))

    return guess


@dataclass(frozen=True, slots=True)
class Sought:
    """What a search for a score came to: a file, its quality, and whether it reached the score."""

    offer: Offer
    at: int
    good: bool


def seek(work: Work, encode: Callable[[int], bytes], scale: Scale, score: float, most: float = math.inf) -> Sought:
    """The fewest bytes at this score; the nearest there is where it cannot be reached.

    Gives up, with what it has, where a file falls short of the score in `most` bytes or more.
    """
    probes = _Probes(work, encode)

    def in_vain() -> bool:
        data, reached = probes.latest
        tired = len(probes.files) >= scale.tries and probes.best >= score
        return tired or probes.enough() or (reached < score and len(data) >= most)

    found = smallest(
        probes.score, score, scale.lo, scale.hi, scale.guess(score), in_vain, scale.slope, JUMP, scale.close
    )
    return Sought(Offer(probes.files[found.at], found.value), found.at, found.good)


def meet(work: Work, encode: Callable[[int], bytes], scale: Scale) -> Offer | None:
    """The encoder's best answer to the goal: the fewest bytes at the promised score, or the best look in the bytes.

    None for a lossless goal. Where the goal cannot be reached, the nearest there is.
    """
    match work.goal:
        case Fixed(quality):
            return Offer(encode(scale.at(quality)))
        case LooksLike(score):
            return seek(work, encode, scale, score).offer
        case Under(size):
            return _largest(work, encode, scale, size)
    return None


def _largest(work: Work, encode: Callable[[int], bytes], scale: Scale, size: int) -> Offer:
    """The highest quality in so many bytes; the lowest there is where time runs out before one fits."""
    probes = _Probes(work, encode)
    highest = smallest(
        lambda x: -float(probes.size(-x)), SEAL_ROOM - size, -scale.hi, -scale.lo, -scale.guess(75.0), probes.enough
    )
    if not highest.good and scale.lo not in probes.files:
        return Offer(encode(scale.lo))
    return Offer(probes.files[-highest.at])


def in_turn(work: Work, *tries: Callable[[], Offer | None]) -> Offer | None:
    """The last offer of tries that are made until one reaches the promised score; earlier ones are shown."""
    offer = None
    for attempt in tries:
        if offer is not None:
            work.show(offer)
        offer = attempt()
        if offer is None or not isinstance(work.goal, LooksLike) or (offer.score or 0.0) >= work.goal.score:
            break
    return offer


@dataclass(slots=True)
class _Probes:
    """The encodings tried so far, and what they cost."""

    work: Work
    encode: Callable[[int], bytes]
    files: dict[int, bytes] = field(default_factory=dict)
    slowest: float = 0.0
    begun: float = field(init=False)
    latest: tuple[bytes, float] = b"", 0.0
    """The last file that was scored, and its score."""
    best: float = -math.inf

    def __post_init__(self) -> None:
        self.begun = self.budget.left

    @property
    def budget(self) -> Budget:
        return self.work.budget

    def size(self, x: int) -> int:
        self.files[x] = self._timed(lambda: self.encode(x))
        return len(self.files[x])

    def score(self, x: int) -> float:
        return self._timed(lambda: self._scored(x))

    def _scored(self, x: int) -> float:
        self.files[x] = self.encode(x)
        score = self.work.judge(self.files[x])
        self.work.show(Offer(self.files[x], score))
        self.latest, self.best = (self.files[x], score), max(self.best, score)
        return score

    def _timed(self, act: Callable[[], T]) -> T:
        before = self.budget.left
        done = act()
        self.slowest = max(self.slowest, before - self.budget.left)
        return done

    def enough(self) -> bool:
        """Whether another probe would take more than this search's share of the time."""
        return self.budget.left - self.slowest < (1 - SHARE) * self.begun
