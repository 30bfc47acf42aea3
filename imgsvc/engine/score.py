"""How alike two pictures look: SSIMULACRA2 version 2.1, from 100 (identical) down, in float32.

The algorithm and its constants are those published by Jon Sneyers (github.com/cloudinary/ssimulacra2,
src/ssimulacra2.cc), read as the PyPI package `ssimulacra2` does, so that anybody can check a score: from 64 pixels a
side on the results are within 0.01 of that package's. Roughly: 90 visually lossless, 70 differences hard to notice,
50 medium, 30 low; very different pictures score below 0.
The program in C++ approximates the blur by a recursion, with zeros outside the picture: it usually reads 0.2 to 1
higher, and up to 3 off where large areas are flat. It also goes on for one scale more where the shorter side is below
225 pixels, which moves its result by tens of points: on such small pictures the measure is only a rough one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgsvc.engine.codec import Pixels
from imgsvc.engine.xyb import Floats, pyramid, strips

IDENTICAL = 100.0
SHADES = (0.1, 0.9)
"""The dark and the light gray laid behind transparency, in sRGB; those of the C++ program."""
SMALLEST = 8
"""The least side in pixels of the coarsest scale."""
TELLING = 64
"""The least side in pixels whose score means anything: on smaller pictures a blur is taken for the original."""
SCALES = 6
STABILISER = 0.0009
"""Keeps the structure term finite where both pictures are flat; the published kC2."""
SIGMA = 1.5
"""Of the Gaussian that everything is blurred with, in pixels."""
REACH = 5
"""The Gaussian is cut off beyond so many pixels."""
KERNEL = cv2.getGaussianKernel(2 * REACH + 1, SIGMA, cv2.CV_32F)

Doubles = NDArray[np.float64]
Row = tuple[float, float, float, float, float, float]
"""The weights of one plane: structure, ringing, smoothing by their mean, then by their 4-norm."""
Scales = list[list[tuple[int, Row]]]
"""For each scale, from 1:1 down, the planes to compare (xyb.X, Y or B) with their weights."""
NOTHING: Row = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
WEIGHTS: tuple[Row, ...] = (
    NOTHING,
    (0.0, 0.0, 0.0, 1.1041726426657346, 0.0, 0.0),
    (0.0, 0.0, 0.0, 1.8422455520539298, 11.441172603757666, 0.0),
    (0.0, 0.0, 0.0, 1.8787594979546387, 10.94906990605142, 0.0),
    (0.0, 0.9677937080626833, 0.0, 0.0, 0.9981766977854967, 0.0),
    NOTHING,
    (0.0, 0.0, 0.0, 7.466890328078848, 0.0, 17.445833984131262),
    (0.0, 0.0, 0.0, 6.683678146179332, 0.0, 1.027889937768264),
    (225.20515300849274, 0.0, 0.0, 19.213238186143016, 0.0, 0.0),
    (176.39317598450694, 0.0, 0.0, 24.43300999870476, 0.28520802612117757, 0.0),
    (0.0, 0.0, 0.0, 34.77906344483772, 44.835625328877896, 0.0),
    NOTHING,
    NOTHING,
    NOTHING,
    NOTHING,
    (0.0, 0.0, 0.0, 8.826982764996862, 23.19243343998926, 0.0),
    (95.1080498811086, 0.9863978034400682, 0.9834382792465353, 0.0, 171.2667255897307, 0.9807858872435379),
    NOTHING,
)
"""The scales of X, then those of Y, then those of B. The published weights below 0.003 are left out: together
they move a score by less than 0.01, and most of the largest planes need not be looked at without them."""


class Reference:
    """The half of the score that does not change while one picture's encodings are compared.

    Holds about 7 bytes a pixel and keeps `pixels` itself. Of a transparent picture it is the half over the dark shade;
    that over the light one is made anew for each encoding, as memory is scarcer than time.
    """

    __slots__ = ("_grown", "_kept", "_pixels", "_scales", "_shades")

    def __init__(self, pixels: Pixels) -> None:
        """Takes sRGB bytes (h, w, 3), or (h, w, 4) with straight alpha; ValueError for any other array."""
        self._pixels = _checked(pixels)
        self._grown = _grown(pixels)
        self._scales = _scales(min(self._grown.shape[:2]))
        self._shades: tuple[float | None, ...] = SHADES if _transparent(pixels) else (None,)
        self._kept = list(_original(self._grown, self._shades[0], self._scales))

    def score(self, other: Pixels) -> float:
        """The score of `other` against the reference: 100.0 when equal, falling without limit.

        Where either picture is transparent both are laid over a dark and over a light gray and the worse score
        counts. A picture less than 64 pixels wide or high is continued by its mirror images to 64. ValueError when
        the two differ in width or height.
        """
        if _checked(other).shape[:2] != self._pixels.shape[:2]:
            raise ValueError(f"other: got shape {other.shape}, expected the reference's {self._pixels.shape}")
        if np.array_equal(self._pixels, other):
            return IDENTICAL
        grown = _grown(other)
        shades = SHADES if _transparent(other) else self._shades
        return min(self._compare(grown, shade) for shade in shades)

    def _compare(self, other: Pixels, shade: float | None) -> float:
        fresh = shade in self._shades[1:]
        original = _original(self._grown, shade, self._scales) if fresh else self._kept
        levels = zip(original, pyramid(other, shade, _channels(self._scales)), strict=True)
        return _mapped(sum(mine.distance(theirs) for level in levels for mine, theirs in zip(*level, strict=True)))


def score(a: Pixels, b: Pixels) -> float:
    """The score of `b` as a rendering of `a`; shapes, range and errors as in Reference.score."""
    return Reference(a).score(b)


@dataclass(frozen=True, slots=True)
class Window:
    """Some rows of a plane, the rows a blur of them reaches, and how many of these the plane lacks."""

    rows: slice
    around: slice
    above: int
    below: int


@dataclass(frozen=True, slots=True)
class Plane:
    """One XYB plane of the original at one scale.

    Its blurs are made anew for each encoding: a third more work for a third of the memory.
    """

    weights: Row
    values: Floats

    def distance(self, other: Floats) -> float:
        """The weighted sum of how far `other` (same shape) is from this plane; 0.0 when equal."""
        height, width = other.shape
        sums = np.zeros(6)
        for window in _windows(height, width):
            sums += self._sums(other, window)
        norms = sums / (height * width)
        norms[3:] **= 0.25
        return float(norms @ np.array(self.weights))

    def _sums(self, other: Floats, window: Window) -> Doubles:
        """Over the window's rows, the sum of each map and then of its fourth power, in the order of a Row."""
        sums = np.zeros(6)
        mean, own = _blur(other[window.around], window), _blur(self.values[window.around], window)
        if self.weights[0] or self.weights[3]:
            sums[0::3] = _powers(self._structure(other, mean, own, window))
        if self.weights[1] or self.weights[2] or self.weights[4] or self.weights[5]:
            mine = _edges(self.values[window.rows], own)
            change = _edges(other[window.rows], mean) / mine - 1
            sums[1::3] = _powers(np.maximum(change, 0))
            sums[2::3] = _powers(np.minimum(change, 0))
        return sums

    def _structure(self, other: Floats, mean: Floats, own: Floats, window: Window) -> Floats:
        """SSIM as a distance, without its luminance denominator: 0.0 where the surroundings are equal.

        Published is 1 - (1 - q)(2 cov + C) / (var + var' + C), with q the squared difference of the means.
        Written with the variance of the difference, e = var + var' - 2 cov, the same value keeps its digits in
        float32 and is exactly 0 for equal planes.
        """
        apart = mean - own
        error = _variance(other[window.around] - self.values[window.around], apart, window)
        spread = _variance(other[window.around], mean, window) + STABILISER
        spread += _variance(self.values[window.around], own, window)
        apart *= apart
        distance: Floats = np.maximum((1 - apart) * error / spread + apart, 0)
        return distance


