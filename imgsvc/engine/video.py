"""Animations as video: what all video formats have in common, whatever their encoder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from imgsvc.engine.aim import SHARE, Scale, meet, seek
from imgsvc.engine.budget import Limits
from imgsvc.engine.codec import Animation, Codec, Info, Offer, Pass, Picture, Pixels, Shape, Work
from imgsvc.engine.film import Film, Options, able, read, write
from imgsvc.engine.geometry import even
from imgsvc.engine.judge import Judge
from imgsvc.engine.recipe import LooksLike, Lossless
from imgsvc.errors import UnsupportedKind

# A frame shown no longer than this is shown that much longer by every browser, and by no player of videos.
HASTY, CALM = 10, 100
# The score a lossless goal is held to: that of the ladder's first step that loses something.
NEAREST = 92.0
# Files that a search makes, about, without a rehearsal and after one; seconds a megapixel that no encoder here exceeds.
PROBES, FILES = 5, 2
MOST_SECONDS = 0.6
# Frames and pixels that tell what an encoder does with the others, and the share of the time for their search.
SAMPLED_FRAMES, SAMPLED_PIXELS = 2, 3_000_000
TRIAL = 0.2
# Points above the promise to begin at: there may be time for one file only.
MARGIN = 3.0


def codec(name: str, mime: str, film: Film) -> Codec:
    """The format of these films: only written, only of animations, and only where it is asked for by name.

    It shows the picture over a ground, as few players know transparency, and once or for ever as the page around it
    wants: the file cannot tell how often. Fixed qualities of 1..100 are the CRFs from the film's worst to its best,
    evenly spaced.
    """

    def here() -> bool:
        return able(film.encoder)

    return Codec(
        name=name,
        mime=mime,
        sniff=lambda _: False,
        inspect=inspect,
        decode=decode,
        passes=(
            Pass(film.encoder, lambda work: search(work, film), lossy=True, available=here),
            Pass("nearest", lambda work: nearest(work, film), available=here),
        ),
        quick=lambda picture, quality: hurried(picture, quality, film),
        alpha=False,
        animation=True,
        video=True,
        adapt=adapt,
    )


def inspect(_data: bytes, _limits: Limits) -> Info:
    """Always UnsupportedKind: videos of others are not read."""
    raise UnsupportedKind


def decode(data: bytes, _shape: Shape | None) -> Picture:
    """A file of ours as it is shown."""
    return read(data)


def adapt(picture: Picture) -> Picture:
    """The picture as a video shows it: of even sides, its last row or column there twice; times as browsers take them.

    A border would be seen, a cut would lose something, and scaling would blur every pixel for the sake of one.
    """
    animation = picture.animation
    if animation is None:
        return replace(picture, pixels=_even(picture.pixels))

    def pick(numbers: Sequence[int]) -> Iterator[Pixels]:
        return map(_even, animation.pick(numbers))

    durations = tuple(CALM if duration <= HASTY else duration for duration in animation.durations)
    return replace(picture, pixels=_even(picture.pixels), animation=replace(animation, pick=pick, durations=durations))


def _even(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    right, below = even(width) - width, even(height) - height
    return np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge") if right or below else pixels


def search(work: Work, film: Film) -> Offer | None:
    """The CRF that meets the goal, at the slowest speed that leaves time to search for it."""
    moving, area = work.picture.animation, work.picture.width * work.picture.height
    if moving is None:
        return None
    speed, scale = film.speeds[0], film.scale
    if not work.budget.allows(PROBES * MOST_SECONDS * len(moving.durations) * area / 1e6 / SHARE):
        speed, scale = _rehearsed(work, film, moving)

    def stop() -> bool:
        return work.budget.left <= 0 and work.least() < math.inf

    return meet(work, lambda x: write(work.picture, film, film.worst - x, speed, stop), scale)


def nearest(work: Work, film: Film) -> Offer | None:
    """What a lossless goal gets: no video that plays everywhere keeps every pixel."""
    return search(replace(work, goal=LooksLike(NEAREST)), film) if isinstance(work.goal, Lossless) else None


def hurried(picture: Picture, quality: int, film: Film) -> bytes:
    """One encode at the fastest speed; BadPicture for a still."""
    return write(picture, film, film.worst - film.scale.at(quality), film.speeds[-1], lambda: False)


def _rehearsed(work: Work, film: Film, moving: Animation) -> tuple[Options, Scale]:
    """The slowest speed with time for some files, and the scale with the place that a few frames tell to begin at."""
    count = len(moving.durations)
    some = min(count, max(SAMPLED_FRAMES, SAMPLED_PIXELS // (work.picture.width * work.picture.height)))
    before = work.budget.left
    frames = list(moving.pick([number * count // some for number in range(some)]))
    walk = before - work.budget.left
    few = Animation(lambda numbers: (frames[number] for number in numbers), (CALM,) * some, 0)
    sample = replace(work.picture, pixels=frames[0], animation=few)
    speed = film.speeds[-1]
    for slower in film.speeds[:-1]:
        before = work.budget.left
        write(sample, film, film.worst // 2, slower, lambda: False)
        if work.budget.allows(FILES * (walk + (before - work.budget.left) * count / some) / SHARE):
            speed = slower
            break
    if not isinstance(work.goal, LooksLike):
        return speed, film.scale
    trial = Work(None, sample, work.goal, work.budget.part(TRIAL * work.budget.left), Judge(sample).reader(read), read)
    promise = work.goal.score + MARGIN
    found = seek(trial, lambda x: write(sample, film, film.worst - x, speed, lambda: False), film.scale, promise)
    return speed, replace(film.scale, guess=lambda _: found.at)
