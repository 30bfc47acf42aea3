"""JPEG: lossless by mozjpeg's scan search, lossy by mozjpeg with trellis quantisation through libvips."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

import mozjpeg_lossless_optimization as mozjpeg
from PIL import Image

from imgsvc.engine.aim import Scale, meet, through
from imgsvc.engine.apart import apart
from imgsvc.engine.budget import Limits
from imgsvc.engine.codec import Codec, Info, Offer, Pass, Picture, Work
from imgsvc.engine.pixels import decoder, inspector, opened, orientation
from imgsvc.engine.recipe import LooksLike, Lossless
from imgsvc.engine.tools import jpegtran, run
from imgsvc.engine.trial import Setting, best_of
from imgsvc.engine.vips import to_vips
from imgsvc.errors import BadPicture, TooManyPixels

SEAL = b"imgsvc "
EOI, SOS, COM, APP0, APP2, APP14, APP15 = 0xD9, 0xDA, 0xFE, 0xE0, 0xE2, 0xEE, 0xEF
# Frame headers of the processes that libjpeg knows, and where in them the number of components is.
FRAMES, COMPONENTS, INKS = (0xC0, 0xC1, 0xC2), 9, 4
# Restart markers and TEM stand alone; no segment begins with them.
MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

# Encoders write up to some dozens of scans; the specification sets no end to them.
MOST_SCANS = 500
MOST_SCANNED_PIXELS = 1_000_000_000
MOST_SEGMENTS = 50_000
MOST_SKIPPED = 65_536

# Where pictures usually reach a score, on what mozjpeg calls quality: by its quantisation table (cjpeg's
# `-quant-table`: 2 tuned for MS-SSIM, 5 Watson, Taylor and Borthwick, 8 Peterson, Ahumada and Watson) and its chroma.
GUESSES = {
    (2, True): through((60, 44), (70, 64), (80, 82), (86, 90), (90, 94)),
    (5, True): through((60, 42), (70, 63), (80, 83), (86, 91), (90, 95)),
    (8, True): through((60, 32), (70, 50), (80, 71), (86, 83), (90, 91)),
    (2, False): through((60, 40), (70, 59), (80, 78), (86, 88), (90, 93)),
    (5, False): through((60, 37), (70, 56), (80, 79), (86, 89), (90, 94)),
    (8, False): through((60, 28), (70, 46), (80, 66), (86, 79), (90, 88)),
}
HIGHEST_HALF, HIGHEST_FULL = 96, 100
SLOPE = 0.5
SCALE_QUICK = Scale(1, HIGHEST_HALF, GUESSES[2, True], SLOPE)
SCALE_NEAREST = Scale(95, 100, lambda _: 95)
NEAREST = 95.0

# From this score on 4:2:0 costs more bytes than it saves, or does not get there at all.
FULL_CHROMA_FROM = 84.0
HALF_CHROMA_UP_TO = 90.0
# Table 8 wins where little may be lost, table 5 where much may.
TABLES = ((64.0, (5, 2)), (84.0, (2, 5, 8)), (100.0, (2, 8)))
MOST_LOSSLESS_GAIN = 0.5


def sniff(data: bytes) -> bool:
    return data[:3] == b"\xff\xd8\xff"


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and whole bytes of each segment, entropy-coded data with its SOS; ends with EOI (ITU-T T.81, B.1).

    Bytes between segments that belong to none are left out, as decoders skip them.
    """
    yield from ((marker, data[start:end]) for marker, start, end in places(data))
    yield EOI, b"\xff\xd9"


