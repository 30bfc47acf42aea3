"""WebP: lossy with sharp chroma, near-lossless for graphics, lossless; animations frame by frame."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from functools import partial
from io import BytesIO

from PIL import Image

from imgsvc.engine import reel
from imgsvc.engine.aim import Scale, meet, through
from imgsvc.engine.bounds import check
from imgsvc.engine.budget import Limits
from imgsvc.engine.codec import Codec, Info, Offer, Pass, Picture, Work
from imgsvc.engine.graphics import is_graphic
from imgsvc.engine.pixels import decoder, inspector, opened, orientation
from imgsvc.engine.recipe import LooksLike, Lossless
from imgsvc.engine.trial import Setting, best_of
from imgsvc.engine.vips import to_vips
from imgsvc.errors import BadPicture

SEAL = b"iSVC"
# Chunks that are no frames.
MOST_CHUNKS = 1000
LOSSY_FRAME = (b"VP8 ", b"ALPH")
ALPHA, EXIF, XMP = 0x10, 0x08, 0x04

LOSSY = Scale(0, 100, through((55, 38), (67, 62), (76, 80), (86, 92), (94, 99)), slope=0.75)
# libwebp's near-lossless levels: 100 keeps everything, each 20 less drops one more low bit where it is unseen.
NEAR_LEVELS = (0, 20, 40, 60, 80)
NEAR = Scale(0, len(NEAR_LEVELS) - 1, lambda score: 0 if score < 85 else 2)
# Quality and method of a lossless file made in a hurry; the least shares of its bytes that a thorough one takes and a
# near-lossless one; and the bytes a pixel below which the lossless file of a drawing often beats lossy ones.
QUICK = (20, 1)
LOSSLESS_SHARE, NEAR_SHARE = 0.5, 0.33
EASY = 0.1
SECONDS_A_PIXEL = 5e-6
SMALL_PIXELS = 64 * 64
# What telling the modes of one macroblock takes at least, whatever it shows, as a key frame's probabilities of them are
# fixed (RFC 6386, 11.2). DC_PRED for luma is 1.21 + 0.71 + 0.65 bits, all others are more; DC_PRED for chroma is 0.85.
MACROBLOCK, MACROBLOCK_BITS = 16, 3.4
# At method 6 and an alpha quality of 100 libwebp tries every way to pack the alpha plane: it takes twenty to fifty
# times as long as all else, and mostly saves 1-2 % of the plane, seldom a tenth. With 99 it does not, and keeps planes
# of up to 248 levels as they are, others within 1 of 255. What packing hard takes at most for planes of so many bytes,
# and the share of the file from which on such a plane is worth it.
QUICK_ALPHA, HARD_ALPHA = 99, 100
HARD_SECONDS, HARD_SECONDS_A_PIXEL = 4.0, 12e-6
HARD_BYTES, HARD_SHARE = 32_768, 0.1


def sniff(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """FourCC and body of each chunk of the container."""
    at, end = 12, min(len(data), 8 + struct.unpack_from("<I", data, 4)[0])
    while at + 8 <= end:
        size = struct.unpack_from("<I", data, at + 4)[0]
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + (size & 1)


def container(parts: list[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(part)) + part + b"\0" * (len(part) & 1) for kind, part in parts)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def canvas(data: bytes) -> Info:
    """Sides as the first chunk tells them, before libwebp sets memory aside for the canvas (RFC 9649, 2)."""
    kind, body = next(chunks(data), (b"", b""))
    if kind == b"VP8X" and len(body) >= 10:
        width = 1 + int.from_bytes(body[4:7], "little")
        return Info(width, 1 + int.from_bytes(body[7:10], "little"))
    if kind == b"VP8 " and len(body) >= 10:
        width, height = struct.unpack_from("<HH", body, 6)
        return Info(width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L" and len(body) >= 5:
        bits = int.from_bytes(body[1:5], "little")
        return Info(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    raise BadPicture


def inspect(data: bytes, limits: Limits) -> Info:
    first = canvas(data)
    check(first, limits)
    shown = 0
    for number, (kind, _) in enumerate(chunks(data)):
        shown += kind == b"ANMF"
        if number - shown > MOST_CHUNKS:
            raise BadPicture(f"image: got a WebP of over {MOST_CHUNKS} chunks besides its frames, expected fewer.")
    check(Info(first.width, first.height, max(1, shown)), limits)
    return inspector("WEBP", frames=True)(data, limits)


def strip(data: bytes) -> bytes:
    """The same picture without EXIF, XMP and unknown chunks; the profile and a bare orientation tag stay."""
    known = {b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L", SEAL}
    parts = [(kind, body) for kind, body in chunks(data) if kind in known]
    if parts[0][0] != b"VP8X":
        return container(parts[:1])
    flags = parts[0][1][0] & ~(EXIF | XMP)
    with opened(data, ("WEBP",)) as image:
        turn = orientation(image)
    if turn > 1:
        exif = Image.Exif()
        exif[0x0112] = turn
        parts.append((b"EXIF", exif.tobytes().removeprefix(b"Exif\0\0")))
        flags |= EXIF
    parts[0] = (b"VP8X", bytes([flags]) + parts[0][1][1:])
    return container(parts)


def sealed(data: bytes) -> str:
    return next((body.decode("ascii", "replace") for kind, body in chunks(data) if kind == SEAL), "")


def seal(data: bytes, words: str) -> bytes:
    parts = list(chunks(data))
    if parts[0][0] != b"VP8X":
        info = canvas(data)
        has_alpha = parts[0][0] == b"VP8L" and bool(parts[0][1][4] & 0x10)
        sides = (info.width - 1).to_bytes(3, "little") + (info.height - 1).to_bytes(3, "little")
        parts.insert(0, (b"VP8X", bytes([ALPHA if has_alpha else 0, 0, 0, 0]) + sides))
    return container([*parts, (SEAL, words.encode("ascii"))])


def exact(work: Work) -> Offer | None:
    """Every pixel, also the colours under full transparency; for a lossy goal where that promises to be small."""
    if work.data is not None:
        wanted = not work.picture.converted and not _is_lossy(work.data)
    else:
        wanted = isinstance(work.goal, Lossless) or (_drawn(work) and _quick(work) <= EASY * _pixels(work))
    return Offer(_lossless(work), 100.0) if wanted else None


def last(work: Work) -> Offer | None:
    """Every pixel where nothing less keeps the promise, or takes fewer bytes."""
    if work.data is not None or isinstance(work.goal, Lossless):
        return None
    if work.met() and not (_drawn(work) and EASY * _pixels(work) < _quick(work) < work.least() / LOSSLESS_SHARE):
        return None
    return Offer(_lossless(work), 100.0)


def _quick(work: Work) -> int:
    """Bytes of a lossless file made in a hurry."""
    return len(_compressed(work.picture, *QUICK))


def _pixels(work: Work) -> int:
    return work.picture.width * work.picture.height


def _lossless(work: Work) -> bytes:
    if work.picture.animation:
        return reel.save(work.picture.animation, "WEBP", lossless=True, quality=60, method=4)
    hard = work.budget.allows(_pixels(work) * SECONDS_A_PIXEL)
    return _compressed(work.picture, *((90, 6) if hard else (75, 4)))


def _compressed(picture: Picture, effort: int, method: int) -> bytes:
    out = BytesIO()
    Image.fromarray(picture.pixels).save(out, "WEBP", lossless=True, exact=True, quality=effort, method=method)
    return out.getvalue()


def near(work: Work) -> Offer | None:
    """Low bits dropped where nobody sees them: for drawn pictures, whose edges the lossy mode spoils."""
    if work.picture.animation or (work.met() and not _drawn(work)):
        return None
    if work.met() and NEAR_SHARE * _quick(work) > work.least():
        return None
    image = to_vips(work.picture.pixels)
    return meet(
        work,
        lambda level: image.webpsave_buffer(near_lossless=True, Q=NEAR_LEVELS[level], effort=4, keep="none"),
        NEAR,
    )


def lossy(work: Work) -> Offer | None:
    if work.picture.animation:
        animation = work.picture.animation
        return meet(work, lambda quality: reel.save(animation, "WEBP", quality=quality, method=4), LOSSY)
    if work.met() and work.least() <= _least_lossy(work.picture):
        return None
    found = best_of(work, SETTINGS) if isinstance(work.goal, LooksLike) else None
    found = found or meet(work, partial(DEBLOCKED.encode, work.picture), DEBLOCKED.scale)
    return _packed(work, found) if found and work.picture.alpha else found


def _least_lossy(picture: Picture) -> float:
    """Bytes below which no lossy still of this size stays."""
    return MACROBLOCK_BITS / 8 * math.ceil(picture.width / MACROBLOCK) * math.ceil(picture.height / MACROBLOCK)


def _packed(work: Work, offer: Offer) -> Offer:
    """The same colours with an alpha plane that is packed as hard as it goes, where that is of use."""
    parts = list(chunks(offer.data))
    size, plane = len(offer.data), len(dict(parts).get(b"ALPH", b""))
    worth = HARD_SHARE * size <= plane <= HARD_BYTES and not (work.met() and size - HARD_SHARE * plane > work.least())
    if not worth or not work.budget.allows(min(HARD_SECONDS, _pixels(work) * HARD_SECONDS_A_PIXEL)):
        return offer
    # The plane is packed the same whatever becomes of the colours.
    hard = dict(chunks(_plain(work.picture, 0, HARD_ALPHA)))[b"ALPH"]
    if len(hard) >= plane:
        return offer
    data = container([(kind, hard if kind == b"ALPH" else body) for kind, body in parts])
    score = None if offer.score is None else work.judge(data)
    return Offer(data, score) if score is None or score >= (offer.score or 0.0) else offer


def encode(picture: Picture, quality: int, sharp: bool, deblock: bool) -> bytes:
    """libwebp at its slowest; `sharp` samples chroma for sharp edges, `deblock` tries the filter's strengths."""
    if not sharp and not deblock:
        return _plain(picture, quality, QUICK_ALPHA)
    saved: bytes = to_vips(picture.pixels).webpsave_buffer(
        Q=quality, effort=6, alpha_q=QUICK_ALPHA, smart_subsample=sharp, smart_deblock=deblock, keep="none"
    )
    return saved


