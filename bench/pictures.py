"""Pictures made on the spot, for a machine without a folder of real ones: photograph-like, drawn, transparent."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

SIZES = ((640, 480), (900, 600), (1200, 1000), (384, 512))
SVG = (
    '<?xml version="1.0"?><!-- drawn by hand --><svg xmlns="http://www.w3.org/2000/svg" width="120" height="80">'
    "<g>{}</g></svg>"
)


def photo(width: int, height: int, seed: int) -> Image.Image:
    """Soft shapes at many scales with a spectrum like a photograph's, and a little noise."""
    dice = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    cells, weight = 3, 90.0
    while cells < min(width, height) / 2:
        grain = Image.fromarray(dice.integers(0, 256, (cells, cells, 3), np.uint8))
        total += np.asarray(grain.resize((width, height), Image.Resampling.BICUBIC), float) / 255 * weight
        cells, weight = cells * 2, weight * 0.6
    total += dice.normal(0, 2.0, total.shape)
    return Image.fromarray(total.clip(0, 255).astype(np.uint8))


def drawing(width: int, height: int) -> Image.Image:
    """Flat colours, edges and letters, as on a screen."""
    image = Image.new("RGB", (width, height), "#f4f4f0")
    pen = ImageDraw.Draw(image)
    pen.rectangle((20, 20, width - 20, height // 3), fill="#2a6df4")
    pen.ellipse((width // 3, height // 3, width - 40, height - 20), fill="#f4b32a", outline="#222222", width=3)
    for line in range(height // 24):
        pen.text((30, 24 * line), f"imgsvc {line:04d} the smallest file that looks as promised", fill="#303030")
    return image


def glass(width: int, height: int) -> Image.Image:
    """A photograph that fades into transparency."""
    image = photo(width, height, 7).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((width, height)))
    return image


def generated() -> dict[str, bytes]:
    """Files by name."""
    files: dict[str, bytes] = {}
    for number, (width, height) in enumerate(SIZES):
        taken, drawn = photo(width, height, number), drawing(width, height)
        files |= {
            f"photo-{number}.jpg": saved(taken, "JPEG", quality=93),
            f"photo-{number}.png": saved(taken, "PNG"),
            f"drawing-{number}.png": saved(drawn, "PNG"),
            f"photo-{number}.webp": saved(taken, "WEBP", quality=92),
            f"drawing-{number}.gif": saved(drawn.quantize(64), "GIF"),
            f"glass-{number}.png": saved(glass(width, height), "PNG"),
        }
    balls = [_ball(number) for number in range(12)]
    files["moving.gif"] = saved(balls[0], "GIF", save_all=True, append_images=balls[1:], duration=80, loop=0)
    dots = "".join(f'<circle cx="{x}.000" cy="{x % 60}.50" r="4.000" fill="#ff0000"/>' for x in range(0, 120, 3))
    files["dots.svg"] = SVG.format(dots).encode()
    return files


def _ball(number: int) -> Image.Image:
    ground = drawing(320, 240)
    ImageDraw.Draw(ground).ellipse((20 * number, 100, 20 * number + 60, 160), fill="#1e5ac8")
    return ground


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()
