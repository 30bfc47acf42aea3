"""Outside programs under a time limit, and the list of what this installation can do."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from imgsvc.engine.budget import Budget


@dataclass(frozen=True, slots=True)
class Tool:
    """A library or program the engine uses: its version (None when it is missing) and what it is for."""

    name: str
    version: str | None
    brings: str
    extra: bool = False
    """Whether an installation is whole without it."""


_WHEELS = (
    ("pillow", "reading JPEG, PNG, WebP, GIF, BMP and TIFF: without it nothing works"),
    ("pillow-avif-plugin", "AVIF in and out"),
    ("pyvips", "JPEG, WebP and palette PNG encoding, GIF by cgif, fast resizing: without it nothing works"),
    ("pyvips-binary", "libvips with mozjpeg: without it a system libvips is used, often without mozjpeg"),
    ("mozjpeg-lossless-optimization", "JPEG made 7-10 % smaller without touching a pixel"),
    ("pyoxipng", "PNG made smaller without touching a pixel"),
    ("opencv-python-headless", "the perceptual score: without it nothing works"),
    ("av", "animations as WebM and MP4 video"),
    ("resvg-py", "drawing SVG as pixels"),
    ("py-svg-hush", "making SVG harmless"),
    ("svgo-py", "making SVG smaller"),
    ("python-magic", "naming the kind of a file that is not taken"),
)


@cache
def gifsicle() -> str | None:
    """The path of the gifsicle program: the wheel's beside the interpreter, or one on PATH; None without one."""
    beside = Path(sys.executable).parent / "gifsicle"
    return str(beside) if beside.exists() else shutil.which("gifsicle")


@cache
def jpegtran() -> str | None:
    """The path of the jpegtran program on PATH; None without one."""
    return shutil.which("jpegtran")


def programs() -> tuple[str, ...]:
    """The paths of all programs that the engine runs."""
    return tuple(path for path in (gifsicle(), jpegtran()) if path)


def run(command: list[str], data: bytes, budget: Budget) -> bytes | None:
    """What the program printed when fed `data`; None when it failed, or was stopped for want of time."""
    try:
        done = subprocess.run(
            command,
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=max(0.05, budget.left),
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError):
        return None
    return done.stdout if done.returncode == 0 and done.stdout else None


def inventory() -> tuple[Tool, ...]:
    """Every tool with its version, or None where it is missing."""
    wheels = tuple(Tool(name, _version(name), brings) for name, brings in _WHEELS)
    lossy_gif = "small GIF, lossless and lossy: without it cgif alone, and larger files"
    four_channels = "CMYK JPEG without loss: without it 0.1 % larger"
    return (
        *wheels,
        Tool("gifsicle", _last_word(gifsicle(), "--version"), lossy_gif),
        Tool("jpegtran", "on PATH" if jpegtran() else None, four_channels, extra=True),
    )


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _last_word(program: str | None, option: str) -> str | None:
    """The last word of the first line that a program prints; None without the program."""
    printed = run([program, option], b"", Budget(seconds=5)) if program else None
    return printed.decode("ascii", "replace").split("\n", 1)[0].rpartition(" ")[2] if printed else None
