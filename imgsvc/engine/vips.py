"""Pixels as libvips images and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyvips

from imgsvc.engine.codec import Pixels


def to_vips(pixels: Pixels) -> Any:
    """The pixels as a libvips image that shares their memory."""
    height, width, bands = pixels.shape
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(pixels), width, height, bands, "uchar")
    return image.copy(interpretation="srgb" if bands >= 3 else "b-w")


def from_vips(image: Any) -> Pixels:
    """The libvips image's pixels as a fresh array of three or four bands."""
    if image.bands < 3:
        image = image.colourspace("srgb")
    return np.ndarray((image.height, image.width, image.bands), np.uint8, image.cast("uchar").write_to_memory())


def shrunk_on_load(data: bytes, size: tuple[int, int], profiled: bool) -> Any:
    """A JPEG upright and in sRGB at this (width, height), less than its own, decoded when its pixels are asked for."""
    # libjpeg decodes straight to a half, a quarter or an eighth; libvips chooses the step and does the rest.
    # From sRGB to sRGB the profile changes no pixel and takes five times as long as all else.
    colours = {"export_profile": "srgb"} if profiled else {}
    return pyvips.Image.thumbnail_buffer(data, size[0], height=size[1], size="force", fail_on="truncated", **colours)
