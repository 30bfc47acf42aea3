"""The one place that compares offers: which file answers a goal best."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from imgsvc.engine.codec import Codec, Offer
from imgsvc.engine.recipe import Fixed, Goal, LooksLike, Lossless, Under
from imgsvc.engine.result import Step

# Scores of equal pictures differ by rounding alone.
HAIR = 1e-6
# Polishing may take a quarter off a tiny file and nothing off another.
NEARLY = 1.3
MOST_RUNNERS_UP = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """An offer that takes part: whose it is, and whether format and size are the upload's."""

    codec: Codec
    offer: Offer
    name: str
    kept: bool


def reaches(goal: Goal, offer: Offer, kept: bool) -> bool:
    """Whether the offer keeps the promise; a conversion cannot be held to every pixel."""
    match goal:
        case Lossless():
            return not kept or offer.score == 100.0
        case LooksLike(score):
            return offer.score is not None and offer.score >= score - HAIR
        case Under(size):
            return len(offer.data) <= size
    return True


def rank(goal: Goal, offer: Offer, kept: bool) -> tuple[float, float, int]:
    """Sorts offers, the best answer first: those that keep the promise, then what the goal is about."""
    size = len(offer.data)
    score = offer.score if offer.score is not None else -1000.0
    reached = reaches(goal, offer, kept)
    match goal:
        case Lossless():
            return (0.0 if reached else 1.0, -score, size)
        case Under():
            return (0.0, -score, size) if reached else (1.0, float(size), size)
    return (0.0, 0.0, size) if reached else (1.0, -score, size)


def seal_words(goal: Goal) -> str:
    """A goal as it is written into files that met it with loss; of one length, so that it decides no contest."""
    match goal:
        case LooksLike(score):
            return f"L{score:06.2f}"
        case Fixed(quality):
            return f"F{quality:06d}"
        case Under(size):
            return f"U{size:06d}"
    return ""


def covers(words: str, goal: Goal) -> bool:
    """Whether a file sealed with these words has met the goal, or a harder one of its kind, before."""
    wanted = seal_words(goal)
    try:
        return words[:1] == wanted[:1] != "" and float(words[1:]) <= float(wanted[1:])
    except ValueError:
        return False


def seal(codec: Codec, offer: Offer, goal: Goal) -> Offer:
    """The offer with the goal it met written into it, unless no pixel was lost or none may be."""
    words = seal_words(goal)
    return offer if offer.score == 100.0 or not words else Offer(codec.seal(offer.data, words), offer.score)


@dataclass(slots=True)
class Contest:
    """Offers as they come in, the best so far, and the steps for the log."""

    goal: Goal
    better: Callable[[Entry], None]
    """Told of each new best."""
    best: Entry | None = None
    steps: list[Step] = field(default_factory=list)
    runners_up: list[Entry] = field(default_factory=list)
    """Entries of other files that keep the promise in a few bytes more than the best, the smallest first."""

    def enter(self, entry: Entry) -> None:
        """Lets an offer take part."""
        if self.best is None:
            self.best = entry
            self.better(entry)
        elif self._rank(entry) < self._rank(self.best):
            self._remember(self.best)
            self.best = entry
            self.better(entry)
        elif entry.offer.data != self.best.offer.data:
            self._remember(entry)

    def _rank(self, entry: Entry) -> tuple[float, float, int]:
        return rank(self.goal, entry.offer, entry.kept)

    def _remember(self, entry: Entry) -> None:
        close = [one for one in (*self.runners_up, entry) if len(one.offer.data) <= NEARLY * self.least()]
        close = [one for one in close if reaches(self.goal, one.offer, one.kept)]
        self.runners_up = sorted(close, key=lambda one: len(one.offer.data))[:MOST_RUNNERS_UP]

    def finish(self, entry: Entry) -> None:
        """Lets a polished entry take the winner's place where it is smaller."""
        if self.best is not None and self._rank(entry) < self._rank(self.best):
            self.best = entry
            self.better(entry)

    def least(self) -> float:
        """Bytes of the best so far."""
        return len(self.best.offer.data) if self.best else math.inf

    def met(self) -> bool:
        """Whether the best so far keeps the promise."""
        return self.best is not None and reaches(self.goal, self.best.offer, self.best.kept)

    def note(self, step: Step) -> None:
        self.steps.append(step)

    def judged(self) -> tuple[Step, ...]:
        """The steps with their outcome: one is kept, the others were larger or fell short."""
        return tuple(self._outcome(step) for step in self.steps)

    def _outcome(self, step: Step) -> Step:
        if step.outcome != "larger":
            return step
        if self.best and step.name == self.best.name:
            return replace(step, outcome="kept", size=len(self.best.offer.data), score=self.best.offer.score)
        short = isinstance(self.goal, LooksLike) and (step.score is None or step.score < self.goal.score - HAIR)
        return replace(step, outcome="short" if short else "larger")
