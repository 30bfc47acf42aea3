"""Pictures made on the spot: photograph-like, drawn, transparent, moving, in every format taken."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pillow_avif  # noqa: F401 - registers AVIF with Pillow
from PIL import Image, ImageDraw


def photo(width: int = 160, height: int = 120, seed: int = 1) -> Image.Image:
    """Soft shapes at several scales and a little noise, as a camera gives."""
    dice = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for cells, weight in ((3, 90.0), (8, 50.0), (24, 25.0)):
        grain = Image.fromarray(dice.integers(0, 256, (cells, cells, 3), np.uint8))
        total += np.asarray(grain.resize((width, height), Image.Resampling.BICUBIC), float) / 255 * weight
    total += dice.normal(0, 2.5, total.shape)
    return Image.fromarray(total.clip(0, 255).astype(np.uint8))


def drawing(width: int = 160, height: int = 120) -> Image.Image:
    """Flat colours, edges and letters, as on a screen."""
    image = Image.new("RGB", (width, height), "#f4f4f0")
    pen = ImageDraw.Draw(image)
    pen.rectangle((8, 8, width - 8, height // 3), fill="#2a6df4")
    pen.ellipse((width // 3, height // 3, width - 20, height - 10), fill="#f4b32a", outline="#222222", width=3)
    pen.text((14, 14), "imgsvc 0123", fill="white")
    pen.line((0, height - 1, width, height // 2), fill="#b0203a", width=2)
    return image


def glass(width: int = 160, height: int = 120) -> Image.Image:
    """A picture whose transparency goes from nothing to all."""
    image = photo(width, height, 3).convert("RGBA")
    ramp = np.linspace(0, 255, width).astype(np.uint8)
    image.putalpha(Image.fromarray(np.tile(ramp, (height, 1))))
    return image


def cutout(width: int = 96, height: int = 96) -> Image.Image:
    """A drawn disc on full transparency: no half tones of alpha."""
    image = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((8, 8, width - 8, height - 8), fill=(200, 40, 40, 255))
    return image


def frames(count: int = 5, width: int = 96, height: int = 64, transparent: bool = False) -> list[Image.Image]:
    """A ball rolling over a drawn ground, or over nothing."""
    made = []
    for number in range(count):
        ground = Image.new("RGBA", (width, height), (0, 0, 0, 0) if transparent else (240, 240, 230, 255))
        left = 4 + number * (width - 28) // max(1, count - 1)
        ImageDraw.Draw(ground).ellipse((left, 20, left + 20, 40), fill=(30, 90, 200, 255))
        made.append(ground if transparent else ground.convert("RGB"))
    return made


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def moving(kind: str, *, transparent: bool = False, count: int = 5, loop: int = 0) -> bytes:
    first, *rest = frames(count, transparent=transparent)
    durations = [100 + 40 * number for number in range(count)]
    disposal = {"disposal": 2} if kind == "GIF" and transparent else {}
    out = BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    first.save(out, kind, save_all=True, append_images=rest, duration=durations, loop=loop, **disposal, **options)
    return out.getvalue()


SVG = (
    b'<?xml version="1.0"?><!-- made by hand --><svg xmlns="http://www.w3.org/2000/svg" width="120" height="80" '
    b'viewBox="0 0 120 80">\n  <rect x="10.000" y="10.000" width="60.000" height="40.000" fill="#ff0000"/>\n'
    b'  <circle cx="80" cy="45" r="20.0000" fill="rgb(0,0,255)"/>\n</svg>\n'
)


def samples() -> dict[str, bytes]:
    """One file for each kind of input that is taken, by a name whose first word is its codec's."""
    orientation = Image.Exif()
    orientation[0x0112] = 6
    wide = np.asarray(photo(60, 50), np.uint16)[..., 0] * 257
    return {
        "jpg photo": encoded(photo(), "JPEG", quality=93),
        "jpg full chroma": encoded(drawing(), "JPEG", quality=95, subsampling=0),
        "jpg gray": encoded(photo().convert("L"), "JPEG", quality=92),
        "jpg cmyk": encoded(photo().convert("CMYK"), "JPEG", quality=92),
        "jpg progressive turned": encoded(photo(), "JPEG", quality=92, progressive=True, exif=orientation),
        "png photo": encoded(photo(), "PNG"),
        "png drawing": encoded(drawing(), "PNG"),
        "png palette": encoded(drawing().quantize(16), "PNG"),
        "png one bit": encoded(drawing().convert("1"), "PNG"),
        "png gray and alpha": encoded(glass().convert("LA"), "PNG"),
        "png sixteen bit": encoded(Image.fromarray(wide), "PNG"),
        "png glass": encoded(glass(), "PNG"),
        "png moving": moving("PNG"),
        "webp photo": encoded(photo(), "WEBP", quality=90),
        "webp drawing lossless": encoded(drawing(), "WEBP", lossless=True),
        "webp glass": encoded(glass(), "WEBP", quality=90),
        "webp moving": moving("WEBP", transparent=True),
        "gif drawing": encoded(drawing().quantize(64), "GIF"),
        "gif cutout": encoded(cutout(), "GIF"),
        "gif moving": moving("GIF"),
        "gif moving cutout": moving("GIF", transparent=True),
        "avif photo": encoded(photo(), "AVIF", quality=85, speed=8),
        "avif glass": encoded(glass(), "AVIF", quality=85, speed=8),
        "avif moving": moving("AVIF"),
        "bmp photo": encoded(photo(90, 70), "BMP"),
        "tiff photo": encoded(photo(90, 70), "TIFF", compression="tiff_lzw"),
        "svg drawing": SVG,
    }
