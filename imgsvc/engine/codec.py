"""The types a format plugs in: a Codec lists its passes, a Pass takes a Work and offers bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgsvc.engine.budget import Budget, Limits
from imgsvc.engine.recipe import WHITE, Colour, Goal, Resize

Pixels = NDArray[np.uint8]
"""A picture as displayed: upright, sRGB, shape (height, width, 3) or (height, width, 4) with straight alpha."""


@dataclass(frozen=True, slots=True)
class Info:
    """What the header says before any pixel is decoded. Sides as stored; frames 1 for a still."""

    width: int
    height: int
    frames: int = 1


@dataclass(frozen=True, slots=True)
class Shape:
    """What is to become of the pixels: trimmed first, then resized; `limits` are for what grows by it."""

    resize: Resize | None = None
    trim: bool = False
    background: Colour = WHITE
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Animation:
    """The frames after one another, each composed onto the whole canvas."""

    pick: Callable[[Sequence[int]], Iterator[Pixels]]
    """The frames of these numbers, which ascend; decoded as the walk goes, never held all at once."""
    durations: tuple[int, ...]
    """Milliseconds each frame is shown."""
    loop: int
    """How often it plays; 0 for ever."""

    def frames(self) -> Iterator[Pixels]:
        """Starts a fresh walk over all frames."""
        return self.pick(range(len(self.durations)))


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture, reshaped as wanted; for an animation `pixels` is its first frame."""

    pixels: Pixels
    animation: Animation | None = None
    gray: bool = False
    """All three colours are equal everywhere."""
    reshaped: bool = False
    """Scaled, cut, padded or trimmed: its pixels are not one by one the source's."""
    converted: bool = False
    """Turned upright, brought to sRGB or to 8 bits: the source's own pixels differ."""

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def alpha(self) -> bool:
        """Whether the pixels carry an alpha channel."""
        return bool(self.pixels.shape[2] == 4)


@dataclass(frozen=True, slots=True)
class Offer:
    """A file a pass made, and its score where the pass knows it (100.0: no pixel changed)."""

    data: bytes
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """All that a pass may look at."""

    data: bytes | None
    """The upload, where format and size are kept: what a lossless pass rewrites. None otherwise."""
    picture: Picture
    goal: Goal
    budget: Budget
    judge: Callable[[bytes], float]
    """The SSIMULACRA2 score of an encoded file against `picture`; for an animation of its worst sampled frame."""
    read: Callable[[bytes], Picture]
    """Decodes a file of the format being written."""
    show: Callable[[Offer], None] = lambda _: None
    """Takes a finished file on the way to a better one, so that there is an answer when time runs out."""
    least: Callable[[], float] = lambda: math.inf
    """Bytes of the best file so far."""
    met: Callable[[], bool] = lambda: False
    """Whether some file so far keeps the promise; the upload itself does where format and size are kept."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One way to make the file smaller; `run` gives None for 'nothing to offer'."""

    name: str
    run: Callable[[Work], Offer | None]
    lossy: bool = False
    available: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class Codec:
    """A format: how to know it, read it and write it. `decode` raises InputError for what it cannot read."""

    name: str
    mime: str
    sniff: Callable[[bytes], bool]
    inspect: Callable[[bytes, Limits], Info]
    decode: Callable[[bytes, Shape | None], Picture]
    """Upright, sRGB, reshaped; a vector is drawn at the size that is needed."""
    passes: tuple[Pass, ...] = ()
    """In the order they are tried; empty for a format that is only read."""
    quick: Callable[[Picture, int], bytes] | None = None
    """One encode at the encoder's fast settings and a quality of 1..100, instead of all passes; None: there is none."""
    alpha: bool = True
    animation: bool = False
    lossless: bool = False
    """Can keep every pixel of any picture, in a file that may be the smallest to do so."""
    flat: bool = False
    """Made for flat colours: never the smallest for a photograph."""
    becomes: str = ""
    """The format it is turned into when none was asked for; empty: it keeps its own."""
    video: bool = False
    """Shows animations alone; never read as an upload, and made only where it is asked for by name."""
    adapt: Callable[[Picture], Picture] = lambda picture: picture
    """The picture as a file of this format shows it."""
    vector: bool = False
    """Has no pixels of its own: free of the side limits."""
    polish: Callable[[Work, bytes], bytes] = lambda _, data: data
    """The same pixels in fewer bytes, at a price that only the winning file is worth."""
    screen: Callable[[Work, bytes], bytes] = lambda _, data: data
    """A small share of `polish`, which tells the files that may be the smallest in the end from the others."""
    safe: Callable[[bytes], bytes] = lambda data: data
    """The upload as it may be handed back when no pass made it smaller."""
    sealed: Callable[[bytes], str] = lambda _: ""
    """What `seal` wrote into the file, or nothing."""
    seal: Callable[[bytes, str], bytes] = lambda data, _: data
    """The same picture with a few words about the lossy goal it has met, so that it is not compressed twice."""
