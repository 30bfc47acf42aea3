"""Against brute force: the smallest of all files any setting makes at the promised score, by the engine's own scorer.

Of every setting below, each quality whose file is smaller than the engine's is encoded; from the smallest file up they
are scored until one keeps the promise. Small crops are searched for every format, and a few whole pictures, where the
engine takes its shortcuts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pyvips
from PIL import Image

from bench.cache import Cache, digest, engine
from bench.corpus import opaque, png, sample
from bench.encodes import budget
from bench.figures import Figure, mean_ratio, named
from bench.run import Row, Run
from bench.scores import Pixels, read
from imgsvc.engine import pipeline
from imgsvc.engine.codec import Picture
from imgsvc.engine.codecs.avif import encode as aom
from imgsvc.engine.graphics import is_graphic
from imgsvc.engine.recipe import LooksLike, Recipe
from imgsvc.engine.score import Reference

TARGETS = {"jpg": 1.01, "webp": 1.01, "avif": 1.03}
SCORES = (70.0, 80.0, 90.0)
SIDE = 320
"""Of the crops, in pixels: small enough to try everything."""
CROPS, WHOLES = 9, 2
WHOLE_FORMATS = ("jpg",)
LEAST_WHOLE = 1.0
SMALLEST_SHARE = 0.6
"""Files smaller than this share of the engine's are not scored: none has ever kept the promise."""
DISORDER = 2
"""Sizes grow with the quality, but for as many steps in a row."""
MOZJPEG = {
    "optimize_coding": True,
    "interlace": True,
    "trellis_quant": True,
    "overshoot_deringing": True,
    "optimize_scans": True,
    "keep": "none",
}
DRAWN, PHOTO = 2, 3
"""aom's speeds, as the engine picks them for the crops."""
BOTH = (False, True)
Encode = Callable[[Pixels, int], bytes]


def jpeg(pixels: Pixels, quality: int, *, chroma: str, table: int) -> bytes:
    made: bytes = _vips(pixels).jpegsave_buffer(Q=quality, subsample_mode=chroma, quant_table=table, **MOZJPEG)
    return made


def webp(pixels: Pixels, quality: int, *, sharp: bool, deblock: bool) -> bytes:
    options = {"effort": 6, "smart_subsample": sharp, "smart_deblock": deblock, "keep": "none"}
    made: bytes = _vips(pixels).webpsave_buffer(Q=quality, **options)
    return made


def lossless(pixels: Pixels, method: int) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", lossless=True, exact=True, quality=90, method=method)
    return out.getvalue()


def near_lossless(pixels: Pixels, quality: int) -> bytes:
    made: bytes = _vips(pixels).webpsave_buffer(near_lossless=True, Q=quality, effort=4, keep="none")
    return made


def avif(pixels: Pixels, quantizer: int, *, chroma: str, levelling: int, swift: bool) -> bytes:
    return aom(Picture(pixels), quantizer, DRAWN if is_graphic(pixels) else PHOTO, chroma, levelling, swift)


SETTINGS: dict[str, tuple[tuple[Encode, range], ...]] = {
    "jpg": tuple(
        (partial(jpeg, chroma=chroma, table=table), range(10, 101)) for chroma in ("on", "off") for table in (2, 5, 8)
    ),
    "webp": (
        *((partial(webp, sharp=sharp, deblock=deblock), range(101)) for sharp in BOTH for deblock in BOTH),
        (near_lossless, range(0, 101, 20)),
        (lossless, range(6, 7)),
    ),
    "avif": tuple(
        (partial(avif, chroma=chroma, levelling=levelling, swift=swift), range(10, 63))
        for chroma in ("4:2:0", "4:4:4")
        for levelling, swift in ((25, False), (25, True), (100, False))
    ),
}


@dataclass(frozen=True, slots=True)
class Task:
    """Pixels, a format, and the score that is promised."""

    name: str
    pixels: Pixels
    format: str
    promised: float


def compare(task: Task) -> tuple[str, float]:
    """The engine's bytes over the smallest there are."""
    source, cache = png(task.pixels), Cache()
    recipe = Recipe(LooksLike(task.promised), (task.format,))
    key = digest("brute ours", engine(), task.format, str(task.promised), source)
    ours = cache.get(key, lambda: len(pipeline.optimize(source, recipe, budget()).data))
    here = Path(__file__).read_bytes()
    known = digest("brute best", engine(), here, task.format, str(task.promised), str(ours), source)
    best = cache.get(known, lambda: _smallest(task, ours))
    return f"{task.name} {task.format} at {task.promised:g}", ours / (best or ours)


def _smallest(task: Task, ours: int) -> int:
    """Bytes of the smallest file that keeps the promise; 0 where none smaller than the engine's does."""
    reference = Reference(task.pixels)
    for data in sorted(_every(task, ours), key=len):
        if reference.score(read(data)) >= task.promised:
            return len(data)
    return 0


def _every(task: Task, ours: int) -> Iterator[bytes]:
    """The files of every setting that are smaller than the engine's, but not too small to keep the promise."""
    for encode, qualities in SETTINGS[task.format]:
        made = cache(partial(encode, task.pixels))
        lowest = bisect_left(qualities, SMALLEST_SHARE * ours, key=lambda quality: len(made(quality)))
        larger = 0
        for quality in qualities[lowest:]:
            larger = larger + 1 if len(made(quality)) >= ours else 0
            if larger > DISORDER:
                break
            if not larger:
                yield made(quality)


def measure(run: Run) -> list[Figure]:
    figures = []
    stills = run.stills()
    for format_, target in TARGETS.items():
        tasks = [_cropped(run, format_, number) for number in range(min(CROPS, len(stills)))]
        if format_ in WHOLE_FORMATS:
            large = sample([one for one in stills if one.megapixels >= LEAST_WHOLE], WHOLES)
            tasks += [Task(one.name, opaque(one.pixels()), format_, SCORES[at]) for at, one in enumerate(large)]
        ratios = dict(run.each(compare, tasks, lambda task: f"{task.name} by brute force"))
        run.data[f"brute {format_}"] = ratios
        what = f"{format_} bytes against brute force, geometric mean"
        figures.append(mean_ratio("brute", what, list(ratios.values()), target, named(ratios)))
    return figures


def _cropped(run: Run, format_: str, number: int) -> Task:
    picture = sample(run.stills(), CROPS)[number]
    pixels = opaque(picture.pixels())
    top, left = (max(0, (side - SIDE) // 2) for side in pixels.shape[:2])
    crop = pixels[top : top + SIDE, left : left + SIDE].copy()
    return Task(f"{picture.name} crop", crop, format_, SCORES[number % len(SCORES)])


def _vips(pixels: Pixels) -> Any:
    height, width, bands = pixels.shape
    image = pyvips.Image.new_from_memory(pixels.tobytes(), width, height, bands, "uchar")
    return image.copy(interpretation="srgb")


ROW = Row("brute", measure)
