"""What is wanted of a picture: a goal, the formats allowed, a size. Says nothing of how, or of who asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args


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
"""Stands for every format that can hold the picture; among names for those of them, and a vector stays one."""

Goal = Lossless | LooksLike | Fixed | Under


Method = Literal["scale-down", "fit", "crop", "pad"]
"""What is done with a box. All keep the picture's proportions.

scale-down: inside the box, never enlarged. fit: inside the box, enlarged where it is smaller. crop: exactly the box,
the picture made to cover it and cut. pad: exactly the box, the picture as with fit in its middle, the background around
and, where it is transparent, behind it.
"""

Gravity = tuple[float, float] | Literal["auto"]
"""What a crop keeps: a focal point as shares of width and height, 0..1 from the top left, or the part that draws most
attention. The window is centred on the point as far as the picture's edges allow."""

CENTRE = (0.5, 0.5)

Colour = tuple[int, int, int]
"""Red, green and blue, 0..255."""

WHITE = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Resize:
    """A box in pixels of the picture turned upright, and what is done with it. ValueError for what makes no sense."""

    width: int
    height: int | None = None
    """None: as high as the picture's proportions make it; crop and pad need one."""
    method: Method = "scale-down"
    gravity: Gravity = CENTRE
    """Looked at by crop alone."""

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise ValueError(f"method: got {self.method!r}, expected one of {', '.join(get_args(Method))}")
        if self.height is None and self.method in ("crop", "pad"):
            raise ValueError(f"height: missing, expected one for {self.method}")
        if min(self.width, self.height or 1) < 1 or self.height == 0:
            raise ValueError(f"width, height: got {self.width} and {self.height}, expected 1 or more")
        if self.gravity != "auto" and not all(0 <= share <= 1 for share in self.gravity):
            raise ValueError(f"gravity: got {self.gravity}, expected auto or two numbers from 0 to 1")

    def __str__(self) -> str:
        words = [f"resize={self.width}x{self.height or ''}"]
        if self.method != "scale-down":
            words.append(self.method)
        if self.gravity != CENTRE:
            # Adding 0.0 makes one zero of both.
            words += ["auto"] if self.gravity == "auto" else [repr(float(share) + 0.0) for share in self.gravity]
        return ":".join(words)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to make. Equal recipes have equal keys."""

    goal: Goal = LooksLike(70.0)
    formats: tuple[str, ...] = ()
    """Codec names; empty keeps the source's, several, or AUTO: the smallest result wins."""
    resize: Resize | None = None
    quick: bool = False
    """One encode at the encoder's fast settings where the goal is Fixed; no other goal is changed by it."""
    trim: bool = False
    """Cut off, before anything else, a border of exactly the colour of a corner; a picture of one colour stays."""
    background: Colour = WHITE
    """Fills the margins of a pad, and is put behind transparency where the format knows none."""
    reshaped: Goal | None = None
    """Takes the goal's place where the picture is resized, cropped, padded or trimmed."""

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
        if self.trim:
            words.append("trim")
        if self.background != WHITE:
            words.append("background=" + bytes(self.background).hex())
        if self.reshaped is not None:
            words.append(f"reshaped={self.reshaped}")
        return ";".join(words)


def parse(key: str) -> Recipe:
    """The recipe with this key; ValueError where the text is no key."""
    first, *words = key.split(";")
    recipe = Recipe(_goal(first))
    for word in words:
        name, _, value = word.partition("=")
        match name:
            case "formats":
                recipe = replace(recipe, formats=tuple(value.split(",")))
            case "resize":
                recipe = replace(recipe, resize=_resize(value))
            case "quick":
                recipe = replace(recipe, quick=True)
            case "trim":
                recipe = replace(recipe, trim=True)
            case "background":
                red, green, blue = bytes.fromhex(value)
                recipe = replace(recipe, background=(red, green, blue))
            case "reshaped":
                recipe = replace(recipe, reshaped=_goal(value))
            case _:
                raise ValueError(f"not a recipe: {key!r}")
    return recipe


def _goal(word: str) -> Goal:
    name, _, value = word.partition("=")
    match name:
        case "lossless":
            return Lossless()
        case "looks":
            return LooksLike(float(value))
        case "fixed":
            return Fixed(int(value))
        case "under":
            return Under(int(value))
    raise ValueError(f"not a goal: {word!r}")


def _resize(value: str) -> Resize:
    box, *words = value.split(":")
    width, _, height = box.partition("x")
    method: Method = "scale-down"
    gravity: Gravity = CENTRE
    for known in get_args(Method):
        if words[:1] == [known]:
            method, words = known, words[1:]
    if words == ["auto"]:
        gravity = "auto"
    elif words:
        across, down = words
        gravity = (float(across), float(down))
    return Resize(int(width), int(height) if height else None, method, gravity)
