"""PNG: lossless by oxipng and zopfli, lossy by fewer colours; animations as APNG."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

from PIL import Image

from imgsvc.engine import reel
from imgsvc.engine.bounds import check
from imgsvc.engine.budget import Limits
from imgsvc.engine.codec import Codec, Info, Offer, Pass, Picture, Shape, Work
from imgsvc.engine.deflate import QUICK_SECONDS, quick, screened, thorough
from imgsvc.engine.pixels import decoder, inspector, opened, orientation
from imgsvc.engine.recipe import Lossless
from imgsvc.engine.shades import coarser
from imgsvc.errors import BadPicture

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# A private chunk that editors must drop when they change the picture: its last letter is upper case (PNG 3, 5.4).
SEAL = b"imGS"
SHOWN = {b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"tRNS", b"acTL", b"fcTL", b"fdAT", SEAL}
# What programs take for granted where neither is said (PNG 3, table 16): the gamma and the primaries of sRGB.
GAMMA = struct.pack(">I", 45455)
PRIMARIES = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)

# In IHDR, behind the sides (PNG 3, 11.2.1).
BIT_DEPTH_AT = 24
MOST_CHUNKS = 65_536
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel by colour type (PNG 3, table 12)."""
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row of each pass, and the steps to the next (PNG 3, 8.1)."""


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


def decode(data: bytes, shape: Shape | None) -> Picture:
    found = decoder("PNG", frames=True)(data, shape)
    return replace(found, converted=found.converted or data[BIT_DEPTH_AT] > 8)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def strip(data: bytes) -> bytes:
    """The same picture without text, times and whatever follows its end; a bare orientation tag stays."""
    kept = [SIGNATURE]
    shown = SHOWN - _plain(data)
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
        if critical or kind in shown:
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


def _plain(data: bytes) -> set[bytes]:
    """The chunks that say of the colours what holds without them: a profile overrides both, sRGB is the default."""
    said = {kind: whole[8:-4] for kind, whole in chunks(data) if kind in (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")}
    usual = said.get(b"gAMA", GAMMA) == GAMMA and said.get(b"cHRM", PRIMARIES) == PRIMARIES
    return {b"gAMA", b"cHRM"} if usual or said.keys() & {b"cICP", b"iCCP", b"sRGB"} else set()


def sealed(data: bytes) -> str:
    return next((whole[8:-4].decode("ascii", "replace") for kind, whole in chunks(data) if kind == SEAL), "")


def seal(data: bytes, words: str) -> bytes:
    end = 8 + 25
    return data[:end] + chunk(SEAL, words.encode("ascii")) + data[end:]


def rewrite(work: Work) -> Offer | None:
    """The file's own pixels, whatever their depth."""
    if work.data is None or not work.budget.allows(_pixels(work) * QUICK_SECONDS):
        return None
    return Offer(quick(trim(strip(work.data))), 100.0)


def truecolour(work: Work) -> Offer | None:
    """The decoded pixels as they are; oxipng finds the smallest colour type, where there is time for it."""
    if work.data is not None:
        return None
    if work.picture.animation:
        plain = reel.save(work.picture.animation, "PNG")
    else:
        out = BytesIO()
        Image.fromarray(work.picture.pixels).save(out, "PNG", compress_level=1)
        plain = out.getvalue()
    offer = Offer(plain, 100.0)
    if not work.budget.allows(_pixels(work) * QUICK_SECONDS):
        return offer
    work.show(offer)
    return Offer(quick(plain), 100.0)


def lossy(work: Work) -> Offer | None:
    """Fewer colours or levels of a still."""
    if work.picture.animation or not work.budget.allows(_pixels(work) * QUICK_SECONDS):
        return None
    return coarser(work, strip)


def polish(work: Work, data: bytes) -> bytes:
    """As hard as the time allows; without loss the last filters too, which take 0.1 % off for four times the time."""
    return thorough(data, _pixels(work), work.budget, every=isinstance(work.goal, Lossless))


def _pixels(work: Work) -> int:
    """Of all frames."""
    frames = len(work.picture.animation.durations) if work.picture.animation else 1
    return work.picture.width * work.picture.height * frames


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
    screen=lambda _, data: screened(data),
    safe=strip,
    sealed=sealed,
    seal=seal,
)
