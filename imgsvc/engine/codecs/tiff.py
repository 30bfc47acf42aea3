"""TIFF: read only, its first page; becomes PNG."""

from __future__ import annotations

from imgsvc.engine.codec import Codec
from imgsvc.engine.pixels import decoder, inspector

BYTE_ORDERS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def sniff(data: bytes) -> bool:
    return data[:4] in BYTE_ORDERS


CODEC = Codec("tiff", "image/tiff", sniff, inspector("TIFF"), decoder("TIFF"), becomes="png")
