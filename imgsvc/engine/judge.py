"""How alike an encoded file and the wanted picture look: one score for a still, the worst sampled frame else."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate

from imgsvc.engine.codec import Animation, Picture, Pixels
from imgsvc.engine.score import Reference

# Four moments spread over the show: scoring every frame costs more than encoding it and finds the same quality.
MOMENTS = (0.0, 0.3, 0.6, 0.95)


class Judge:
    """Scores files against one picture, whose half of the work is done once."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._still: Reference | None = None
        self._sampled: list[tuple[float, Reference]] = []

    def score(self, candidate: Picture) -> float:
        """The SSIMULACRA2 score of the candidate, 100.0 when every compared pixel is equal."""
        if self._picture.animation is None or candidate.animation is None:
            self._still = self._still or Reference(self._picture.pixels)
            return self._still.score(candidate.pixels)
        if not self._sampled:
            self._sampled = [(time, Reference(p)) for time, p in _at(self._picture.animation, _moments(self._picture))]
        shown = _at(candidate.animation, [time for time, _ in self._sampled])
        return min(reference.score(pixels) for (_, reference), (_, pixels) in zip(self._sampled, shown, strict=True))

    def reader(self, decode: Callable[[bytes], Picture]) -> Callable[[bytes], float]:
        """The score of an encoded file, read back by its codec."""
        return lambda data: self.score(decode(data))


def _moments(picture: Picture) -> list[float]:
    animation = picture.animation
    durations = animation.durations if animation else ()
    starts = [0, *accumulate(max(1, d) for d in durations)][:-1]
    picked = sorted({min(len(starts) - 1, int(len(starts) * share)) for share in MOMENTS})
    return [starts[number] + max(1, durations[number]) / 2 for number in picked]


def _at(animation: Animation, times: list[float]) -> Iterator[tuple[float, Pixels]]:
    starts = [0, *accumulate(max(1, d) for d in animation.durations)][:-1]
    wanted = [max(0, bisect_right(starts, time) - 1) for time in times]
    numbers = sorted(set(wanted))
    shown = dict(zip(numbers, animation.pick(numbers), strict=True))
    yield from ((time, shown[number]) for time, number in zip(times, wanted, strict=True))
