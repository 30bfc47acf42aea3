"""AVIF: lossy by aom through libavif, stills and sequences; a kept file loses its metadata and nothing else."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from io import BytesIO

import numpy as np
from PIL import AvifImagePlugin
from pillow_avif import AvifImagePlugin as PillowAvif

from imgsvc.engine import reel
from imgsvc.engine.aim import Scale, in_turn, meet, through
from imgsvc.engine.bounds import check_result
from imgsvc.engine.codec import Codec, Offer, Pass, Picture, Shape, Work
from imgsvc.engine.graphics import is_graphic
from imgsvc.engine.hdr import is_hdr, to_sdr
from imgsvc.engine.pixels import decoder, inspector, picture
from imgsvc.engine.recipe import Fixed, LooksLike, Lossless
from imgsvc.engine.rehearsal import rehearsed
from imgsvc.engine.reshape import reshape
from imgsvc.engine.trial import Setting, best_of
from imgsvc.engine.vips import to_vips

# Pillow and pillow-avif-plugin both register "AVIF" and the later import wins; sorted, these leave it to the latter.
PLUGINS = (AvifImagePlugin, PillowAvif)

SEAL = b"imgsvc "
BRANDS = {b"avif", b"avis"}
QUICK_PIXELS = 1_500_000
METADATA_ITEMS = {b"Exif", b"mime"}

# aom has 64 quantizers, to which libavif rounds its qualities of 0..100: the scale counts those between the extremes.
QUANTIZERS = 63
QUALITY = Scale(1, QUANTIZERS - 1, through((50, 25), (70, 34), (80, 41), (90, 52)), slope=1.1)
# Seconds a megapixel takes at each of aom's speeds, at full chroma; a still gets the slowest that its time allows.
SPEEDS = ((2, 20.0), (3, 10.0), (4, 4.8), (5, 3.0), (6, 0.8), (8, 0.3), (10, 0.1))
# What these bring a photograph over the next faster one is half a per cent of its bytes, a drawn picture 5 to 15.
DRAWN_SPEEDS = (2, 4)
PROBES = 6
# Encodes that a search by way of drafts comes to, drafts included, over the share of the time that it may take.
REHEARSED = 3.4
# From this score on an encode takes longer, as much again for so many points more.
CHEAP, DEARER = 75.0, 12.0
# The speed of drafts, how many points the slow file is above them, and how many times as fast its score rises: of drawn
# pictures the quickest tell too little.
DRAWN_DRAFT, PHOTO_DRAFT = (6, 0.5, 1.0), (9, 2.2, 1.0)
# How much faster the file is made that keeps a promise when there is no time for another try at the picked speed.
HURRY = 2
# Up to this many pixels every setting is searched at the picked speed.
THOROUGH_PIXELS = 10_000
# The tune leans to sharp blocks, and to more quality where a block is flat; both cost bytes at the same score.
TUNE = {"tune": "ssimulacra2", "sharpness": "0", "deltaq-strength": "25"}
NEAREST = QUALITY.hi
# Above this score 4:2:0 costs more bytes than it saves, or does not get there at all.
HALF_CHROMA_UP_TO = 88.0
# libyuv's way to YCbCr is off by a step or two, which no quality makes up for: dark pictures lose up to 3 points by it.
# libavif takes its own, exact one where colours are to be multiplied by alpha; opaque alpha is not stored.
UNROUNDED = {"alpha_premultiplied": True}
# Now and then libyuv's errors and those of decoders cancel out: 5 % fewer bytes were seen, and 6 % more.
SWIFT_DOUBT = 1.01


def sniff(data: bytes) -> bool:
    if data[4:8] != b"ftyp":
        return False
    end = min(struct.unpack_from(">I", data)[0], len(data))
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))}
    return bool(brands & BRANDS)


def boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, first byte of the body and end of each box in this stretch (ISO/IEC 14496-12, 4.2)."""
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if size == 1 and at + 16 <= end:
            size, body = struct.unpack_from(">Q", data, at + 8)[0], at + 16
        stop = end if size == 0 else at + size
        if stop < body or stop > end:
            return
        yield kind, body, stop
        at = stop


