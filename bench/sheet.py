"""Pictures side by side on one sheet, each magnified and captioned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

MARGIN, CAPTION, LEADING = 10, 38, 17
PAPER, INK, FAINT = "#ffffff", "#14181f", "#5a6472"
LARGEST = 300_000
"""Bytes of a sheet."""
QUALITIES = (97, 95, 92, 88)
"""libwebp's, the best that fits is taken: far above what the pictures on a sheet have lost, and magnified pixels hide
the coarser chroma."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture with two lines below it."""

    image: Image.Image
    title: str
    note: str = ""


def magnified(image: Image.Image, times: int) -> Image.Image:
    """Every pixel as a square of `times` a side."""
    return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)


def sheet(rows: Sequence[Sequence[Cell]]) -> Image.Image:
    """The cells in rows; every column as wide and every row as high as its largest cell."""
    count = max(len(row) for row in rows)
    widths = [max(row[at].image.width for row in rows if at < len(row)) for at in range(count)]
    heights = [max(cell.image.height for cell in row) for row in rows]
    size = (sum(widths) + MARGIN * (count + 1), sum(heights) + (CAPTION + MARGIN) * len(rows) + MARGIN)
    paper = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(paper)
    bold, plain = ImageFont.load_default(14), ImageFont.load_default(12)
    y = MARGIN
    for row, height in zip(rows, heights, strict=True):
        x = MARGIN
        for cell, width in zip(row, widths, strict=False):
            paper.paste(cell.image, (x, y))
            pen.text((x, y + height + 3), cell.title, fill=INK, font=bold)
            pen.text((x, y + height + 3 + LEADING), cell.note, fill=FAINT, font=plain)
            x += width + MARGIN
        y += height + CAPTION + MARGIN
    return paper


def save(paper: Image.Image, place: Path) -> int:
    """Writes the sheet as WebP and gives its size in bytes; ValueError where it would be larger than LARGEST."""
    for quality in QUALITIES:
        out = BytesIO()
        paper.save(out, "WEBP", quality=quality, method=6)
        if len(out.getvalue()) <= LARGEST:
            place.write_bytes(out.getvalue())
            return len(out.getvalue())
    raise ValueError(f"{place.name}: got {len(out.getvalue())} bytes, expected at most {LARGEST}")
