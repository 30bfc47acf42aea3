"""Pictures as light and as XYB, the planes the score compares: X red-green, Y lightness, B blue-yellow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from imgsvc.engine.codec import Pixels

Floats = NDArray[np.float32]
"""Planes of shape (h, w), or linear light of shape (h, w, 3) where 1.0 is white."""

X, Y, B = 0, 1, 2

ABSORBANCE = (
    (0.30, 0.622, 0.078),
    (0.23, 0.692, 0.078),
    (0.24342268924547819, 0.20476744424496821, 0.55180986650955360),
)
"""How much of red, green and blue the L, M and S receptors take in; libjxl, lib/jxl/opsin_params.h."""
BIAS = 0.0037930732552754493
KNEE = 0.04045
STRIP = 1 << 16
"""Pixels worked on at a time: few enough that all planes of a strip stay in the processor's cache."""


def pyramid(pixels: Pixels, shade: float | None, wanted: Sequence[Sequence[int]]) -> Iterator[list[Floats]]:
    """The XYB planes of a picture at 1:1, 1:2, 1:4 and so on; at each scale those that `wanted` lists.

    `shade` is the gray (0..1, as encoded in sRGB) laid behind a picture with alpha; None ignores alpha.
    The halving is of linear light. The planes hold float32, roughly within 0..1.
    """
    light: Floats | None = None
    for level, channels in enumerate(wanted):
        height, width = pixels.shape[:2] if light is None else light.shape[:2]
        planes = [np.empty((height, width), np.float32) for _ in channels]
        smaller = np.empty(((height + 1) // 2, (width + 1) // 2, 3), np.float32)
        for top, bottom in strips(height, width):
            strip = linear(pixels[top:bottom], shade) if light is None else light[top:bottom]
            for plane, values in zip(planes, to_xyb(strip, channels), strict=True):
                plane[top:bottom] = values
            if level + 1 < len(wanted):
                smaller[top // 2 : (bottom + 1) // 2] = halve(strip)
        light = smaller
        yield planes


def strips(height: int, width: int) -> Iterator[tuple[int, int]]:
    """The rows of a picture cut into (top, bottom) of about STRIP pixels each; every top is even."""
    rows = max(16, STRIP // width // 2 * 2)
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


def linear(pixels: Pixels, shade: float | None) -> Floats:
    """sRGB bytes as linear light, laid over a gray of `shade` where that is given and the pixels have alpha."""
    colour = pixels if pixels.shape[2] == 3 else cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB)
    levels = np.linspace(0, 1, 256, dtype=np.float32)[None]
    if shade is None or pixels.shape[2] == 3:
        return np.asarray(cv2.LUT(colour, _decode(levels)), np.float32)
    alpha = cv2.cvtColor(cv2.LUT(cv2.extractChannel(pixels, 3), levels), cv2.COLOR_GRAY2RGB)
    return _decode(np.asarray(cv2.LUT(colour, levels - np.float32(shade)), np.float32) * alpha + np.float32(shade))


def _decode(values: Floats) -> Floats:
    """The transfer curve of sRGB (IEC 61966-2-1), from encoded 0..1 to linear 0..1.

    Its straight foot and its bent rest are added, each held still on the other's side of the knee: choosing
    between them pixel by pixel takes ten times as long.
    """
    bent = cv2.pow((np.maximum(values, KNEE) + 0.055) / 1.055, 2.4)
    foot = np.minimum(values, KNEE) / 12.92 - ((KNEE + 0.055) / 1.055) ** 2.4
    return np.asarray(bent + foot, np.float32)


def to_xyb(light: Floats, channels: Sequence[int]) -> Iterator[Floats]:
    """The planes `channels` of linear light, shifted and stretched as SSIMULACRA2 does to fill 0..1."""
    if not channels:
        return
    absorbed = cv2.transform(light, np.array([(*row, BIAS) for row in ABSORBANCE], np.float32))
    dark = BIAS ** (1 / 3)
    long, medium = _cube_root(absorbed, 0), _cube_root(absorbed, 1)
    lightness = np.asarray(cv2.addWeighted(long, 0.5, medium, 0.5, 0.01 - dark), np.float32)
    for channel in channels:
        if channel == X:
            yield np.asarray(cv2.addWeighted(long, 7.0, medium, -7.0, 0.42), np.float32)
        elif channel == Y:
            yield lightness
        else:
            short = _cube_root(absorbed, 2)
            yield np.asarray(cv2.addWeighted(short, 1.0, lightness, -1.0, 0.56 - dark), np.float32)


def _cube_root(picture: cv2.typing.MatLike, channel: int) -> Floats:
    return np.asarray(cv2.pow(cv2.extractChannel(picture, channel), 1 / 3), np.float32)


def halve(light: Floats) -> Floats:
    """Linear light at half the size, each pixel the mean of 2x2; an odd last row or column counts twice."""
    height, width = light.shape[:2]
    if height % 2 or width % 2:
        light = np.asarray(cv2.copyMakeBorder(light, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE), np.float32)
    size = ((width + 1) // 2, (height + 1) // 2)
    return np.asarray(cv2.resize(light, size, interpolation=cv2.INTER_AREA), np.float32)