def _plain(picture: Picture, quality: int, alpha_quality: int) -> bytes:
    out = BytesIO()
    Image.fromarray(picture.pixels).save(out, "WEBP", quality=quality, method=6, alpha_quality=alpha_quality)
    return out.getvalue()


def setting(sharp: bool, deblock: bool, twin: Setting | None = None) -> Setting:
    name = f"{'sharp' if sharp else 'plain'}{' deblocked' if deblock else ''}"
    return Setting(name, lambda picture, quality: encode(picture, quality, sharp, deblock), LOSSY, twin=twin)


def quick(picture: Picture, quality: int) -> bytes:
    """libwebp's method 2: 2-3 % more bytes at the same score than its default 4, in half the time."""
    if picture.animation:
        return reel.save(picture.animation, "WEBP", quality=LOSSY.at(quality), method=2)
    out = BytesIO()
    Image.fromarray(picture.pixels).save(out, "WEBP", quality=LOSSY.at(quality), method=2)
    return out.getvalue()


# The deblocking filter's strength changes a few bits of the file, and takes three times as long to find as all else.
DEBLOCKED = setting(sharp=True, deblock=True)
SETTINGS = (
    setting(sharp=False, deblock=False, twin=setting(sharp=False, deblock=True)),
    setting(sharp=True, deblock=False, twin=DEBLOCKED),
)


def _is_lossy(data: bytes) -> bool:
    return any(kind == b"VP8 " or (kind == b"ANMF" and body[16:20] in LOSSY_FRAME) for kind, body in chunks(data))


def _drawn(work: Work) -> bool:
    # A lossless file of a photo is several times larger than any lossy one: it would only take time.
    small = _pixels(work) <= SMALL_PIXELS
    return work.picture.animation is None and (small or is_graphic(work.picture.pixels))


CODEC = Codec(
    name="webp",
    mime="image/webp",
    sniff=sniff,
    inspect=inspect,
    decode=decoder("WEBP", frames=True),
    passes=(
        Pass("lossless", exact),
        Pass("lossy", lossy, lossy=True),
        Pass("near-lossless", near, lossy=True),
        Pass("last", last),
    ),
    quick=quick,
    animation=True,
    lossless=True,
    safe=strip,
    sealed=sealed,
    seal=seal,
)