def _checked(pixels: Pixels) -> Pixels:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or 0 in pixels.shape:
        got = f"{pixels.dtype} {pixels.shape}"
        raise ValueError(f"pixels: got {got}, expected uint8 (height, width, 3 or 4), at least one pixel")
    return pixels


def _transparent(pixels: Pixels) -> bool:
    return pixels.shape[2] == 4 and int(pixels[:, :, 3].min()) < 255


def _grown(pixels: Pixels) -> Pixels:
    """The picture continued by its mirror images to at least TELLING pixels a side."""
    below, beside = (max(0, TELLING - side) for side in pixels.shape[:2])
    if not below and not beside:
        return pixels
    return np.asarray(cv2.copyMakeBorder(pixels, 0, below, 0, beside, cv2.BORDER_REFLECT), np.uint8)


def _scales(side: int) -> Scales:
    """For each scale the planes that weigh anything; `side` is the shorter one, in pixels.

    Below 225 pixels there are fewer scales, and the weights move up: their list is read scale after scale, plane
    after plane, without a gap.
    """
    count = 0
    while count < SCALES and side >= SMALLEST:
        side = (side + 1) // 2
        count += 1
    rows = [[(channel, WEIGHTS[channel * count + scale]) for channel in range(3)] for scale in range(count)]
    scales = [[(channel, row) for channel, row in scale if any(row)] for scale in rows]
    while not scales[-1]:
        scales.pop()
    return scales


