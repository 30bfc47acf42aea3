"""The smallest whole number whose value is good enough; knows nothing of pictures."""

from __future__ import annotations

import math
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
# A value this share of one step above the target ends the search: the next lower x would almost surely miss.
CLOSE = 0.7
# By what share each further probe on the same side lengthens the next step.
WIDENING = 0.25
# How many x right below a jump are tried, and about how many spread over all that is below.
BEYOND = 4


def smallest(
    value: Callable[[int], float],
    target: float,
    lo: int,
    hi: int,
    guess: int,
    stop: Callable[[], bool] = lambda: False,
    slope: float = 0.0,
    far: float = math.inf,
    close: float = CLOSE,
) -> Found:
    """The smallest x of lo..hi with value(x) >= target, where value grows with x but for a little noise.

    Interpolates between the nearest probes on either side of the target and falls back to halving, so a smooth
    scale takes three to five probes, and one to three where the guess is good and `slope`, the rise of the value
    from one x to the next, is known. Ends early when `stop()` says so or when the value is above the target by less
    than the share `close` of one step, so that the next lower x would surely miss; 0 tries that x too. Where even
    `hi` misses, the answer is `hi` and not good. An answer more than `far` above the target tells of a jump in the
    scale, where the order is easily broken: some lower x are tried as well.
    """
    seen: dict[int, float] = {}
    found = _bracketed(seen, value, target, lo, hi, guess, stop, slope, close)
    if found.good and found.value - target > far:
        near = range(max(lo, found.at - BEYOND), found.at)
        spread = range(lo, found.at, max(1, (found.at - lo) // BEYOND))
        for x in sorted({*near, *spread}, reverse=True):
            if x not in seen and not stop():
                seen[x] = value(x)
        best = min(x for x in seen if seen[x] >= target)
        return Found(best, seen[best], good=True)
    return found


def _bracketed(
    seen: dict[int, float],
    value: Callable[[int], float],
    target: float,
    lo: int,
    hi: int,
    guess: int,
    stop: Callable[[], bool],
    slope: float,
    close: float,
) -> Found:
    x = min(max(guess, lo), hi)
    while True:
        seen[x] = value(x)
        bad = [p for p in seen if seen[p] < target]
        good = [p for p in seen if seen[p] >= target]
        below, above = max(bad, default=lo - 1), min(good, default=hi + 1)
        if above > hi and below >= hi:
            return Found(hi, seen[hi], good=False)
        if above <= lo or (
            above <= hi and (above - below <= 1 or _next_misses(seen, below, above, target, slope, close))
        ):
            return Found(above, seen[above], good=True)
        if stop():
            best = above if above <= hi else max(seen, key=lambda p: seen[p])
            return Found(best, seen[best], good=above <= hi)
        x = _next(seen, target, below, above, lo, hi, slope)


def _next(seen: dict[int, float], target: float, below: int, above: int, lo: int, hi: int, slope: float) -> int:
    if below < lo:
        return max(lo, above - _reach(seen, above, target, slope))
    if above > hi:
        return min(hi, below + _reach(seen, below, target, slope))
    rise = seen[above] - seen[below]
    share = (target - seen[below]) / rise if rise > 0 else 0.5
    if len(seen) > 4:
        share = (share + 0.5) / 2
    # Rounding up seldom falls short, and then by less than one x.
    return min(max(below + math.ceil(share * (above - below)), below + 1), above - 1)


def _slope(seen: dict[int, float]) -> float:
    first, last = min(seen), max(seen)
    return max((seen[last] - seen[first]) / (last - first), 0.0) if last > first else 0.0


def _reach(seen: dict[int, float], edge: int, target: float, slope: float) -> int:
    """How far from the edge the next probe goes.

    A known slope leads to the lowest x that should do; else the step goes a little beyond the target, so that it lies
    between two probes next.
    """
    if len(seen) == 1 and slope <= 0:
        return FIRST_STRIDE
    rise = _slope(seen) if len(seen) > 1 else slope
    if slope > 0:
        rise = min(max(rise, slope / 2), slope * 2)
        # Probes that keep to one side of the target tell of a slope that is not what it seems.
        straight = abs(seen[edge] - target) / rise * (1 + WIDENING * (len(seen) - 1))
        return max(math.floor(straight) if seen[edge] >= target else math.ceil(straight), 1)
    straight = abs(seen[edge] - target) / rise if rise > 0 else FIRST_STRIDE * len(seen)
    return max(round(straight + 0.3 * len(seen)), FIRST_STRIDE // 2 * (len(seen) - 1), 1)


def _next_misses(seen: dict[int, float], below: int, above: int, target: float, slope: float, close: float) -> bool:
    rise = (seen[above] - seen[below]) / (above - below) if below in seen else slope
    return rise > 0 and seen[above] - target < close * rise
