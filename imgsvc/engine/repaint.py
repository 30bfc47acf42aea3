"""Fewer colours for GIF: its colour tables rewritten, its pixels left as they are."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO

import numpy as np
from PIL import Image

from imgsvc.engine.clusters import Clusters, nearest
from imgsvc.engine.codec import Picture, Pixels
from imgsvc.engine.vips import to_vips

IMAGE, TABLE = 0x2C, 0x80
OPAQUE = 255
# Frames and pixels that the colours are taken from: enough for every colour that matters.
FRAMES, SAMPLED = 12, 500_000


def colours(picture: Picture, quality: int) -> Pixels:
    """At most 256 colours for all frames, as few as libvips's palette quality (1..100) allows. Shape (n, 3), n > 0."""
    sample = _sample(picture)
    saved: bytes = to_vips(sample).pngsave_buffer(
        palette=True, Q=quality, effort=7, dither=0.0, compression=1, keep="none"
    )
    with Image.open(BytesIO(saved)) as image:
        # Every colour in use, whatever the palette's order and length.
        found = image.convert("RGB").getcolors(image.width) or []
    start = np.array([colour for _, colour in found], np.uint8)
    return Clusters(sample).centred(_opaque(start))[:, :3]


def _sample(picture: Picture) -> Pixels:
    """Opaque pixels of frames spread over the show, in a row."""
    moving = picture.animation
    frames: Iterable[Pixels] = (picture.pixels,)
    if moving:
        count = len(moving.durations)
        frames = moving.pick(sorted({round(number * (count - 1) / (FRAMES - 1)) for number in range(FRAMES)}))
    seen = [
        frame[..., :3].reshape(-1, 3) if frame.shape[2] == 3 else frame[frame[..., 3] > 127][:, :3] for frame in frames
    ]
    stride = max(1, sum(map(len, seen)) // SAMPLED)
    pixels = np.concatenate([one[::stride] for one in seen])
    return pixels[None] if len(pixels) else np.zeros((1, 1, 3), np.uint8)


def repaint(blocks: Iterable[tuple[int, bytes]], wanted: Pixels) -> bytes:
    """The file of these blocks (label and whole bytes, label 0 the header's), every colour the nearest one wanted."""
    return b"".join(_painted(label, block, wanted) for label, block in blocks)


def _opaque(colours: Pixels) -> Pixels:
    return np.column_stack((colours, np.full(len(colours), OPAQUE, np.uint8)))


def _painted(label: int, block: bytes, wanted: Pixels) -> bytes:
    flags, start = (block[10], 13) if label == 0 else (block[9], 10) if label == IMAGE else (0, 0)
    if not flags & TABLE:
        return block
    end = start + (3 << ((flags & 7) + 1))
    table = np.frombuffer(block[start:end], np.uint8).reshape(-1, 3)
    painted: Pixels = wanted[nearest(_opaque(table), _opaque(wanted))]
    return block[:start] + painted.tobytes() + block[end:]
