"""BMP: read only; becomes PNG."""

from __future__ import annotations

from imgsvc.engine.codec import Codec
from imgsvc.engine.pixels import decoder, inspector


def sniff(data: bytes) -> bool:
    return data[:2] == b"BM"


CODEC = Codec("bmp", "image/bmp", sniff, inspector("BMP"), decoder("BMP"), becomes="png")
