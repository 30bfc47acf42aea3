"""JPEG: lossless by mozjpeg's scan search, lossy by mozjpeg with trellis quantisation through libvips."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import replace

import mozjpeg_lossless_optimization as mozjpeg
from PIL import Image

from imgsvc.engine.aim import Scale, in_turn, meet
from imgsvc.engine.codec import Codec, Offer, Pass, Work
from imgsvc.engine.pixels import decoder, inspector, opened, orientation, to_vips
from imgsvc.engine.recipe import LooksLike, Lossless

SEAL = b"imgsvc "
EOI, SOS, COM, APP0, APP2, APP14, APP15 = 0xD9, 0xDA, 0xFE, 0xE0, 0xE2, 0xEE, 0xEF
NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

# What libjpeg-turbo and mozjpeg call quality; 420 stands for chroma at half size.
SCALE_420 = Scale(5, 96, lambda score: round(30 + (score - 40) * 1.0))
SCALE_444 = Scale(5, 100, lambda score: round(28 + (score - 40) * 1.0))
SCALE_NEAREST = Scale(95, 100, lambda _: 95)
NEAREST = 95.0

# From this score on 4:2:0 costs more bytes than it saves, or does not get there at all.
FULL_CHROMA_FROM = 84.0
HALF_CHROMA_UP_TO = 90.0


def sniff(data: bytes) -> bool:
    return data[:3] == b"\xff\xd8\xff"


def segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and whole bytes of each segment, entropy-coded data with its SOS; ends with EOI (ITU-T T.81, B.1)."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if marker == SOS:
            following = NEXT_MARKER.search(data, end)
            end = following.start() if following else len(data)
        if marker == EOI:
            break
        yield marker, data[at:end]
        at = end
    yield EOI, b"\xff\xd9"


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
    if work.data is None:
        return None
    return Offer(mozjpeg.optimize(strip(work.data), copy=mozjpeg.COPY_MARKERS.ALL), 100.0)


def encode(work: Work, quality: int, full_chroma: bool) -> bytes:
    image = to_vips(work.picture.pixels[..., :1] if work.picture.gray else work.picture.pixels)
    saved: bytes = image.jpegsave_buffer(
        Q=quality,
        optimize_coding=True,
        interlace=True,
        trellis_quant=True,
        overshoot_deringing=True,
        optimize_scans=True,
        quant_table=3,
        subsample_mode="off" if full_chroma else "on",
        keep="none",
    )
    return saved


def lossy(work: Work) -> Offer | None:
    """Chroma at half size where that reaches the promised score, at full size else, and both in between."""
    score = work.goal.score if isinstance(work.goal, LooksLike) else 0.0

    def half() -> Offer | None:
        return meet(work, lambda quality: encode(work, quality, full_chroma=False), SCALE_420)

    def full() -> Offer | None:
        return meet(work, lambda quality: encode(work, quality, full_chroma=True), SCALE_444)

    if work.picture.gray:
        return half()
    if score < FULL_CHROMA_FROM:
        return in_turn(work, half, full)
    if score <= HALF_CHROMA_UP_TO and (offer := half()):
        work.show(offer)
    return full()


def nearest(work: Work) -> Offer | None:
    """A conversion cannot keep every pixel in a JPEG: full chroma, at a quality whose loss nobody sees."""
    if work.data is not None or not isinstance(work.goal, Lossless):
        return None
    wanted = replace(work, goal=LooksLike(NEAREST), show=lambda _: None)
    return meet(wanted, lambda quality: encode(work, quality, full_chroma=True), SCALE_NEAREST)


CODEC = Codec(
    name="jpg",
    mime="image/jpeg",
    sniff=sniff,
    inspect=inspector("JPEG"),
    decode=decoder("JPEG"),
    passes=(
        Pass("mozjpeg-lossless", rewrite),
        Pass("nearest", nearest),
        Pass("mozjpeg", lossy, lossy=True),
    ),
    alpha=False,
    safe=strip,
    sealed=sealed,
    seal=seal,
)
