"""What one picture may cost: seconds, sides, pixels, frames. A value passed down, never a global."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest picture taken. Sides count as stored, before EXIF rotation, and do not apply to SVG."""

    max_width: int = 2000
    max_height: int = 2000
    max_frame_pixels: int = 40_000_000
    max_total_pixels: int = 160_000_000
    max_frames: int = 500


@dataclass(frozen=True, slots=True)
class Budget:
    """The time of one picture, from its making on, by a clock that never steps."""

    seconds: float = 30.0
    limits: Limits = Limits()
    clock: Callable[[], float] = time.monotonic
    start: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", self.clock())

    @property
    def spent(self) -> float:
        """Seconds since the budget was made."""
        return self.clock() - self.start

    @property
    def left(self) -> float:
        """Seconds left; negative when overdrawn."""
        return self.seconds - self.spent

    def part(self, seconds: float) -> Budget:
        """A budget of its own from now on, of at most so many of the seconds left."""
        return replace(self, seconds=min(seconds, self.left))

    def turn(self, number: int, count: int) -> Budget:
        """A budget for turn `number` of `count`, counted from 0: an equal share of what is left for those to come.

        What one does not use is the next one's, so whoever needs most comes last.
        """
        return self.part(self.left / (count - number))

    def allows(self, seconds: float) -> bool:
        """Whether work expected to take this long would end in time."""
        return self.left > seconds
