"""The pictures of a run: those of a folder, decoded to the pixels that every encoder starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from bench.pictures import generated
from bench.scores import Pixels
from imgsvc.engine import pipeline
from imgsvc.engine.budget import Limits
from imgsvc.errors import ImgsvcError

DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "corpus" / "dev"
LEAST = 64
"""Least side in pixels of a picture that is compared by score."""
NOT_PICTURES = {".csv", ".md", ".txt", ".json"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A file of the set, and what its header says; sides as stored."""

    name: str
    data: bytes
    format: str
    width: int
    height: int
    frames: int

    @property
    def still(self) -> bool:
        """Pixels, one frame, and large enough to be compared by score."""
        return self.format != "svg" and self.frames == 1 and min(self.width, self.height) >= LEAST

    @property
    def megapixels(self) -> float:
        return self.width * self.height / 1e6

    def pixels(self) -> Pixels:
        """Upright, in sRGB: what a browser shows."""
        return pipeline.sniff(self.data).decode(self.data, None).pixels


def load(folder: Path | None) -> tuple[list[Picture], list[str]]:
    """The pictures of a folder within the service's own limits, by name, and why others are left out.

    Without a folder: those of the project's corpus where it is there, else generated ones.
    """
    if folder is None and not DEFAULT.is_dir():
        files = generated()
    else:
        paths = sorted((folder or DEFAULT).iterdir())
        files = {path.name: path.read_bytes() for path in paths if path.suffix not in NOT_PICTURES and path.is_file()}
    found, left_out = [], []
    for name, data in files.items():
        try:
            found.append(_picture(name, data))
        except ImgsvcError as error:
            left_out.append(f"{name}: {error.message}")
    return found, left_out


def _picture(name: str, data: bytes) -> Picture:
    codec = pipeline.sniff(data)
    limits = Limits()
    info = codec.inspect(data, limits)
    if not codec.vector and (info.width > limits.max_width or info.height > limits.max_height):
        raise ImgsvcError(f"{info.width}x{info.height} is beyond the service's limits")
    return Picture(name, data, codec.name, info.width, info.height, info.frames)


def sample(pictures: Sequence[Picture], count: int | None) -> list[Picture]:
    """At most so many, spread evenly over the list."""
    if not count or count >= len(pictures):
        return list(pictures)
    return [pictures[round(number * (len(pictures) - 1) / max(1, count - 1))] for number in range(count)]


def opaque(pixels: Pixels) -> Pixels:
    """The picture over white, as a format without alpha shows it."""
    if pixels.shape[2] == 3:
        return pixels
    alpha = pixels[..., 3:].astype(np.uint16)
    return ((pixels[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def png(pixels: Pixels) -> bytes:
    """The pixels as a plain PNG file."""
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    return out.getvalue()
