"""GIF: gifsicle rewrites frames losslessly or with noise where it compresses, cgif quantises anew."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import cache

import pyvips

from imgsvc.engine import reel
from imgsvc.engine.aim import Scale, meet
from imgsvc.engine.codec import Codec, Offer, Pass, Picture, Work
from imgsvc.engine.pixels import decoder, inspector
from imgsvc.engine.recipe import Fixed, LooksLike
from imgsvc.engine.repaint import colours, repaint
from imgsvc.engine.search import smallest
from imgsvc.engine.tools import gifsicle, run
from imgsvc.engine.vips import to_vips
from imgsvc.errors import BadPicture

SEAL = b"imgsvc "
EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B
INTERLACED = 0x40
COMMENT, APPLICATION, PLAIN_TEXT = 0xFE, 0xFF, 0x01
LOOP = (b"NETSCAPE2.0", b"ANIMEXTS1.0")

MOST_LOSSY = 200
LOSSY = Scale(0, MOST_LOSSY, lambda score: round(MOST_LOSSY - (100 - score) * 4), slope=0.2)
# libvips's palette quality for the colours of all frames; the last place leaves them as they are.
QUALITIES = (10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 95, 98, 100)
COLOURS = Scale(0, len(QUALITIES), lambda score: bisect_left(QUALITIES, score), slope=3.0)
# How many palettes get noise as well, from the smallest that reaches the promise up.
NOISED = 3
# For goals without a score: how much more noise, in gifsicle's measure, each palette gets than the next larger one.
LOSS_A_PLACE = 5
# libvips: how far a pixel may be from the last frame's to count as unchanged, from coarse to exact.
DRIFTS = (32, 16, 8, 4, 2, 0)
DRIFT = Scale(0, len(DRIFTS) - 1, lambda score: 2 if score < 80 else 4)
DRIFT_PIXELS = 40_000_000
# With more pixels to a byte there is nothing left that noise could win.
PLAIN = 512


def sniff(data: bytes) -> bool:
    return data[:6] in (b"GIF87a", b"GIF89a")


def blocks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Label and whole bytes of each part: 0 the header with the global colours, else the introducer (GIF89a)."""
    at = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    yield 0, data[:at]
    while at < len(data) and data[at] in (EXTENSION, IMAGE):
        label, start = data[at], at
        if label == IMAGE:
            flags = data[at + 9] if at + 9 < len(data) else 0
            at += 11 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
        else:
            at += 2
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
        yield label, data[start:at]
    yield TRAILER, b";"


def strip(data: bytes) -> bytes:
    """The same frames without comments, plain text and application data but the loop count; nothing after the end."""
    return b"".join(block for label, block in blocks(data) if label != EXTENSION or _shown(block))


def _shown(block: bytes) -> bool:
    if block[1] == COMMENT:
        return block[3:].startswith(SEAL)
    return block[1] != PLAIN_TEXT and (block[1] != APPLICATION or block[3:14] in LOOP)


def sealed(data: bytes) -> str:
    for label, block in blocks(data):
        if label == EXTENSION and block[1] == COMMENT and block[3:].startswith(SEAL):
            return block[3 + len(SEAL) : -1].decode("ascii", "replace")
    return ""


def seal(data: bytes, words: str) -> bytes:
    body = SEAL + words.encode("ascii")
    return data[:-1] + struct.pack("3B", EXTENSION, COMMENT, len(body)) + body + b"\0;"


def _sicle(work: Work, data: bytes, *options: str) -> bytes | None:
    program = gifsicle()
    tidy = ("--no-warnings", "--no-comments", "--no-names", "--no-extensions", "--no-interlace", "-O3")
    return run([program, *tidy, *options], data, work.budget) if program else None


def rewrite(work: Work) -> Offer | None:
    """The file's own frames, stored as their differences."""
    if work.data is None:
        return None
    plain = strip(work.data)
    made = [_sicle(work, plain)]
    if any(label == IMAGE and block[9] & INTERLACED for label, block in blocks(plain)):
        made.append(_sicle(work, plain, "--interlace"))
    return min((Offer(data) for data in made if data), key=lambda offer: len(offer.data), default=None)


