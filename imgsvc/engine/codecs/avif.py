"""AVIF: lossy by aom through libavif, stills and sequences; a kept file loses its metadata and nothing else."""

from __future__ import annotations

import struct
from dataclasses import replace
from functools import partial
from io import BytesIO

import numpy as np
from PIL import AvifImagePlugin
from pillow_avif import AvifImagePlugin as PillowAvif

from imgsvc.engine import reel
from imgsvc.engine.aim import Scale, in_turn, meet, through
from imgsvc.engine.bounds import check_result
from imgsvc.engine.boxes import boxes, metadata_extents
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
# From this score on an encode of a photograph takes longer, as much again for so many points more.
CHEAP, DEARER = 75.0, 12.0
# The speed of drafts, how many points the slow file is above them, and how many times as fast its score rises: of drawn
# pictures the quickest tell too little.
DRAWN_DRAFT, PHOTO_DRAFT = (6, 0.5, 1.0), (9, 2.2, 1.0)
# How much faster the file is made that keeps a promise when there is no time for another try at the picked speed.
HURRY = 2
# Up to this many pixels every setting is searched at the picked speed.
THOROUGH_PIXELS = 10_000
# The tune leans to sharp blocks, which cost bytes at the same score.
TUNE = {"tune": "ssimulacra2", "sharpness": "0"}
# Per cent of the quality that the tune adds to flat blocks. Most pictures want little, some save a tenth by all of it.
LITTLE, ALL = 25, 100
NEAREST = QUALITY.hi
# libyuv's way to YCbCr is off by a step or two, which no quality makes up for: dark pictures lose up to 3 points by it.
# libavif takes its own, exact one where colours are to be multiplied by alpha; opaque alpha is not stored.
UNROUNDED = {"alpha_premultiplied": True}
# Drafts of a variant err by about as much. Now and then libyuv's errors and those of decoders cancel out: 5 % fewer
# bytes were seen, and 6 % more.
DOUBT = 1.015


def sniff(data: bytes) -> bool:
    if data[4:8] != b"ftyp":
        return False
    end = min(struct.unpack_from(">I", data)[0], len(data))
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))}
    return bool(brands & BRANDS)


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
    if isinstance(work.goal, LooksLike) and not drawn:
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
    settings = (gray,) if work.picture.gray else (half, full)
    search = rehearsed if rehearsing(work) and half.draft else best_of
    return search(work, settings) or meet(work, partial(settings[-1].encode, work.picture), QUALITY)


def setting(picked: int, subsampling: str, drawn: bool) -> Setting:
    """How the encoder is run at this size of chroma; variants level flat blocks, or leave YCbCr to libyuv."""
    usual, level = (_setting(picked, subsampling, drawn, levelling) for levelling in (LITTLE, ALL))
    swift = _setting(picked, subsampling, drawn, LITTLE, swift=True)
    return replace(usual, variants=(level,) if subsampling == "4:0:0" else (level, swift))


def _setting(picked: int, subsampling: str, drawn: bool, levelling: int, swift: bool = False) -> Setting:
    quick, gain, steeper = DRAWN_DRAFT if drawn else PHOTO_DRAFT

    def run(speed: int, picture: Picture, quality: int) -> bytes:
        return encode(picture, quality, speed, subsampling, levelling, swift)

    return Setting(
        f"{subsampling} {levelling}{' swift' if swift else ''}",
        partial(run, picked),
        QUALITY,
        draft=partial(run, quick) if picked < quick else None,
        gain=gain,
        steeper=steeper,
        spare=partial(run, picked + HURRY) if picked + HURRY <= SPEEDS[-1][0] else None,
        doubt=DOUBT,
    )


def encode(
    picture: Picture, quality: int, picked: int, subsampling: str, levelling: int = LITTLE, swift: bool = False
) -> bytes:
    """The file at a place on `QUALITY` and one of aom's speeds.

    `levelling` is the percentage of the quality meant for flat blocks that they get; `swift` leaves the way to YCbCr to
    libyuv.
    """
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
    reel.Sheet(pixels).save(out, "AVIF", advanced=TUNE | {"deltaq-strength": str(levelling)}, **options)
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
