"""GIF: gifsicle rewrites frames losslessly or with noise where it compresses, cgif quantises anew."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pyvips

from imgsvc.engine import reel
from imgsvc.engine.aim import Scale, meet
from imgsvc.engine.codec import Codec, Offer, Pass, Work
from imgsvc.engine.pixels import decoder, inspector, to_vips
from imgsvc.engine.recipe import Fixed
from imgsvc.engine.tools import gifsicle, run
from imgsvc.errors import BadPicture

SEAL = b"imgsvc "
EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B
COMMENT, APPLICATION, PLAIN_TEXT = 0xFE, 0xFF, 0x01
LOOP = (b"NETSCAPE2.0", b"ANIMEXTS1.0")

MOST_LOSSY = 200
# Below 0, where noise alone is not small enough, each step halves the number of colours.
LOSSY = Scale(-5, MOST_LOSSY, lambda score: round(MOST_LOSSY - (100 - score) * 4))
# libvips: how far a pixel may be from the last frame's to count as unchanged, from coarse to exact.
DRIFTS = (32, 16, 8, 4, 2, 0)
DRIFT = Scale(0, len(DRIFTS) - 1, lambda score: 2 if score < 80 else 4)
DRIFT_PIXELS = 40_000_000


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
    tidy = ("--no-warnings", "--no-comments", "--no-names", "--no-extensions", "-O3")
    return run([program, *tidy, *options], data, work.budget) if program else None


def rewrite(work: Work) -> Offer | None:
    """The file's own frames, stored as their differences."""
    if work.data is None:
        return None
    smaller = _sicle(work, strip(work.data))
    return Offer(smaller) if smaller else None


def quantise(work: Work) -> Offer | None:
    """From any other source: palettes chosen by libvips, frames written by cgif, then stored by gifsicle."""
    if work.data is not None:
        return None
    plain = _from_pixels(work, 0)
    return Offer(min(plain, _sicle(work, plain) or plain, key=len))


def noise(work: Work) -> Offer | None:
    """gifsicle's lossy LZW: as much noise as the promised score allows."""
    base = strip(work.data) if work.data is not None else _from_pixels(work, 0)

    def encode(x: int) -> bytes:
        colours = [f"--colors={256 >> -x}"] if x < 0 else []
        return _sicle(work, base, f"--lossy={MOST_LOSSY - max(0, x)}", *colours) or base

    return meet(work, encode, LOSSY)


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