def places(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, first byte and end of each segment before EOI."""
    end = 2
    while (found := MARKER.search(data, end)) and found.start() + 4 <= len(data):
        start, marker = found.start(), data[found.start() + 1]
        if marker == EOI:
            return
        end = start + 2 + struct.unpack_from(">H", data, start + 2)[0]
        if marker == SOS:
            following = NEXT_MARKER.search(data, end)
            end = following.start() if following else len(data)
        yield marker, start, end


def channels(data: bytes) -> int:
    """How many components the frame header names (ITU-T T.81, B.2.2); 0 without one."""
    headers = (segment for marker, segment in segments(data) if marker in FRAMES and len(segment) > COMPONENTS)
    return next((segment[COMPONENTS] for segment in headers), 0)


def inspect(data: bytes, limits: Limits) -> Info:
    """Sides from the header. Every scan costs a walk over the whole picture, however little it holds."""
    scans = count_scans(data)
    info = inspector("JPEG")(data, limits)
    most = min(MOST_SCANS, MOST_SCANNED_PIXELS // max(1, info.width * info.height))
    if scans > most:
        raise TooManyPixels(f"image: got {scans} scans, expected at most {most}.")
    return info


def count_scans(data: bytes) -> int:
    """How many scans there are; BadPicture for more segments, or bytes that belong to none, than any encoder writes."""
    scans = skipped = 0
    before = 2
    for number, (marker, start, end) in enumerate(places(data)):
        skipped += start - before
        before = end
        if number > MOST_SEGMENTS or skipped > MOST_SKIPPED:
            raise BadPicture("image: got more segments, or bytes outside of any, than a JPEG has.")
        scans += marker == SOS
    return scans


def strip(data: bytes) -> bytes:
    """The same pixels without metadata; the profile, Adobe's colour marker and a bare orientation tag stay."""
    head, kept = [b"\xff\xd8"], []
    for marker, segment in segments(data):
        if marker == APP0 and segment[4:9] == b"JFIF\0":
            head.append(b"\xff\xe0\0\x10" + segment[4:16] + b"\0\0")
        elif _shown(marker, segment):
            kept.append(segment)
    with opened(data, ("JPEG",)) as image:
        turn = orientation(image)
    if turn > 1:
        exif = Image.Exif()
        exif[0x0112] = turn
        body = b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0")
        head.append(b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body)
    return b"".join(head + kept)


def _shown(marker: int, segment: bytes) -> bool:
    if marker == APP2:
        return segment[4:16] == b"ICC_PROFILE\0"
    if marker == COM:
        return segment[4:].startswith(SEAL)
    return marker == APP14 or not APP0 <= marker <= APP15


def sealed(data: bytes) -> str:
    for marker, segment in segments(data):
        if marker == COM and segment[4:].startswith(SEAL):
            return segment[4 + len(SEAL) :].decode("ascii", "replace")
    return ""


def seal(data: bytes, words: str) -> bytes:
    body = SEAL + words.encode("ascii")
    # JFIF wants its APP0 right behind the start of the file.
    at = 4 + struct.unpack_from(">H", data, 4)[0] if data[2:4] == b"\xff\xe0" else 2
    return data[:at] + b"\xff\xfe" + struct.pack(">H", len(body) + 2) + body + data[at:]


def rewrite(work: Work) -> Offer | None:
    """The same coefficients in a better order: pixel-exact."""
    # Lossless work saves a tenth: where the lossy file is far smaller it cannot win.
    if work.data is None or work.least() < MOST_LOSSLESS_GAIN * len(work.data):
        return None
    plain = strip(work.data)
    # libjpeg's way with coefficients it cannot write is exit(1), which this binding has left as it is.
    smaller = apart(lambda: bytes(mozjpeg.optimize(plain, copy=mozjpeg.COPY_MARKERS.ALL)), work.budget)
    return Offer(smaller, 100.0) if smaller else None


def reorder(work: Work) -> Offer | None:
    """The same coefficients of a CMYK picture in libjpeg's own order, where mozjpeg has but one that is worse."""
    program = jpegtran()
    if work.data is None or program is None or channels(work.data) != INKS:
        return None
    data = run([program, "-copy", "all", "-optimize", "-progressive"], strip(work.data), work.budget)
    return Offer(data, 100.0) if data else None


def encode(picture: Picture, quality: int, table: int, full_chroma: bool, draft: bool = False) -> bytes:
    """mozjpeg's file with one of its quantisation tables (cjpeg's `-quant-table`), chroma at full or half size.

    A draft has the same pixels in scans of the usual order, about 2 % larger.
    """
    image = to_vips(picture.pixels[..., :1] if picture.gray else picture.pixels)
    saved: bytes = image.jpegsave_buffer(
        Q=quality,
        optimize_coding=True,
        interlace=True,
        trellis_quant=True,
        overshoot_deringing=True,
        optimize_scans=not draft,
        quant_table=table,
        subsample_mode="off" if full_chroma else "on",
        keep="none",
    )
    return saved


def quick(picture: Picture, quality: int) -> bytes:
    """libjpeg-turbo's file: no trellis, one scan, Huffman tables of its own."""
    out = BytesIO()
    pixels = picture.pixels[..., 0] if picture.gray else picture.pixels
    Image.fromarray(pixels).save(out, "JPEG", quality=SCALE_QUICK.at(quality), optimize=True)
    return out.getvalue()


def setting(table: int, half: bool, *variants: Setting) -> Setting:
    return Setting(
        f"{table} {'half' if half else 'full'}",
        lambda picture, quality: encode(picture, quality, table, not half),
        Scale(1, HIGHEST_HALF if half else HIGHEST_FULL, GUESSES[table, half], SLOPE),
        draft=lambda picture, quality: encode(picture, quality, table, not half, draft=True),
        variants=variants,
    )


FULL = {table: setting(table, half=False) for table in (2, 5, 8)}
HALF = {table: setting(table, half=True) for table in FULL}
# Full chroma instead wins on a few pictures, and is worth a try with the best table alone.
EITHER = {table: replace(HALF[table], variants=(FULL[table],)) for table in FULL}


def lossy(work: Work) -> Offer | None:
    """Chroma at half size where that is smaller or enough, at full size else; the table by trial."""
    score = work.goal.score if isinstance(work.goal, LooksLike) else 0.0
    tables = next(tables for below, tables in TABLES if score <= below)
    full = tuple(FULL[table] for table in tables)
    if work.picture.gray:
        first = tuple(HALF[table] for table in tables)
    elif score > HALF_CHROMA_UP_TO:
        first = full
    elif score >= FULL_CHROMA_FROM:
        first = tuple(HALF[table] for table in tables) + full
    else:
        first = tuple(EITHER[table] for table in tables)
    if offer := best_of(work, first):
        return offer
    last = FULL[2]
    return best_of(work, full) or meet(work, lambda quality: last.encode(work.picture, quality), last.scale)


def nearest(work: Work) -> Offer | None:
    """A conversion cannot keep every pixel in a JPEG: full chroma, at a quality whose loss nobody sees."""
    if work.data is not None or not isinstance(work.goal, Lossless):
        return None
    wanted = replace(work, goal=LooksLike(NEAREST), show=lambda _: None)
    return meet(wanted, lambda quality: encode(work.picture, quality, 2, full_chroma=True), SCALE_NEAREST)


CODEC = Codec(
    name="jpg",
    mime="image/jpeg",
    sniff=sniff,
    inspect=inspect,
    decode=decoder("JPEG"),
    passes=(
        Pass("mozjpeg", lossy, lossy=True),
        Pass("mozjpeg-lossless", rewrite),
        Pass("jpegtran", reorder, available=lambda: jpegtran() is not None),
        Pass("nearest", nearest),
    ),
    quick=quick,
    alpha=False,
    safe=strip,
    sealed=sealed,
    seal=seal,
)
