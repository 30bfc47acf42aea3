"""Scores by the independent package `ssimulacra2`, never by the engine's own.

The package takes two files and compares everything anew, in several seconds a megapixel. Here its own functions are
called in its own order, plane by plane, with the original's half kept: a sixth of the time for the same score to 1e-9
(bench's test compares both).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from io import BytesIO
from typing import Any

import numpy as np
import pillow_avif  # noqa: F401 - reads AVIF
from numpy.typing import NDArray
from PIL import Image
from ssimulacra2 import ssimulacra2 as package

from bench.cache import Cache, digest

Pixels = NDArray[np.uint8]
Planes = list[NDArray[np.float64]]

SMALL = 64
"""Below this side in pixels the package's score says little; the engine continues such pictures by mirror images."""
SHADES = (26, 230)
"""Grays laid behind transparency, as the C++ reference does; the worse score counts. The package drops alpha."""
LEAST = 8


def version() -> str:
    return metadata.version("ssimulacra2")


@dataclass(frozen=True, slots=True)
class Level:
    """One scale of a picture: its planes, their blur, and the blur of their squares."""

    planes: Planes
    means: Planes
    squares: Planes


class Truth:
    """A picture that encodings are compared with: sRGB bytes (h, w, 3), or (h, w, 4) with straight alpha."""

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels
        self._levels: dict[int | None, list[Level]] = {}
        self.digest = digest(str(pixels.shape), pixels.tobytes())

    def score(self, other: Pixels) -> float:
        """The score of pixels of the same size; 100 when all are equal."""
        if other.shape[:2] != self._pixels.shape[:2]:
            raise ValueError(f"other: got shape {other.shape}, expected {self._pixels.shape}")
        clear = self._pixels.shape[2] == 4 or other.shape[2] == 4
        return min(self._over(shade, other) for shade in (SHADES if clear else (None,)))

    def file(self, data: bytes, cache: Cache) -> float:
        """The score of an encoded still, remembered by content."""
        key = digest("score", version(), self.digest, data)
        return float(cache.get(key, lambda: self.score(read(data))))

    def _over(self, shade: int | None, other: Pixels) -> float:
        mine, theirs = _flat(self._pixels, shade), _flat(other, shade)
        if np.array_equal(mine, theirs):
            return 100.0
        if shade not in self._levels:
            self._levels[shade] = list(_levels(mine))
        return _score(self._levels[shade], _levels(theirs))


def read(data: bytes) -> Pixels:
    """The pixels of an encoded still, with alpha where it has any."""
    with Image.open(BytesIO(data)) as image:
        image.load()
        return pixels_of(image)


def pixels_of(image: Image.Image) -> Pixels:
    clear = "A" in image.getbands() or "transparency" in image.info
    return np.asarray(image.convert("RGBA" if clear else "RGB"))


def _flat(pixels: Pixels, shade: int | None) -> Pixels:
    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[..., 3:].astype(np.uint16)
    mixed = (pixels[..., :3] * alpha + np.uint16(shade or 0) * (255 - alpha) + 127) // 255
    return mixed.astype(np.uint8)


def _levels(pixels: Pixels) -> Iterable[Level]:
    linear = package.srgb_to_linear(np.arange(256.0))[pixels]
    for scale in range(package.kNumScales):
        if min(linear.shape[:2]) < LEAST:
            return
        xyb = package.make_positive_xyb(package.linear_rgb_to_xyb(linear))
        planes = [np.ascontiguousarray(xyb[..., number : number + 1]) for number in range(3)]
        yield Level(planes, _blurred(planes), _blurred([plane * plane for plane in planes]))
        if scale < package.kNumScales - 1:
            linear = package.downsample(linear, 2, 2)


def _blurred(planes: Planes) -> Planes:
    return [package.blur_image(plane) for plane in planes]


def _score(mine: Iterable[Level], theirs: Iterable[Level]) -> float:
    total: Any = package.Msssim()
    for a, b in zip(mine, theirs, strict=True):
        scale = package.MsssimScale()
        for number in range(3):
            product = package.blur_image(a.planes[number] * b.planes[number])
            means = a.means[number], b.means[number]
            similar = package.ssim_map(*means, a.squares[number], b.squares[number], product)
            edges = package.edge_diff_map(a.planes[number], means[0], b.planes[number], means[1])
            scale.avg_ssim[2 * number : 2 * number + 2] = similar[:2]
            scale.avg_edgediff[4 * number : 4 * number + 4] = edges[:4]
        total.scales.append(scale)
    return float(total.score())
