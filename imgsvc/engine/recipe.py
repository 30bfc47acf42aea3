"""What is wanted of a picture: a goal, the formats allowed, a size. Says nothing of how, or of who asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lossless:
    """Every pixel stays as it is."""

    def __str__(self) -> str:
        return "lossless"


@dataclass(frozen=True, slots=True)
class LooksLike:
    """The smallest file whose SSIMULACRA2 score is at least `score` (0..100; 90 visually lossless, 70 high)."""

    score: float

    def __str__(self) -> str:
        return f"looks={self.score:g}"


@dataclass(frozen=True, slots=True)
class Fixed:
    """The encoder's own quality setting, 1..100, as it is."""

    quality: int

    def __str__(self) -> str:
        return f"fixed={self.quality}"


@dataclass(frozen=True, slots=True)
class Under:
    """The best-looking file of at most `size` bytes."""

    size: int

    def __str__(self) -> str:
        return f"under={self.size}"


AUTO = "auto"
"""Stands for every format that can hold the picture."""

Goal = Lossless | LooksLike | Fixed | Under


@dataclass(frozen=True, slots=True)
class Resize:
    """The box to fit inside, in pixels after turning upright; never enlarges."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"fit={self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to make. Equal recipes have equal keys."""

    goal: Goal = LooksLike(70.0)
    formats: tuple[str, ...] = ()
    """Codec names; empty keeps the source's, several, or AUTO: the smallest result wins."""
    resize: Resize | None = None
    quick: bool = False
    """One encode at the encoder's fast settings where the goal is Fixed; no other goal is changed by it."""

    @property
    def key(self) -> str:
        """The recipe as canonical text, defaults left out; `parse` reads it back."""
        words = [str(self.goal)]
        if self.formats:
            words.append("formats=" + ",".join(sorted(set(self.formats))))
        if self.resize:
            words.append(str(self.resize))
        if self.quick:
            words.append("quick")
        return ";".join(words)


def parse(key: str) -> Recipe:
    """The recipe with this key; ValueError where the text is no key."""
    goal: Goal | None = None
    formats: tuple[str, ...] = ()
    resize: Resize | None = None
    quick = False
    for word in key.split(";"):
        name, _, value = word.partition("=")
        match name:
            case "lossless":
                goal = Lossless()
            case "looks":
                goal = LooksLike(float(value))
            case "fixed":
                goal = Fixed(int(value))
            case "under":
                goal = Under(int(value))
            case "formats":
                formats = tuple(value.split(","))
            case "fit":
                width, _, height = value.partition("x")
                resize = Resize(int(width), int(height))
            case "quick":
                quick = True
            case _:
                raise ValueError(f"not a recipe: {key!r}")
    if goal is None:
        raise ValueError(f"a recipe without a goal: {key!r}")
    return Recipe(goal, formats, resize, quick)
