"""Scores of animations: the worst of a few moments, each compared as a still by the independent package."""

from __future__ import annotations

from bisect import bisect_right
from io import BytesIO
from itertools import accumulate

from PIL import Image

from bench.cache import Cache
from bench.corpus import png
from bench.scores import Pixels, Truth, pixels_of

MOMENTS = (0.1, 0.4, 0.7, 0.97)
"""Shares of the show at which frames are compared."""


class Show:
    """An animation to compare with, by the frames shown at a few moments."""

    def __init__(self, data: bytes) -> None:
        _, total = _starts(data)
        self._times = [total * share for share in MOMENTS]
        self._truths = [Truth(pixels) for pixels in shown(data, self._times)]

    def score(self, data: bytes, cache: Cache) -> float:
        """The worst moment's score."""
        frames = shown(data, self._times)
        return min(truth.file(png(frame), cache) for truth, frame in zip(self._truths, frames, strict=True))


def shown(data: bytes, times: list[float]) -> list[Pixels]:
    """The whole canvas at these milliseconds from the start."""
    starts, _ = _starts(data)
    wanted = [max(0, bisect_right(starts, time) - 1) for time in times]
    found: dict[int, Pixels] = {}
    with Image.open(BytesIO(data)) as image:
        for number in range(max(wanted) + 1):
            image.seek(number)
            if number in wanted:
                found[number] = pixels_of(image)
    return [found[number] for number in wanted]


def _starts(data: bytes) -> tuple[list[int], int]:
    """When each frame begins, and the length of the show, in milliseconds."""
    durations = []
    with Image.open(BytesIO(data)) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            durations.append(max(1, round(image.info.get("duration", 0))))
    ends = list(accumulate(durations))
    return [0, *ends[:-1]], ends[-1]
