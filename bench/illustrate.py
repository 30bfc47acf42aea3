"""The sheets of docs/quality.md: drawn scenes encoded by the engine, crops side by side, every score measured anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from bench import scenes
from bench.encodes import budget
from bench.pictures import saved
from bench.scores import Truth
from bench.sheet import Cell, magnified, save, sheet
from imgsvc.engine import pipeline
from imgsvc.engine.recipe import LooksLike, Recipe
from imgsvc.engine.score import Reference

PROMISES = (90.0, 80.0, 70.0, 60.0)
NAMES = {"jpg": "JPEG", "webp": "WebP", "avif": "AVIF", "png": "PNG"}
STRETCH = 5
SIDES = (16, 32, 64, 128, 256)
Box = tuple[int, int, int, int]


@dataclass(slots=True)
class Scene:
    """A picture, and the engine's files of it."""

    image: Image.Image
    reference: Reference = field(init=False)
    files: dict[tuple[str, float], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reference = Reference(np.asarray(self.image))

    def promised(self, form: str, score: float) -> bytes:
        """The engine's file of a format for a promised score."""
        if (form, score) not in self.files:
            recipe = Recipe(LooksLike(score), (form,))
            self.files[form, score] = pipeline.optimize(saved(self.image, "PNG"), recipe, budget()).data
        return self.files[form, score]

    def score(self, data: bytes) -> float:
        """The engine's score of a file."""
        return self.reference.score(np.asarray(shown(data)))


def shown(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data)).convert("RGB")


def size(data: bytes) -> str:
    return f"{len(data) / 1000:.1f} kB" if len(data) >= 1000 else f"{len(data)} B"


def ladder(scene: Scene, forms: tuple[str, ...], box: Box, times: int) -> list[list[Cell]]:
    """A row for each format: a crop of the original and of its files at the promised scores."""
    rows = []
    for form in forms:
        row = [Cell(magnified(scene.image.crop(box), times), "original", size(saved(scene.image, "PNG")) + " as PNG")]
        for promise in PROMISES:
            data = scene.promised(form, promise)
            ours = scene.score(data)
            cell = magnified(shown(data).crop(box), times)
            row.append(Cell(cell, f"{NAMES[form]}, promised {promise:g}", f"{size(data)}, score {ours:.1f}"))
        rows.append(row)
    return rows


@cache
def landscape() -> Scene:
    return Scene(scenes.landscape())


def photo() -> list[list[Cell]]:
    return ladder(landscape(), ("jpg", "webp", "avif"), (70, 344, 166, 424), 3)


def leaves() -> list[list[Cell]]:
    return ladder(landscape(), ("jpg", "webp", "avif"), (450, 170, 546, 250), 3)


def screen() -> list[list[Cell]]:
    return ladder(Scene(scenes.screen()), ("jpg", "webp", "avif"), (166, 46, 262, 106), 3)


def whole() -> list[list[Cell]]:
    """The landscape at its own size, as it is looked at."""
    scene = landscape()
    cells = []
    for promise in PROMISES:
        data = scene.promised("jpg", promise)
        ours = scene.score(data)
        cells.append(
            Cell(
                shown(data).crop((70, 130, 550, 450)), f"JPEG, promised {promise:g}", f"{size(data)}, score {ours:.1f}"
            )
        )
    return [cells[:2], cells[2:]]


def gradient() -> list[list[Cell]]:
    """A smooth dark sky as it is, and with its contrast stretched as a bright screen in a dark room does."""
    scene = Scene(scenes.dusk())
    files = [saved(scene.image, "PNG"), *(scene.promised("png", promise) for promise in (80.0, 70.0, 60.0))]
    files += [scene.promised("jpg", 70.0), scene.promised("webp", 70.0)]
    names = (
        "original",
        "PNG, promised 80",
        "PNG, promised 70",
        "PNG, promised 60",
        "JPEG, promised 70",
        "WebP, promised 70",
    )
    top, below = [], []
    for name, data in zip(names, files, strict=True):
        ours = scene.score(data)
        crop = shown(data).crop((0, 0, 232, 232))
        top.append(Cell(crop, name, f"{size(data)}, score {ours:.1f}"))
        below.append(Cell(stretched(crop), f"contrast x{STRETCH}"))
    return [top, below]


def stretched(image: Image.Image) -> Image.Image:
    low = np.asarray(image, float).min(axis=(0, 1))
    return Image.fromarray(((np.asarray(image, float) - low) * STRETCH).clip(0, 255).astype(np.uint8))


def text() -> list[list[Cell]]:
    return ladder(Scene(scenes.page()), ("jpg", "webp", "png"), (8, 176, 104, 240), 3)


def icons() -> list[list[Cell]]:
    """One icon at several sizes as JPEG of one fixed quality: the smaller, the more is lost, whatever a score says."""
    before, after = [], []
    for side in SIDES:
        scene = Scene(scenes.icon(side))
        data = saved(scene.image, "JPEG", quality=75)
        ours = scene.score(data)
        package = Truth(np.asarray(scene.image)).score(np.asarray(shown(data)))
        before.append(Cell(scene.image.resize((224, 224), Image.Resampling.NEAREST), f"{side} x {side}", "original"))
        after.append(
            Cell(
                shown(data).resize((224, 224), Image.Resampling.NEAREST),
                "JPEG, quality 75",
                f"score {ours:.1f}, package {package:.1f}",
            )
        )
    return [before, after]


DRAWN: dict[str, Callable[[], list[list[Cell]]]] = {
    one.__name__: one for one in (icons, gradient, whole, text, photo, leaves, screen)
}


def illustrate(folder: Path, only: str = "") -> Iterator[str]:
    """Writes the sheets, or those named with commas between, as WebP into a folder; gives what each shows, in Markdown.

    KeyError for a name of no sheet.
    """
    pipeline.prepare()
    folder.mkdir(parents=True, exist_ok=True)
    for name in only.split(",") if only else DRAWN:
        rows = DRAWN[name]()
        written = save(sheet(rows), folder / f"{name}.webp")
        yield f"## {name}.webp, {written} bytes\n\n"
        for row in rows:
            yield "".join(f"- {cell.title}: {cell.note}\n" for cell in row)
        yield "\n"
