"""A palette's colours moved to the middle of the pixels that take them, where score and eye are most sensitive."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgsvc.engine.codec import Pixels

Vectors = NDArray[np.float32]

# Luma and two differences of colour (ITU-R BT.601). The weights are the best of five sets tried on three photographs:
# plain RGB scored 1 to 4 points less there with as many colours, CIELAB 2 to 11.
SPACE = np.diag([1.5, 0.8, 1.0]) @ [[0.299, 0.587, 0.114], [-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]]
# Alpha counts as much as light: it is what shows of the background.
ALPHA_WEIGHT = 1.5
TURN = np.zeros((4, 4))
TURN[:3, :3], TURN[3, 3] = SPACE, ALPHA_WEIGHT
# What a palette holds, in PNG as in GIF.
MOST_COLOURS = 256
# 8 rounds of 60,000 changed the score by up to half a point, either way, for two to three times the time.
ROUNDS, SAMPLES = 5, 20_000
# As many vectors as are compared with the palette at once, to bound the memory.
BLOCK = 16_384
NONE = np.empty((0, 0), np.float32)


@dataclass(frozen=True)
class Clusters:
    """The colours of a picture, RGB or RGBA of 8 bits, and the colour each pixel has."""

    pixels: Pixels

    @cached_property
    def _found(self) -> tuple[Pixels, NDArray[np.intp], NDArray[np.intp]]:
        """Colours as RGBA, the number of each pixel's, and how many pixels have it."""
        rgba = np.full((*self.pixels.shape[:2], 4), 255, np.uint8)
        rgba[..., : self.pixels.shape[2]] = self.pixels
        packed, inverse, counts = np.unique(rgba.view(np.uint32), return_inverse=True, return_counts=True)
        return packed.view(np.uint8).reshape(-1, 4), inverse.ravel(), counts

    @cached_property
    def _vectors(self) -> Vectors:
        return vectors(self._found[0])

    def refined(self, data: bytes) -> bytes:
        """The picture as a PNG of as many colours as this one of a palette has, without diffusion of errors."""
        with Image.open(BytesIO(data)) as image:
            if image.mode != "P":
                return data
            shades = np.asarray(image.convert("RGBA")).reshape(-1, 4)
        start = np.unique(shades.copy().view(np.uint32)).view(np.uint8).reshape(-1, 4)
        _, inverse, _ = self._found
        centres = self.centred(start)
        numbers = nearest_point(self._vectors, vectors(centres))[inverse]
        return written(numbers.reshape(self.pixels.shape[:2]), centres)

    def centred(self, start: Pixels) -> Pixels:
        """As many RGBA colours, n by 4, in the middle of the pixels nearest to each.

        k-means from `start` on (Lloyd, Least squares quantization in PCM, 1982).
        """
        colours, _, counts = self._found
        centres = vectors(start)
        step = max(1, len(colours) // SAMPLES)
        some, weights = self._vectors[::step], counts[::step]
        for _ in range(ROUNDS):
            centres = _moved(centres, some, weights)
        return colours_of(centres)


def vectors(colours: Pixels) -> Vectors:
    """RGBA, n by 4, as points whose distance tells how unlike two colours look: premultiplied, then alpha."""
    points = colours.astype(np.float32)
    points[:, :3] *= points[:, 3:] / 255
    # OpenCV's product is ten times as fast as NumPy's for matrices as small as this.
    turned: Vectors = cv2.transform(points[None], TURN)[0]
    return turned


def colours_of(points: Vectors) -> Pixels:
    """The nearest RGBA colours: the inverse of `vectors`, black where nothing shows."""
    alpha = np.clip(points[:, 3:] / ALPHA_WEIGHT, 0, 255)
    rgb = points[:, :3] @ np.linalg.inv(SPACE).T * 255 / np.maximum(alpha, 1)
    return np.clip(np.round(np.hstack([np.where(alpha < 0.5, 0, rgb), alpha])), 0, 255).astype(np.uint8)


def nearest(colours: Pixels, wanted: Pixels) -> NDArray[np.uint8]:
    """The number of the wanted colour that looks most like each; both RGBA, n by 4."""
    return nearest_point(vectors(colours), vectors(wanted))


def nearest_point(points: Vectors, centres: Vectors) -> NDArray[np.uint8]:
    """The number of the centre nearest to each point."""
    # The largest p*c - c*c/2; OpenCV's product keeps to one thread.
    ends = np.hstack([centres, -(centres**2).sum(axis=1, keepdims=True) / 2]).astype(np.float32)
    numbers = np.empty(len(points), np.uint8)
    for at in range(0, len(points), BLOCK):
        block = points[at : at + BLOCK]
        starts = np.hstack([block, np.ones((len(block), 1), np.float32)])
        numbers[at : at + BLOCK] = cv2.gemm(starts, ends, 1.0, NONE, 0.0, flags=cv2.GEMM_2_T).argmax(axis=1)
    return numbers


def _moved(centres: Vectors, points: Vectors, weights: NDArray[np.intp]) -> Vectors:
    """Each centre in the middle of the points nearest to it; where it was if there are none."""
    taken = nearest_point(points, centres)
    total = np.bincount(taken, weights, len(centres))
    sums = [np.bincount(taken, weights * axis, len(centres)) for axis in points.T]
    middle = np.stack(sums, axis=1) / np.maximum(total, 1)[:, None]
    return np.where(total[:, None] > 0, middle, centres).astype(np.float32)


def written(numbers: NDArray[np.uint8], palette: Pixels) -> bytes:
    """The PNG of a palette, RGBA, n by 4, whose numbers these rows hold."""
    image = Image.fromarray(numbers, "P")
    image.putpalette(palette.tobytes(), "RGBA")
    out = BytesIO()
    image.save(out, "PNG", compress_level=6)
    return out.getvalue()
