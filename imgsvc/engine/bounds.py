"""Refuses what is larger than the limits allow, or would become so, before its pixels are there."""

from __future__ import annotations

from imgsvc.engine.budget import Limits
from imgsvc.engine.codec import Info, Shape
from imgsvc.engine.geometry import Size, plan
from imgsvc.errors import TooManyPixels

MOST_SCALED = 10_000_000
"""Sides of a picture before its cut, of which only the cut is ever computed; libvips ends not far beyond."""


def check(info: Info, limits: Limits, vector: bool = False) -> None:
    """Raises TooManyPixels when a header tells of more than the limits allow."""
    _compare("image", "a picture", info, limits, vector)


def check_header(info: Info, shape: Shape) -> None:
    """Raises TooManyPixels where the header suffices to know that `check_result` will."""
    if shape.trim and shape.resize and shape.resize.method == "fit":
        return
    try:
        check_result((info.width, info.height), info.frames, shape)
    except TooManyPixels:
        # Whether it lies on its side is not known yet.
        check_result((info.height, info.width), info.frames, shape)


def check_result(natural: Size, frames: int, shape: Shape) -> None:
    """Raises TooManyPixels when a picture of this size, upright and trimmed, would grow beyond the limits.

    One that does not grow is let through: its sides were compared as they are stored, which may be turned.
    """
    made = plan(*natural, shape.resize)
    if max(made.scaled) > MOST_SCALED:
        raise TooManyPixels(
            f"resize: got {max(made.scaled)} pixels on a side before the cut, expected at most {MOST_SCALED}."
        )
    if made.size[0] > natural[0] or made.size[1] > natural[1]:
        _compare("resize", "a result", Info(*made.size, frames), shape.limits)


def _compare(name: str, thing: str, info: Info, limits: Limits, vector: bool = False) -> None:
    sides = (("wide", info.width, limits.max_width), ("high", info.height, limits.max_height))
    for word, got, most in sides:
        if got > most and not vector:
            raise TooManyPixels(f"{name}: got {thing} {got} pixels {word}, expected at most {most}.")
    area = info.width * info.height
    if area > limits.max_frame_pixels and not vector:
        raise TooManyPixels(f"{name}: got {area} pixels, expected at most {limits.max_frame_pixels}.")
    if info.frames > limits.max_frames:
        raise TooManyPixels(f"{name}: got {info.frames} frames, expected at most {limits.max_frames}.")
    if area * info.frames > limits.max_total_pixels and not vector:
        raise TooManyPixels(
            f"{name}: got {area * info.frames} pixels over all frames, expected at most {limits.max_total_pixels}."
        )
