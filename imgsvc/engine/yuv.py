"""sRGB pixels as video stores them and back: BT.709 luma and chroma of limited range, chroma at half size."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imgsvc.engine.codec import Pixels

# ITU-R BT.709-6, 3.2 to 3.4: the shares of red, green and blue in luma; black, white and no colour in 8 bits.
RED, GREEN, BLUE = 0.2126, 0.7152, 0.0722
BLACK, WHITE, MIDDLE = 16, 235, 128
CHROMA_RANGE = 224

Planes = NDArray[np.uint8]
"""Y, then U, then V, one below the other: shape (height * 3 / 2, width), both sides of the picture even."""


def _matrix() -> NDArray[np.float64]:
    """What makes Y, U and V of (red, green, blue, 1), all of 0..255: shape (3, 4)."""
    luma = np.array([RED, GREEN, BLUE])
    blueness = (np.array([0, 0, 1]) - luma) / (2 * (1 - BLUE))
    redness = (np.array([1, 0, 0]) - luma) / (2 * (1 - RED))
    rows = np.array([luma * (WHITE - BLACK), blueness * CHROMA_RANGE, redness * CHROMA_RANGE]) / 255
    return np.column_stack([rows, [BLACK, MIDDLE, MIDDLE]])


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    back = np.linalg.inv(matrix[:, :3])
    return np.column_stack([back, -back @ matrix[:, 3]])


TO_YUV = _matrix()
TO_RGB = _inverse(TO_YUV)


def to_yuv(pixels: Pixels) -> Planes:
    """The planes of a picture of even sides, (height, width, 3); each chroma sample is in the centre of its four."""
    height, width = pixels.shape[:2]
    half = cv2.resize(pixels, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    planes = np.empty((height * 3 // 2, width), np.uint8)
    planes[:height] = cv2.transform(pixels, TO_YUV[:1])
    chroma = cv2.transform(half, TO_YUV[1:])
    planes[height:].reshape(2, height // 2, width // 2)[:] = chroma.transpose(2, 0, 1)
    return planes


def from_yuv(planes: Planes) -> Pixels:
    """The picture of these planes, (height, width, 3), its chroma enlarged as a screen's hardware does: bilinearly."""
    height, width = planes.shape[0] * 2 // 3, planes.shape[1]
    halves = planes[height:].reshape(2, height // 2, width // 2)
    chroma = [cv2.resize(half, (width, height), interpolation=cv2.INTER_LINEAR) for half in halves]
    return np.asarray(cv2.transform(cv2.merge([planes[:height], *chroma]), TO_RGB), np.uint8)
