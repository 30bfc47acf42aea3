"""The smallest whole number whose value is good enough; knows nothing of pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """A place on the scale and its value there; `good` when the value reached the target."""

    at: int
    value: float
    good: bool


# The first steps use the guess's neighbourhood: a wider one wastes probes, a narrower one misses the target.
FIRST_STRIDE = 8


def smallest(
    value: Callable[[int], float],
    target: float,
    lo: int,
    hi: int,
    guess: int,
    stop: Callable[[], bool] = lambda: False,
) -> Found:
    """The smallest x of lo..hi with value(x) >= target, where value grows with x but for a little noise.

    Interpolates between the nearest probes on either side of the target and falls back to halving, so a smooth
    scale takes three to five probes. Ends early when `stop()` says so or when the slope tells that the next lower
    x would miss. Where even `hi` misses, the answer is `hi` and not good.
    """
    seen: dict[int, float] = {}
    x = min(max(guess, lo), hi)
    while True:
        seen[x] = value(x)
        bad = [p for p in seen if seen[p] < target]
        good = [p for p in seen if seen[p] >= target]
        below, above = max(bad, default=lo - 1), min(good, default=hi + 1)
        if above > hi and below >= hi:
            return Found(hi, seen[hi], good=False)
        if above <= lo or (above <= hi and (above - below <= 1 or _next_misses(seen, below, above, target))):
            return Found(above, seen[above], good=True)
        if stop():
            best = above if above <= hi else max(seen, key=lambda p: seen[p])
            return Found(best, seen[best], good=above <= hi)
        x = _next(seen, target, below, above, lo, hi)


def _next(seen: dict[int, float], target: float, below: int, above: int, lo: int, hi: int) -> int:
    if below < lo:
        step = _reach(seen, above, target) if len(seen) > 1 else FIRST_STRIDE
        return max(lo, above - step)
    if above > hi:
        step = _reach(seen, below, target) if len(seen) > 1 else FIRST_STRIDE
        return min(hi, below + step)
    rise = seen[above] - seen[below]
    share = (target - seen[below]) / rise if rise > 0 else 0.5
    if len(seen) > 4:
        share = (share + 0.5) / 2
    return min(max(below + round(share * (above - below)), below + 1), above - 1)


def _slope(seen: dict[int, float]) -> float:
    first, last = min(seen), max(seen)
    return max((seen[last] - seen[first]) / (last - first), 0.0) if last > first else 0.0


def _reach(seen: dict[int, float], edge: int, target: float) -> int:
    slope = _slope(seen)
    straight = abs(seen[edge] - target) / slope if slope > 0 else FIRST_STRIDE * len(seen)
    return max(1, round(straight * 1.1), FIRST_STRIDE // 2 * (len(seen) - 1))


def _next_misses(seen: dict[int, float], below: int, above: int, target: float) -> bool:
    if below not in seen:
        return False
    slope = (seen[above] - seen[below]) / (above - below)
    return seen[above] - target < 0.5 * slope