def metadata_extents(data: bytes) -> list[tuple[int, int]]:
    """First byte and length of every stretch that holds EXIF or XMP (ISO/IEC 14496-12, 8.11.3 and 8.11.6)."""
    top = {kind: (body, stop) for kind, body, stop in boxes(data, 0, len(data))}
    if b"meta" not in top:
        return []
    body, stop = top[b"meta"]
    inner = {kind: (first, last) for kind, first, last in boxes(data, body + 4, stop)}
    if b"iinf" not in inner or b"iloc" not in inner:
        return []
    wanted = _metadata_ids(data, *inner[b"iinf"])
    return [(start, size) for item, start, size in _locations(data, *inner[b"iloc"]) if item in wanted]


def _metadata_ids(data: bytes, body: int, stop: int) -> set[int]:
    ids = set()
    counted = 2 if data[body] == 0 else 4
    for kind, first, _ in boxes(data, body + 4 + counted, stop):
        version = data[first]
        if kind == b"infe" and version >= 2:
            wide = 4 if version == 3 else 2
            item_type = data[first + 6 + wide : first + 10 + wide]
            if item_type in METADATA_ITEMS:
                ids.add(int.from_bytes(data[first + 4 : first + 4 + wide], "big"))
    return ids


def _locations(data: bytes, body: int, stop: int) -> Iterator[tuple[int, int, int]]:
    version = data[body]
    offset_size, length_size = data[body + 4] >> 4, data[body + 4] & 15
    base_size, index_size = data[body + 5] >> 4, data[body + 5] & 15 if version else 0
    at = body + 6

    def number(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(data[at - size : at], "big")

    for _ in range(number(4 if version == 2 else 2)):
        if at >= stop:
            return
        item = number(4 if version == 2 else 2)
        in_file = version == 0 or number(2) & 15 == 0
        number(2)
        base = number(base_size)
        for _ in range(number(2)):
            number(index_size)
            start, size = base + number(offset_size), number(length_size)
            if in_file:
                yield item, start, size


def strip(data: bytes) -> bytes:
    """The same picture with EXIF and XMP blanked in place, which moves no offset, and nothing behind its last box."""
    end = max((stop for _, _, stop in boxes(data, 0, len(data))), default=len(data))
    blank = bytearray(data[:end])
    for start, size in metadata_extents(data):
        if start + size <= end:
            blank[start : start + size] = bytes(size)
    return bytes(blank)


def sealed(data: bytes) -> str:
    for kind, body, stop in boxes(data, 0, len(data)):
        if kind == b"free" and data[body:stop].startswith(SEAL):
            return data[body + len(SEAL) : stop].decode("ascii", "replace")
    return ""


def seal(data: bytes, words: str) -> bytes:
    body = SEAL + words.encode("ascii")
    return data + struct.pack(">I4s", 8 + len(body), b"free") + body


def decode(data: bytes, shape: Shape | None) -> Picture:
    read = decoder("AVIF", frames=True)
    if not is_hdr(data):
        return read(data, shape)
    found = read(data, None)
    if found.animation:
        return read(data, shape)
    # A background is meant for an ordinary screen.
    shape = shape or Shape()
    shown = to_sdr(found.pixels, data)
    check_result((found.width, found.height), 1, shape)
    made = reshape(shown, shape)
    return replace(picture(made), reshaped=made is not shown, converted=True)


def speed(work: Work, drawn: bool = False) -> int:
    """The slowest of aom's speeds that the time allows, two of which are for drawn pictures alone."""
    moving = work.picture.animation
    frames = len(moving.durations) if moving else 1
    # Frames of a sequence are predicted from one another and cost less than stills.
    share = 0.3 if moving else 1.0
    probes = REHEARSED if rehearsing(work) or isinstance(work.goal, Fixed) else PROBES
    megapixels = work.picture.width * work.picture.height * frames / 1e6
    if isinstance(work.goal, LooksLike):
        share *= 1 + max(0.0, work.goal.score - CHEAP) / DEARER
    for step, seconds in SPEEDS:
        if (drawn or step not in DRAWN_SPEEDS) and work.budget.allows(probes * seconds * share * megapixels):
            return step
    return SPEEDS[-1][0]


def rehearsing(work: Work) -> bool:
    """Whether the picture is large enough for drafts to be worth their time."""
    pixels = work.picture.width * work.picture.height
    return isinstance(work.goal, LooksLike) and not work.picture.animation and pixels > THOROUGH_PIXELS


def lossy(work: Work) -> Offer | None:
    """Chroma at half or at full size, whichever is smaller; for goals without a score half, unless it is not enough."""
    if work.data is not None and is_hdr(work.data):
        return None
    drawn = not work.picture.animation and is_graphic(work.picture.pixels)
    picked = speed(work, drawn)
    half, full, gray = (setting(picked, subsampling, drawn) for subsampling in ("4:2:0", "4:4:4", "4:0:0"))
    if work.picture.animation:
        return in_turn(work, *(lambda s=s: meet(work, partial(s.encode, work.picture), s.scale) for s in (half, full)))
    promised = work.goal.score if isinstance(work.goal, LooksLike) else 0.0
    settings = (gray,) if work.picture.gray else (full,) if promised > HALF_CHROMA_UP_TO else (half, full)
    search = rehearsed if rehearsing(work) and half.draft else best_of
    return search(work, settings) or meet(work, partial(settings[-1].encode, work.picture), QUALITY)


def setting(picked: int, subsampling: str, drawn: bool) -> Setting:
    """How the encoder is run at this size of chroma; the variant leaves the way to YCbCr to libyuv."""
    exact, swift = (_setting(picked, subsampling, drawn, swift) for swift in (False, True))
    return exact if subsampling == "4:0:0" else replace(exact, variant=swift)


def _setting(picked: int, subsampling: str, drawn: bool, swift: bool) -> Setting:
    quick, gain, steeper = DRAWN_DRAFT if drawn else PHOTO_DRAFT

    def run(speed: int, picture: Picture, quality: int) -> bytes:
        return encode(picture, quality, speed, subsampling, swift)

    return Setting(
        f"{subsampling}{' swift' if swift else ''}",
        partial(run, picked),
        QUALITY,
        draft=partial(run, quick) if picked < quick else None,
        gain=gain,
        steeper=steeper,
        spare=partial(run, picked + HURRY) if picked + HURRY <= SPEEDS[-1][0] else None,
        doubt=SWIFT_DOUBT if swift else 1.0,
    )


def encode(picture: Picture, quality: int, picked: int, subsampling: str, swift: bool = False) -> bytes:
    """The file at a place on `QUALITY` and one of aom's speeds; `swift` leaves the way to YCbCr to libyuv."""
    options = {
        "codec": "aom",
        "speed": picked,
        "max_threads": 1,
        "subsampling": subsampling,
        "autotiling": False,
        "quality": round(100 * quality / QUANTIZERS),
    }
    if picture.animation:
        return reel.save(picture.animation, "AVIF", **options)
    out = BytesIO()
    pixels = picture.pixels[..., 0] if picture.gray else picture.pixels
    if pixels.shape[2:] == (3,) and not swift:
        pixels = np.dstack((pixels, np.full_like(pixels[..., 0], 255)))
        options |= UNROUNDED
    reel.Sheet(pixels).save(out, "AVIF", advanced=TUNE, **options)
    return out.getvalue()


def quick(picture: Picture, quality: int) -> bytes:
    """aom at speed 8, and at its fastest where the picture is large."""
    pixels = picture.width * picture.height * (len(picture.animation.durations) if picture.animation else 1)
    return encode(
        picture, QUALITY.at(quality), 8 if pixels <= QUICK_PIXELS else 10, "4:0:0" if picture.gray else "4:2:0"
    )


def exact(work: Work) -> Offer | None:
    """A conversion that keeps every pixel: identity matrix, full chroma."""
    if work.data is not None or not isinstance(work.goal, Lossless) or work.picture.animation:
        return None
    saved = to_vips(work.picture.pixels).heifsave_buffer(compression="av1", lossless=True, effort=4, keep="none")
    return Offer(saved)


def nearest(work: Work) -> Offer | None:
    """No encoder here writes a lossless sequence; this is the least loss there is."""
    if work.data is not None or not isinstance(work.goal, Lossless) or not work.picture.animation:
        return None
    return Offer(encode(work.picture, NEAREST, speed(work), "4:4:4"))


CODEC = Codec(
    name="avif",
    mime="image/avif",
    sniff=sniff,
    inspect=inspector("AVIF", frames=True),
    decode=decode,
    passes=(
        Pass("lossless", exact),
        Pass("nearest", nearest),
        Pass("aom", lossy, lossy=True),
    ),
    quick=quick,
    animation=True,
    safe=strip,
    sealed=sealed,
    seal=seal,
)
