"""TIFF: read only, its first page; becomes PNG."""

from __future__ import annotations

from PIL import Image

from imgsvc.engine.bounds import check
from imgsvc.engine.budget import Limits
from imgsvc.engine.codec import Codec, Info
from imgsvc.engine.pixels import decoder, decoding, header
from imgsvc.errors import TooManyPixels

BYTE_ORDERS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
TILE_WIDTH, TILE_HEIGHT = 322, 323
LARGEST_TILE, TILE_STEP = 1024, 16


def sniff(data: bytes) -> bool:
    return data[:4] in BYTE_ORDERS


def inspect(data: bytes, limits: Limits) -> Info:
    """Sides of the first page. A tile takes memory at its full size, also beyond the picture's edge."""
    with decoding(), header(data, ("TIFF",), limits) as image:
        info = Info(*image.size)
        tile = [_side(image, tag) for tag in (TILE_WIDTH, TILE_HEIGHT)]
    check(info, limits)
    most = max(LARGEST_TILE, info.width + TILE_STEP, info.height + TILE_STEP)
    if max(tile) > most:
        raise TooManyPixels(f"image: got tiles {max(tile)} pixels wide or high, expected at most {most}.")
    return info


def _side(image: Image.Image, tag: int) -> int:
    value = getattr(image, "tag_v2", {}).get(tag, 0)
    return value if isinstance(value, int) else 0


CODEC = Codec("tiff", "image/tiff", sniff, inspect, decoder("TIFF"), becomes="png")
