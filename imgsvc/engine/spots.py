"""Spots whose colour a palette passes over, which a mean score hardly notices: they get colours of their own."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgsvc.engine.clusters import MOST_COLOURS, Vectors, colours_of, nearest_point, vectors, written
from imgsvc.engine.codec import Pixels

Numbers = NDArray[np.uint8]

# A spot is a block of so many pixels a side.
SIDE = 4
# How far the mean colour of a spot may be from the original's, in the space of `vectors`: at 10, 12 and 14 the score
# gained much the same for its bytes on eight pictures; with spots of 8 pixels half a red jug stayed yellow.
SHIFT = 11.0
# And of a smooth spot, whose pixels have a smaller standard deviation than SMOOTH: steps in a sky are seen sooner. Of
# 2.5, 3.5 and 5 none gave the smallest files throughout, on three pictures at two scores.
SMOOTH_SHIFT, SMOOTH = 4.0, 1.5
# As many spots are looked at, the worst first, and as many colours found for them.
SPOTS, COLOURS = 4_000, 24
# Rows taken at once, to bound the memory.
BAND = 32 * SIDE


def spared(pixels: Pixels, data: bytes) -> bytes:
    """The PNG of a palette with as many more colours as its lost spots need; itself where none is lost.

    A full palette gives up for them the colours that are missed least, but none for smooth spots: others would be lost.
    """
    with Image.open(BytesIO(data)) as image:
        if image.mode != "P":
            return data
        numbers, palette = np.array(image), _palette(image)
    smooth = SMOOTH_SHIFT if len(palette) + COLOURS <= MOST_COLOURS else SHIFT
    lost, shown = _lost(pixels, numbers, vectors(palette), smooth)
    found = _wanted(lost, shown, smooth)
    if not len(found):
        return data
    added = colours_of(found)
    numbers, palette = _roomy(numbers, palette, MOST_COLOURS - len(added))
    return written(_painted(pixels, numbers, palette, added), np.vstack([palette, added]))


def _palette(image: Image.Image) -> Pixels:
    """RGBA, n by 4."""
    rgb = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
    alpha = np.full((len(rgb), 1), 255, np.uint8)
    said = image.info.get("transparency", b"")
    clear = np.frombuffer(said, np.uint8) if isinstance(said, bytes) else np.array([255] * said + [0], np.uint8)
    alpha[: len(clear), 0] = clear[: len(rgb)]
    return np.hstack([rgb, alpha])


def _bands(pixels: Pixels, numbers: Numbers) -> Iterator[tuple[slice, Vectors]]:
    """Rows, a band at a time, and their pixels as vectors."""
    for top in range(0, len(numbers), BAND):
        rows = slice(top, top + BAND)
        rgba = np.full((*numbers[rows].shape, 4), 255, np.uint8)
        rgba[..., : pixels.shape[2]] = pixels[rows]
        yield rows, vectors(rgba.reshape(-1, 4)).reshape(rgba.shape)


def _lost(pixels: Pixels, numbers: Numbers, palette: Vectors, smooth: float) -> tuple[Vectors, Vectors]:
    """The spots whose colour is lost, n by SIDE * SIDE by 4, as they were and as they are, the worst first.

    What is left of rows and columns beyond the last whole spot is none.
    """
    found = []
    for rows, wanted in _bands(pixels, numbers):
        pair = np.stack([_blocks(wanted), _blocks(palette[numbers[rows]])])
        pair = pair[:, _shifts(*pair) > smooth]
        found.append(_worst(pair, smooth))
    wanted, shown = _worst(np.concatenate(found, axis=1), smooth)
    return wanted, shown


def _worst(pair: Vectors, smooth: float) -> Vectors:
    """Of spots as they were and as they are those that are lost, the worst first, as many as are looked at."""
    shifts = _shifts(*pair) / _allowed(pair[0], smooth)
    order = np.argsort(-shifts, kind="stable")[: min(SPOTS, int((shifts > 1).sum()))]
    return pair[:, order]


def _blocks(points: Vectors) -> Vectors:
    high, wide = (side // SIDE for side in points.shape[:2])
    whole = points[: high * SIDE, : wide * SIDE].reshape(high, SIDE, wide, SIDE, 4)
    return whole.swapaxes(1, 2).reshape(-1, SIDE * SIDE, 4)


def _shifts(wanted: Vectors, shown: Vectors) -> Vectors:
    """How far the mean colour of each spot is from what it was."""
    away: Vectors = np.linalg.norm((shown - wanted).mean(axis=1), axis=-1)
    return away


def _allowed(wanted: Vectors, smooth: float) -> Vectors:
    """How far that may be, of smooth ones as far as is given."""
    spread = wanted.var(axis=1).sum(axis=-1)
    return np.where(spread < SMOOTH**2, smooth, SHIFT).astype(np.float32)


def _wanted(lost: Vectors, shown: Vectors, smooth: float) -> Vectors:
    """Colours, n by 4, which bring back most of the spots lost: for the worst one first, with all that look like it."""
    added: list[Vectors] = []
    allowed = _allowed(lost, smooth)
    while len(lost) and len(added) < COLOURS:
        shifts = _shifts(lost, shown) / allowed
        worst = int(shifts.argmax())
        if shifts[worst] <= 1:
            break
        away = np.linalg.norm(lost[worst] - shown[worst], axis=1)
        colour = lost[worst][away >= np.median(away)].mean(axis=0)
        near = _nearer(lost, colour, shown)
        if not near.any():
            break
        colour = lost[near].mean(axis=0)
        shown = np.where(_nearer(lost, colour, shown)[..., None], colour, shown)
        added.append(colour)
    return np.array(added, np.float32).reshape(-1, 4)


def _nearer(points: Vectors, colour: Vectors, shown: Vectors) -> NDArray[np.bool_]:
    """Whether each point is nearer to the colour than to what is shown of it."""
    near: NDArray[np.bool_] = np.square(points - colour).sum(axis=-1) < np.square(points - shown).sum(axis=-1)
    return near


def _roomy(numbers: Numbers, palette: Pixels, most: int) -> tuple[Numbers, Pixels]:
    """The same in at most so many colours: those that change least go, for as many pixels as they have."""
    counts = np.bincount(numbers.ravel(), minlength=len(palette)).astype(float)
    points = vectors(palette).astype(float)
    apart = np.square(points[:, None] - points[None]).sum(axis=-1)
    np.fill_diagonal(apart, np.inf)
    instead = np.arange(len(palette))
    for _ in range(len(palette) - most):
        goes = int(np.nanargmin(counts * apart.min(axis=1)))
        stays = int(apart[goes].argmin())
        instead[instead == goes] = stays
        counts[stays] += counts[goes]
        counts[goes] = np.inf
        apart[goes], apart[:, goes] = np.inf, np.inf
    kept, places = np.unique(instead, return_inverse=True)
    return places.astype(np.uint8)[numbers], palette[kept]


def _painted(pixels: Pixels, numbers: Numbers, palette: Pixels, added: Pixels) -> Numbers:
    """The same with the added colours, numbered after the palette's, wherever one of them is the nearest of all."""
    olds, news = vectors(palette), vectors(added)
    painted = numbers.copy()
    for rows, wanted in _bands(pixels, numbers):
        points, now = wanted.reshape(-1, 4), numbers[rows].ravel()
        best = news[nearest_point(points, news)]
        some = np.flatnonzero(np.square(points - best).sum(axis=1) < np.square(points - olds[now]).sum(axis=1))
        found = nearest_point(points[some], np.vstack([olds, news]))
        new = found >= len(olds)
        painted[rows].ravel()[some[new]] = found[new]
    return painted
