"""What came of a picture: the file, what it is, and the steps that were tried."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Outcome = Literal["kept", "larger", "short", "nothing", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class Step:
    """One pass that was tried, or skipped, and why."""

    name: str
    """Codec and pass, e.g. `jpg.mozjpeg`."""
    outcome: Outcome
    """kept: the answer; larger: another was smaller; short: below the promised score; nothing: no offer."""
    size: int | None = None
    score: float | None = None
    seconds: float = 0.0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """An optimised picture. Sizes in bytes, sides in pixels as displayed (upright)."""

    data: bytes
    format: str
    """Codec name of `data`: jpg, png, webp, gif, avif or svg."""
    mime: str
    width: int
    height: int
    frames: int
    score: float | None
    """SSIMULACRA2 score against the source as reshaped; 100.0 when no pixel changed; None when not measured."""
    original_size: int
    original_format: str
    original_width: int
    original_height: int
    seconds: float = 0.0
    steps: tuple[Step, ...] = ()
    hurried: bool = False
    """Time ran out before all was tried: with more of it the file may be smaller or look better."""

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def saved(self) -> float:
        """Share of the original's bytes saved, in percent; negative when the result is larger."""
        if self.original_size == 0:
            return 0.0
        return 100.0 * (self.original_size - self.size) / self.original_size

    def to_wire(self) -> dict[str, Any]:
        """Everything but the bytes, as JSON values."""
        wire = {name: getattr(self, name) for name in _PLAIN}
        return wire | {"steps": [asdict(step) for step in self.steps]}


_PLAIN = tuple(name for name in Result.__slots__ if name not in ("data", "steps"))


def from_wire(wire: dict[str, Any], data: bytes) -> Result:
    """The result that `to_wire` described, with its bytes."""
    steps = tuple(Step(**step) for step in wire["steps"])
    return Result(data=data, steps=steps, **{name: wire[name] for name in _PLAIN})