def quantise(work: Work) -> Offer | None:
    """From any other source: palettes chosen by libvips, frames written by cgif, then stored by gifsicle."""
    if work.data is not None:
        return None
    plain = _from_pixels(work, 0)
    return Offer(min(plain, _sicle(work, plain) or plain, key=len))


def noise(work: Work) -> Offer | None:
    """Fewer colours for all frames, then gifsicle's lossy LZW: as much of both as the promised score allows."""
    if work.met() and work.least() * PLAIN <= _pixels(work.picture):
        return None
    base = strip(work.data) if work.data is not None else _from_pixels(work, 0)

    @cache
    def painted(x: int) -> bytes:
        return base if x == COLOURS.hi else repaint(blocks(base), colours(work.picture, QUALITIES[x]))

    def noised(x: int, loss: int) -> bytes:
        return _sicle(work, painted(x), *([f"--lossy={loss}"] if loss else [])) or base

    if not isinstance(work.goal, LooksLike):
        return meet(work, lambda x: noised(x, LOSS_A_PLACE * (COLOURS.hi - x)), COLOURS)
    fewest = _fewest(work, work.goal.score, lambda x: noised(x, 0))
    offers = []
    for x in range(fewest, min(fewest + NOISED, COLOURS.hi + 1)):
        offer = meet(work, lambda kept, x=x: noised(x, MOST_LOSSY - kept), LOSSY)  # type: ignore[misc]
        if offer is not None:
            work.show(offer)
            offers.append(offer)
        if work.budget.left < work.budget.spent:
            break
    return max(offers, key=lambda offer: offer.score or 0.0, default=None)


def _pixels(picture: Picture) -> int:
    return picture.width * picture.height * (len(picture.animation.durations) if picture.animation else 1)


def _fewest(work: Work, target: float, encode: Callable[[int], bytes]) -> int:
    """The place of the smallest palette that reaches the target by itself, or near it where time runs out."""

    def score(x: int) -> float:
        data = encode(x)
        value = work.judge(data)
        work.show(Offer(data, value))
        return value

    half = work.budget.left / 2
    lo, hi = COLOURS.lo, COLOURS.hi
    return smallest(score, target, lo, hi, COLOURS.guess(target), lambda: work.budget.left < half, COLOURS.slope).at


def drift(work: Work) -> Offer | None:
    """cgif anew, pixels that hardly change left as they were: wins on full-colour animations."""
    moving = work.picture.animation
    if moving is None or isinstance(work.goal, Fixed):
        return None
    if len(moving.durations) * work.picture.width * work.picture.height > DRIFT_PIXELS:
        return None
    return meet(work, lambda x: _from_pixels(work, DRIFTS[x]), DRIFT)


def _from_pixels(work: Work, error: int) -> bytes:
    moving = work.picture.animation
    if moving is None:
        still: bytes = to_vips(work.picture.pixels).gifsave_buffer(effort=7, dither=1.0, keep="none")
        return still
    # A lossless WebP in between lets libvips stream the frames: as raw pixels a long animation fills the memory.
    packed = reel.save(moving, "WEBP", lossless=True, quality=0, method=0)
    frames = pyvips.Image.new_from_buffer(packed, "", n=-1, access="sequential")
    if frames.get_typeof("page-height") == 0:
        raise BadPicture
    saved: bytes = frames.gifsave_buffer(
        effort=7, dither=1.0, interframe_maxerror=error, keep_duplicate_frames=True, keep="none"
    )
    return saved


CODEC = Codec(
    name="gif",
    mime="image/gif",
    sniff=sniff,
    inspect=inspector("GIF", frames=True),
    decode=decoder("GIF", frames=True),
    passes=(
        Pass("gifsicle", rewrite, available=lambda: gifsicle() is not None),
        Pass("quantise", quantise),
        Pass("gifsicle-lossy", noise, lossy=True, available=lambda: gifsicle() is not None),
        Pass("cgif", drift, lossy=True),
    ),
    animation=True,
    flat=True,
    safe=strip,
    sealed=sealed,
    seal=seal,
)
