"""Fifteen small good pictures in eight formats, of which mutants are made."""

from __future__ import annotations

from PIL import Image

from bench.pictures import drawing, glass, photo, saved

SIZE = (48, 36)


def seeds() -> dict[str, bytes]:
    """Files by name."""
    taken, drawn, clear = photo(*SIZE, 3), drawing(4 * SIZE[0], 4 * SIZE[1]).resize(SIZE), glass(*SIZE)
    few = drawn.quantize(16)
    frames = [photo(*SIZE, seed) for seed in range(4)]
    moving = {"save_all": True, "append_images": frames[1:], "duration": 80, "loop": 0}
    turned = Image.Exif()
    turned[0x0112] = 6
    return {
        "baseline.jpg": saved(taken, "JPEG", quality=90, exif=turned),
        "progressive.jpg": saved(taken, "JPEG", quality=80, progressive=True),
        "gray.jpg": saved(taken.convert("L"), "JPEG", quality=85),
        "colour.png": saved(taken, "PNG"),
        "palette.png": saved(few, "PNG", transparency=0),
        "moving.png": saved(frames[0], "PNG", **moving),
        "still.gif": saved(few, "GIF"),
        "moving.gif": saved(frames[0], "GIF", **moving),
        "lossy.webp": saved(taken, "WEBP", quality=80, exif=turned),
        "lossless.webp": saved(clear, "WEBP", lossless=True, exif=turned),
        "moving.webp": saved(frames[0], "WEBP", **moving),
        "still.avif": saved(taken, "AVIF", quality=60),
        "still.bmp": saved(drawn, "BMP"),
        "packed.tif": saved(taken, "TIFF", compression="tiff_lzw"),
        "drawn.svg": svg(),
    }


def svg() -> bytes:
    """A drawing with a gradient, a filter, a clip and text."""
    dots = "".join(f'<circle cx="{x}" cy="{x % 40}" r="3" fill="url(#a)"/>' for x in range(0, 72, 6))
    return (
        '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="48" height="36" viewBox="0 0 72 56"><defs>'
        '<linearGradient id="a"><stop stop-color="#f00"/><stop offset="1" stop-color="#00f"/></linearGradient>'
        '<filter id="b"><feGaussianBlur stdDeviation="1.5"/></filter><clipPath id="c"><rect width="60" height="50"/>'
        f'</clipPath></defs><g clip-path="url(#c)" filter="url(#b)">{dots}</g><text x="4" y="40">soak</text></svg>'
    ).encode()
