"""SVG: always sanitised, minified by SVGO's rules as far as it keeps its looks, drawn by resvg for raster formats."""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from io import BytesIO
from typing import Any

import cv2
import numpy as np
import resvg_py
import svgo
from PIL import Image

from imgsvc.engine.bounds import check_result
from imgsvc.engine.budget import Budget, Limits
from imgsvc.engine.burden import weigh
from imgsvc.engine.codec import Codec, Info, Offer, Pass, Picture, Pixels, Shape, Work
from imgsvc.engine.declarations import shortened
from imgsvc.engine.geometry import Size, inside, plan
from imgsvc.engine.pixels import picture
from imgsvc.engine.recipe import Lossless
from imgsvc.engine.reshape import border, reshape
from imgsvc.engine.sanitise import clean, sanitise
from imgsvc.engine.vector import Node, info, measure, parse, view_box, write
from imgsvc.errors import BadPicture

LARGEST = 2000
"""Sides of the box a drawing is made to fit, whatever size the file names: it takes as long and as much memory to
encode as the largest picture that may be uploaded by default. One that is to be enlarged is bounded by the limits."""
FAMILY = "Noto Sans"
"""The font that ships along: what text is drawn in where the machine has not the font the file names."""

# Where two drawings count as alike: sides they are drawn at, mean difference, and that of the worst 8 x 8 block.
COMPARED_AT = 512
MEAN_ALIKE = 0.1
BLOCK_ALIKE = 12.0

# SVGO's cost in seconds, from measurements on the safe side: by character, by style rule and element, and by pairs
# of siblings, which it walks through again for each of them. And its rounds at most.
SECONDS_A_CHARACTER = 1e-5
SECONDS_A_MATCH = 1e-5
SECONDS_A_PAIR = 1.5e-6
MOST_ROUNDS = 20

