"""PNG: lossless by oxipng (with zopfli for small files), lossy by a searched palette; animations as APNG."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

import numpy as np
import oxipng
from PIL import Image

from imgsvc.engine import reel
from imgsvc.engine.aim import Scale, meet, sweep
from imgsvc.engine.budget import Limits
from imgsvc.engine.codec import Codec, Info, Offer, Pass, Picture, Pixels, Work
from imgsvc.engine.pixels import check, decoder, inspector, opened, orientation, to_vips
from imgsvc.engine.recipe import LooksLike, Resize
from imgsvc.errors import BadPicture

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# A private chunk that editors must drop when they change the picture: its last letter is upper case (PNG 3, 5.4).
SEAL = b"imGS"
SHOWN = {b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"sBIT", b"tRNS", b"acTL", b"fcTL", b"fdAT", SEAL}

# In IHDR, behind the sides (PNG 3, 11.2.1).
BIT_DEPTH_AT = 24
MOST_CHUNKS = 65_536
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel by colour type (PNG 3, table 12)."""
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row of each pass, and the steps to the next (PNG 3, 8.1)."""

# In steps of 5 of it, for its files do not shrink evenly; where that is quick all of them are tried.
PALETTE_STEP = 5
# libvips's palette quality: 100 takes all 256 colours, lower ones as many as the error allows.
PALETTE = Scale(1, 100 // PALETTE_STEP, lambda score: round(score / PALETTE_STEP), slope=3.0)
SWEPT_PIXELS = 40_000
# A palette file above this share of the lossless one may lose against fewer levels.
WORTH_BOTH = 0.3
# Rounding steps, negative so that a larger number looks better.
STEPS = Scale(-32, -2, lambda score: -max(2, round(10 - (score - 70) / 3.5)), slope=3.5)
# oxipng's levels: a pass gets the quick one, only the winner the thorough one.
QUICK, THOROUGH = 2, 4
SECONDS_A_PIXEL = 5e-6
ZOPFLI_PIXELS, ZOPFLI_ROUNDS, ZOPFLI_SECONDS = 16_384, 15, 5.0
FILTERS = [oxipng.RowFilter.Brute]
KEEP = oxipng.StripChunks.none()


def sniff(data: bytes) -> bool:
    return data.startswith(SIGNATURE)


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and whole bytes of each chunk up to IEND."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        size = struct.unpack_from(">I", data, at)[0]
        kind = data[at + 4 : at + 8]
        yield kind, data[at : at + 12 + size]
        if kind == b"IEND":
            return
        at += 12 + size


def inspect(data: bytes, limits: Limits) -> Info:
    """Sides and frames as the header tells them, and no more frames in the file than the limits allow."""
    shown = 0
    for number, (kind, _) in enumerate(chunks(data)):
        shown += kind == b"fcTL"
        if number > MOST_CHUNKS:
            raise BadPicture(f"image: got a PNG of over {MOST_CHUNKS} chunks, expected fewer.")
    info = inspector("PNG", frames=True)(data, limits)
    check(Info(info.width, info.height, max(1, shown)), limits)
    return info


def decode(data: bytes, box: Resize | None) -> Picture:
    found = decoder("PNG", frames=True)(data, box)
    return replace(found, converted=found.converted or data[BIT_DEPTH_AT] > 8)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def strip(data: bytes) -> bytes:
    """The same picture without text, times and whatever follows its end; a bare orientation tag stays."""
    kept = [SIGNATURE]
    turn = 1
    if any(kind == b"eXIf" for kind, _ in chunks(data)):
        with opened(data, ("PNG",)) as image:
            turn = orientation(image)
    for kind, whole in chunks(data):
        critical = not kind[0] & 0x20
        if kind == b"IDAT" and turn > 1:
            exif = Image.Exif()
            exif[0x0112] = turn
            kept.append(chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")))
            turn = 1
        if critical or kind in SHOWN:
            kept.append(whole)
    return b"".join(kept)


def trim(data: bytes) -> bytes:
    """The same picture without packed rows beyond its last, which decoders pass over; untouched where it has none."""
    width, height, depth, colour, _, _, interlace = struct.unpack_from(">IIBBBBB", data, len(SIGNATURE) + 8)
    bits = depth * CHANNELS.get(colour, 1)
    size = sum((1 + (w * bits + 7) // 8) * h for w, h in _passes(width, height, interlace) if w and h)
    kept = list(chunks(data))
    unpacker = zlib.decompressobj()
    rows = unpacker.decompress(b"".join(whole[8:-4] for kind, whole in kept if kind == b"IDAT"), size + 1)
    if len(rows) <= size:
        return data
    first = next(number for number, (kind, _) in enumerate(kept) if kind == b"IDAT")
    packed = chunk(b"IDAT", zlib.compress(rows[:size]))
    around = [whole for kind, whole in kept[first:] if kind != b"IDAT"]
    return b"".join([SIGNATURE, *(whole for _, whole in kept[:first]), packed, *around])


def _passes(width: int, height: int, interlace: int) -> list[tuple[int, int]]:
    """Width and height of each reduced picture that a PNG is made of (PNG 3, 8.1)."""
    if not interlace:
        return [(width, height)]
    return [(-(-(width - x) // right), -(-(height - y) // down)) for x, y, right, down in ADAM7]


def sealed(data: bytes) -> str:
    return next((whole[8:-4].decode("ascii", "replace") for kind, whole in chunks(data) if kind == SEAL), "")


def seal(data: bytes, words: str) -> bytes:
    end = 8 + 25
    return data[:end] + chunk(SEAL, words.encode("ascii")) + data[end:]


def rewrite(work: Work) -> Offer | None:
    """The file's own pixels, whatever their depth."""
    if work.data is None:
        return None
    return Offer(oxipng.optimize_from_memory(trim(strip(work.data)), level=QUICK, strip=KEEP), 100.0)


