"""Every format there is; the first whose signature fits reads a file."""

from __future__ import annotations

from imgsvc.engine.codec import Codec
from imgsvc.engine.codecs import avif, bmp, gif, jpeg, mp4, png, svg, tiff, webm, webp

CODECS: tuple[Codec, ...] = (
    jpeg.CODEC,
    png.CODEC,
    webp.CODEC,
    gif.CODEC,
    avif.CODEC,
    bmp.CODEC,
    tiff.CODEC,
    svg.CODEC,
    webm.CODEC,
    mp4.CODEC,
)
BY_NAME = {codec.name: codec for codec in CODECS}