_PROLOGUE = re.compile(rb"\s+|<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\]\s*)?>", re.DOTALL | re.IGNORECASE)
_ROOT = re.compile(rb"<(?:[\w.-]+:)?svg[\s/>]")
_UTF16 = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_BARE_UTF16 = ((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be"))


def sniff(data: bytes) -> bool:
    """Whether the root element is svg, after any byte order mark, declaration, comments and document type."""
    text = data.removeprefix(codecs.BOM_UTF8)
    for mark, name in _UTF16 + _BARE_UTF16:
        if data.startswith(mark):
            text = data.decode(name, "ignore").removeprefix("\ufeff").encode()
    at = 0
    while step := _PROLOGUE.match(text, at):
        at = step.end()
    return _ROOT.match(text, at) is not None


def inspect(data: bytes, _limits: Limits) -> Info:
    """The size the file names, in CSS pixels; BadPicture where it cannot be drawn at a bearable cost."""
    root = parse(data)
    weigh(root)
    return info(root)


def decode(data: bytes, shape: Shape | None) -> Picture:
    root = parse(data)
    weigh(root)
    own = info(root)
    shape = shape or Shape()
    natural = inside(own.width, own.height, LARGEST, LARGEST)
    check_result(natural, 1, shape)
    root = clean(root)
    drawn = _drawn(root, natural, shape)
    made = reshape(drawn, shape)
    return picture(made, reshaped=made is not drawn or drawn.shape[:2] != (own.height, own.width))


def _drawn(root: Node, natural: Size, shape: Shape) -> Pixels:
    """The whole picture, so large that nothing of what trimming leaves has to be enlarged."""
    if not shape.trim:
        return draw(root, _bearable(plan(*natural, shape.resize).scaled, shape))
    drawn = draw(root, natural)
    left, top, right, bottom = border([drawn]) or (0, 0, *natural)
    check_result((right - left, bottom - top), 1, shape)
    growth = plan(right - left, bottom - top, shape.resize).scaled[0] / (right - left)
    larger = _bearable((round(natural[0] * growth), round(natural[1] * growth)), shape)
    return draw(root, larger) if larger[0] > natural[0] else drawn


def _bearable(size: Size, shape: Shape) -> Size:
    """The size, or the largest of the same shape that a picture may have."""
    scale = min(1.0, math.sqrt(shape.limits.max_frame_pixels / math.prod(size)))
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def draw(root: Node, size: tuple[int, int]) -> Pixels:
    """A sanitised SVG at this (width, height), shape (height, width, 4), straight alpha; or BadPicture."""
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=write(_sized(root, *size)),
            languages=["en"],
            dpi=96,
            font_dirs=[str(files("fontpkg_noto_sans") / "files")],
            font_family=FAMILY,
            serif_family=FAMILY,
            sans_serif_family=FAMILY,
            cursive_family=FAMILY,
            fantasy_family=FAMILY,
            monospace_family=FAMILY,
        )
    except ValueError:
        raise BadPicture("image: the SVG cannot be drawn, expected SVG 1.1 or 2 with a size above 0.") from None
    except BaseException as error:
        # A panic inside resvg is no Exception, and would end the process.
        if type(error).__name__ != "PanicException":
            raise
        raise BadPicture("image: the SVG cannot be drawn.") from None
    with Image.open(BytesIO(png), formats=("PNG",)) as image:
        pixels = np.zeros((size[1], size[0], 4), np.uint8)
        drawn = np.asarray(image.convert("RGBA"))[: size[1], : size[0]]
        pixels[: drawn.shape[0], : drawn.shape[1]] = drawn
        return pixels


def _sized(root: Node, width: int, height: int) -> Node:
    """The SVG with sides of so many pixels. At its own size, which may have fractions, nothing is scaled."""
    own = measure(root)
    box = view_box(root) or (0.0, 0.0, *own)
    changed = {"viewBox": " ".join(f"{number:.9g}" for number in box)}
    if info(root) == Info(width, height):
        changed |= {"width": f"{own[0]:.9g}", "height": f"{own[1]:.9g}"}
    else:
        changed |= {"width": str(width), "height": str(height)}
        if math.isclose(own[0] * box[3], own[1] * box[2], rel_tol=0.01):
            changed["preserveAspectRatio"] = "none"
    return replace(root, attributes=root.attributes | changed)


def minify(work: Work) -> Offer | None:
    """The sanitised text, then SVGO's rewriting for as long as it gets smaller and looks the same."""
    if work.data is None:
        return None
    exact = isinstance(work.goal, Lossless)
    return Offer(shrink(sanitise(work.data), exact, work.budget), 100.0)


def shrink(text: bytes, exact: bool, budget: Budget) -> bytes:
    """The smallest rewriting found of a sanitised SVG; given its own result it returns it unchanged.

    Every step is compared with the step before and nothing else: that makes the last one final for ever.
    With `exact` the drawing keeps every pixel, else it stays alike.
    """
    best = parse(text)
    for _ in range(MOST_ROUNDS):
        better = _better(best, text, exact, budget)
        if better is None:
            break
        best, text = better
    return text


def _better(best: Node, text: bytes, exact: bool, budget: Budget) -> tuple[Node, bytes] | None:
    for settings in _settings(best, exact):
        if not budget.allows(_seconds(best, text)):
            return None
        try:
            root = shortened(parse(sanitise(svgo.optimize(text.decode(), settings)["data"].encode())))
        except Exception:  # noqa: BLE001, S112 - on odd documents the port raises nearly any built-in kind
            continue
        made = write(root).encode()
        if len(made) >= len(text):
            return None
        if alike(best, root, exact):
            return root, made
    return None


def _seconds(root: Node, text: bytes) -> float:
    nodes = list(root.walk())
    pairs = sum(len(node.children) ** 2 for node in nodes)
    sheets = (child for node in nodes if node.name == "style" for child in node.children)
    matches = len(nodes) * sum(sheet.count("{") for sheet in sheets if isinstance(sheet, str))
    return len(text) * SECONDS_A_CHARACTER + matches * SECONDS_A_MATCH + pairs * SECONDS_A_PAIR


def _settings(root: Node, exact: bool) -> Iterator[dict[str, Any]]:
    """SVGO's settings, the boldest first; the others leave coordinates and curves more and more alone."""
    kept: dict[str, Any] = {}
    if any(node.name in ("symbol", "view") for node in root.walk()):
        # A sheet of symbols: other files refer to them by name, though nothing in here does.
        kept = dict.fromkeys(("cleanupIds", "removeHiddenElems", "removeUselessDefs"), False)
    if not exact:
        yield _preset(kept)
    kept |= {"mergePaths": False, "convertPathData": dict.fromkeys(("makeArcs", "straightCurves", "convertToQ"), False)}
    yield _preset(kept, floatPrecision=9)
    kept |= {"convertTransform": False}
    yield _preset(kept, floatPrecision=9)
    kept |= {"convertPathData": False}
    yield _preset(kept, floatPrecision=9)


def _preset(overrides: dict[str, Any], **settings: int) -> dict[str, Any]:
    return {"plugins": [{"name": "preset-default", "params": {"overrides": dict(overrides)}}], **settings}


def alike(one: Node, other: Node, exact: bool) -> bool:
    """Whether two sanitised SVGs draw the same: size, and every pixel, or so nearly that nobody sees it."""
    if info(one) != info(other):
        return False
    width, height = measure(one)
    scale = COMPARED_AT / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    first, second = draw(one, size), draw(other, size)
    if exact:
        return bool(np.array_equal(first, second))
    apart = np.abs(_premultiplied(first) - _premultiplied(second)).max(axis=2)
    blocks = cv2.resize(apart, (-(-size[0] // 8), -(-size[1] // 8)), interpolation=cv2.INTER_AREA)
    return float(apart.mean()) <= MEAN_ALIKE and float(blocks.max()) <= BLOCK_ALIKE


def _premultiplied(pixels: Pixels) -> np.ndarray[Any, np.dtype[np.float32]]:
    values = pixels.astype(np.float32)
    values[..., :3] *= values[..., 3:] / 255
    return values


CODEC = Codec(
    name="svg",
    mime="image/svg+xml",
    sniff=sniff,
    inspect=inspect,
    decode=decode,
    passes=(Pass("svgo", minify),),
    vector=True,
    safe=sanitise,
)