def truecolour(work: Work) -> Offer | None:
    """The decoded pixels as they are; oxipng finds the smallest colour type."""
    if work.data is not None:
        return None
    if work.picture.animation:
        plain = reel.save(work.picture.animation, "PNG")
    else:
        out = BytesIO()
        Image.fromarray(work.picture.pixels).save(out, "PNG", compress_level=1)
        plain = out.getvalue()
    return Offer(oxipng.optimize_from_memory(plain, level=QUICK, strip=KEEP), 100.0)


def lossy(work: Work) -> Offer | None:
    """A palette; fewer levels a channel where 256 colours fall short, or save too little to be sure of."""
    if work.picture.animation:
        return None
    lossless = work.least()
    few = palette(work)
    if few is None or not isinstance(work.goal, LooksLike):
        return few
    enough = (few.score or 0.0) >= work.goal.score and len(few.data) < WORTH_BOTH * lossless
    if enough and not _quick(work):
        return few
    work.show(few)
    return levels(work)


def palette(work: Work) -> Offer | None:
    """At most 256 colours, error-diffused: as few as the promised score allows."""
    image = to_vips(work.picture.pixels)

    def encode(x: int) -> bytes:
        saved: bytes = image.pngsave_buffer(
            palette=True, Q=x * PALETTE_STEP, effort=7, dither=1.0, compression=6, keep="none"
        )
        return strip(saved)

    found = meet(work, encode, PALETTE)
    if isinstance(work.goal, LooksLike) and _quick(work):
        sweep(work, encode, PALETTE)
    return found


def _quick(work: Work) -> bool:
    return work.picture.width * work.picture.height <= SWEPT_PIXELS


def levels(work: Work) -> Offer | None:
    """Every channel rounded to multiples of one step: neighbours become equal, and all differences divisible.

    A step that does not divide evenly would make differences of two kinds, and files a tenth larger.
    """
    pixels = work.picture.pixels

    def encode(x: int) -> bytes:
        coarse = np.array(pixels)
        coarse[..., :3] = _rounded(-x)[pixels[..., :3]]
        out = BytesIO()
        Image.fromarray(coarse).save(out, "PNG", compress_level=6)
        plain = out.getvalue()
        return oxipng.optimize_from_memory(plain, level=QUICK, strip=KEEP) if _quick(work) else plain

    found = meet(work, encode, STEPS)
    if isinstance(work.goal, LooksLike) and _quick(work):
        sweep(work, encode, STEPS)
    return found and Offer(oxipng.optimize_from_memory(found.data, level=QUICK, strip=KEEP), found.score)


def _rounded(step: int) -> Pixels:
    values = np.arange(256)
    nearest = np.minimum(np.round(values / step) * step, 255)
    # White stays white, whatever the step.
    nearest[values > 255 - step / 2] = 255
    return nearest.astype(np.uint8)


def polish(work: Work, data: bytes) -> bytes:
    """Every filter and, for small pictures, zopfli: as hard as the time allows."""
    pixels = work.picture.width * work.picture.height
    if work.picture.animation or not work.budget.allows(pixels * SECONDS_A_PIXEL):
        return data
    best = min(data, oxipng.optimize_from_memory(data, level=THOROUGH, strip=KEEP), key=len)
    if pixels <= ZOPFLI_PIXELS and work.budget.allows(ZOPFLI_SECONDS):
        zopfli = oxipng.Deflaters.zopfli(ZOPFLI_ROUNDS)
        best = min(
            best, oxipng.optimize_from_memory(best, level=0, filter=FILTERS, strip=KEEP, deflate=zopfli), key=len
        )
    return best


CODEC = Codec(
    name="png",
    mime="image/png",
    sniff=sniff,
    inspect=inspect,
    decode=decode,
    passes=(
        Pass("oxipng", rewrite),
        Pass("truecolour", truecolour),
        Pass("coarser", lossy, lossy=True),
    ),
    animation=True,
    lossless=True,
    flat=True,
    polish=polish,
    safe=strip,
    sealed=sealed,
    seal=seal,
)