def _original(pixels: Pixels, shade: float | None, scales: Scales) -> Iterator[list[Plane]]:
    for scale, planes in zip(scales, pyramid(pixels, shade, _channels(scales)), strict=True):
        yield [Plane(row, values) for (_, row), values in zip(scale, planes, strict=True)]


def _channels(scales: Scales) -> list[list[int]]:
    return [[channel for channel, _ in scale] for scale in scales]


def _windows(height: int, width: int) -> Iterator[Window]:
    for top, bottom in strips(height, width):
        start, end = max(0, top - REACH), min(height, bottom + REACH)
        yield Window(slice(top, bottom), slice(start, end), start - top + REACH, bottom + REACH - end)


def _blur(around: Floats, window: Window) -> Floats:
    """The window's rows blurred; `around` holds them with the rows the blur reaches.

    Outside the picture there are zeros to the left and right, its mirror image above and below.
    """
    if window.above or window.below:
        mirrored = cv2.copyMakeBorder(around, window.above, window.below, 0, 0, cv2.BORDER_REFLECT)
        around = np.asarray(mirrored, np.float32)
    blurred = cv2.sepFilter2D(around, cv2.CV_32F, KERNEL, KERNEL, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(blurred, np.float32)[REACH:-REACH]


def _variance(around: Floats, mean: Floats, window: Window) -> Floats:
    variance: Floats = _blur(around * around, window) - mean * mean
    return variance


def _edges(values: Floats, mean: Floats) -> Floats:
    strength: Floats = np.abs(values - mean) + 1
    return strength


def _powers(values: Floats) -> tuple[float, float]:
    """The sums of the absolute values and of their fourth powers, added up in double precision."""
    return cv2.norm(values, cv2.NORM_L1), cv2.norm(values * values, cv2.NORM_L2SQR)


def _mapped(distance: float) -> float:
    """The weighted sum of all norms on the scale of the score; the curve is fitted to people's judgements."""
    bent = distance * 0.9562382616834844
    bent = 2.326765642916932 * bent - 0.020884521182843837 * bent**2 + 6.248496625763138e-05 * bent**3
    return IDENTICAL - 10 * bent**0.6276336467831387 if bent > 0 else IDENTICAL
