"""The options of the ImageOptim API: a list with commas, in any order and case; of two that differ the last holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from werkzeug.datastructures import Accept

from imgsvc import ladder
from imgsvc.engine.recipe import AUTO, CENTRE, WHITE, Colour, Gravity, Lossless, Method, Recipe, Resize
from imgsvc.errors import BadParameter

LARGEST = 10_000
"""Pixels of a side, before it is multiplied."""
MOST = 3.0
SECONDS = 30.0
QUALITIES = {"low": 10, "medium": 7, "high": 3, "lossless": 1}
"""The presets as steps of the ladder."""
DENSE, RELIEF = 2.0, 2
"""From two pixels a dot on, each is too small to be looked at closely: so many steps less will do."""
FORMATS = {
    "png": ("png",),
    "jpeg": ("jpg",),
    "jpg": ("jpg",),
    "webp": ("webp",),
    "avif": ("avif",),
    "webm": ("webm",),
    "h264": ("mp4",),
    "same": (),
}
CLASSIC = ("gif", "jpg", "png")
"""What every client takes."""
NEWER = {"image/webp": "webp", "image/avif": "avif"}
"""What a client takes that names it; a star in Accept is what those send who know neither."""
SIDES: Mapping[str, Gravity] = {
    "auto": "auto",
    "top": (0.5, 0.0),
    "left": (0.0, 0.5),
    "right": (1.0, 0.5),
    "bottom": (0.5, 1.0),
}
KNOWN = "full, WIDTH, WIDTHxHEIGHT, 2x, fit, scale-down, crop, pad, trim, bgcolor=, quality=, format=, timeout="

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9}"
_SIZE = re.compile(r"([0-9]{1,9})(?:x([0-9]{1,9}))?")
_DENSITY = re.compile(rf"({_NUMBER})x")
_POINT = re.compile(rf"({_NUMBER})x({_NUMBER})")
_SECONDS = re.compile(_NUMBER)
_COLOUR = re.compile(r"#?([0-9a-f]{3}|[0-9a-f]{6})")
_PRESET = re.compile(r"[a-z][a-z0-9_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Options:
    """What a list of options says; no width: the size stays."""

    width: int | None = None
    height: int | None = None
    density: float = 1.0
    method: Method = "scale-down"
    gravity: Gravity = CENTRE
    trim: bool = False
    background: Colour = WHITE
    quality: str = "medium"
    format: str = AUTO
    seconds: float = SECONDS
    """What the work may take."""


def read(text: str, presets: Mapping[str, str] | None = None) -> Options:
    """The options of a list, in which names of presets stand for theirs; BadParameter for the first that is none."""
    if not text:
        raise BadParameter(f"options: missing, expected some of {KNOWN}, with commas between them.", name="options")
    options = Options()
    for word in _words(text.lower(), presets or {}):
        options = replace(options, **_change(word))
    if options.method in ("crop", "pad") and options.height is None:
        raise BadParameter(f"{options.method}: got no height, expected WIDTHxHEIGHT beside it.", name=options.method)
    return options


def _words(text: str, presets: Mapping[str, str]) -> Iterator[str]:
    for word in text.split(","):
        yield from presets[word].lower().split(",") if word in presets else (word,)


def check_preset(name: str, text: str) -> None:
    """BadParameter where the name is none or already an option, or the text holds what is no option."""
    if not _PRESET.fullmatch(name):
        raise BadParameter.of("preset", name, "a name of a-z 0-9 _ - that begins with a letter")
    try:
        _change(name)
    except BadParameter:
        for word in text.lower().split(","):
            _change(word)
    else:
        raise BadParameter.of("preset", name, "a name that is not an option itself")


def _change(word: str) -> dict[str, Any]:
    """What one option changes."""
    if word == "full":
        return {"width": None, "height": None}
    if size := _SIZE.fullmatch(word):
        return {"width": _side(word, size[1]), "height": _side(word, size[2]) if size[2] else None}
    if density := _DENSITY.fullmatch(word):
        return {"density": _within("density", word, float(density[1]), MOST, f"above 0 and at most {MOST:g}x")}
    if word in ("fit", "scale-down", "pad"):
        return {"method": word}
    if word in QUALITIES:
        return {"quality": word}
    # One client sends the colour of the background by itself. Of digits alone it is a width.
    if _COLOUR.fullmatch(word) and not word.isdigit():
        return _background(word)
    name, mark, value = word.partition("=")
    if name in _VALUES and (mark or name in ("crop", "trim")):
        return _VALUES[name](value if mark else "")
    raise BadParameter.of("options", word, KNOWN)


def _side(word: str, digits: str) -> int:
    if not 1 <= int(digits) <= LARGEST:
        raise BadParameter.of("options", word, f"a width and height from 1 to {LARGEST}")
    return int(digits)


def _within(name: str, word: str, value: float, most: float, expected: str) -> float:
    if not 0 < value <= most:
        raise BadParameter.of(name, word, expected)
    return value


def _crop(value: str) -> dict[str, Any]:
    if not value:
        return {"method": "crop", "gravity": CENTRE}
    if value in SIDES:
        return {"method": "crop", "gravity": SIDES[value]}
    found = _POINT.fullmatch(value)
    point = (float(found[1]), float(found[2])) if found else (-1.0, -1.0)
    if max(point) > 1:
        # Some clients send percents.
        point = (point[0] / 100, point[1] / 100)
    if not all(0 <= share <= 1 for share in point):
        wanted = "auto, top, left, right, bottom, or a point such as 0.333x0.2"
        raise BadParameter.of("crop", value, wanted)
    return {"method": "crop", "gravity": point}


def _trim(value: str) -> dict[str, Any]:
    if value not in ("", "border"):
        raise BadParameter.of("trim", value, "border")
    return {"trim": True}


def _background(value: str) -> dict[str, Any]:
    found = _COLOUR.fullmatch(value)
    if not found:
        raise BadParameter.of("bgcolor", value, "3 or 6 hexadecimal digits")
    digits = found[1] if len(found[1]) > len("rgb") else "".join(2 * digit for digit in found[1])
    return {"background": tuple(bytes.fromhex(digits))}


def _quality(value: str) -> dict[str, Any]:
    if value not in QUALITIES:
        raise BadParameter.of("quality", value, ", ".join(QUALITIES))
    return {"quality": value}


def _format(value: str) -> dict[str, Any]:
    if value not in FORMATS and value != AUTO:
        raise BadParameter.of("format", value, ", ".join([*FORMATS, AUTO]))
    return {"format": value}


def _timeout(value: str) -> dict[str, Any]:
    seconds = float(value) if _SECONDS.fullmatch(value) else 0.0
    return {"seconds": _within("timeout", value, seconds, float("inf"), "seconds above 0, such as 2.5")}


_VALUES: dict[str, Callable[[str], dict[str, Any]]] = {
    "crop": _crop,
    "trim": _trim,
    "bgcolor": _background,
    "quality": _quality,
    "format": _format,
    "timeout": _timeout,
}


def recipe(options: Options, accept: Accept) -> Recipe:
    """The recipe of options for a client that takes what its Accept header names."""
    step = QUALITIES[options.quality]
    # What is resized cannot keep every pixel.
    exact = isinstance(ladder.goal(step), Lossless)
    lossy = QUALITIES["high"] if exact else step
    goal = ladder.goal(min(len(ladder.STEPS), lossy + (RELIEF if options.density >= DENSE else 0)))
    resize = _resize(options)
    return Recipe(
        goal=Lossless() if exact else goal,
        formats=_formats(options.format, accept, stays=resize is None and not options.trim),
        resize=resize,
        trim=options.trim,
        background=options.background,
        reshaped=goal if exact else None,
    )


def _resize(options: Options) -> Resize | None:
    if options.width is None:
        return None
    width, height = (side and max(1, round(side * options.density)) for side in (options.width, options.height))
    return Resize(width or 1, height, options.method, options.gravity if options.method == "crop" else CENTRE)


def _formats(name: str, accept: Accept, *, stays: bool) -> tuple[str, ...]:
    if name != AUTO:
        return FORMATS[name]
    newer = {NEWER[kind.lower()] for kind, worth in accept if kind.lower() in NEWER and worth > 0}
    # A drawing stays one as long as its size does.
    return (*((AUTO,) if stays else ()), *CLASSIC, *sorted(newer))
