"""Decoded pixels trimmed, scaled, cut and padded: settled once for a picture, done to each of its frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from imgsvc.engine import geometry
from imgsvc.engine.bounds import check_result
from imgsvc.engine.codec import Picture, Pixels, Shape
from imgsvc.engine.geometry import Plan, Size
from imgsvc.engine.recipe import Colour
from imgsvc.engine.vips import from_vips, to_vips

Box = tuple[int, int, int, int]
"""Left, top, and the first column and row beyond."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What is done to every frame of a picture."""

    box: Box | None
    """What trimming leaves; None for all of it."""
    plan: Plan
    at: tuple[int, int]
    """Left and top of the cut in the scaled picture; with a ground those of the scaled picture on it."""
    ground: Colour | None
    """What a padded picture is laid on."""

    def __call__(self, pixels: Pixels) -> Pixels:
        """The frame reshaped; the very same array where nothing is to be done."""
        pixels = cropped(pixels, self.box)
        right = (pixels.shape[1], pixels.shape[0]) == self.plan.scaled == self.plan.size
        if right and (self.ground is None or opaque(pixels)):
            return pixels
        if self.ground is not None:
            return self._laid_out(flat(pixels, self.ground), self.ground)
        return from_vips(scaled(to_vips(pixels), self.plan.scaled).crop(*self.at, *self.plan.size))

    def _laid_out(self, pixels: Pixels, ground: Colour) -> Pixels:
        if (pixels.shape[1], pixels.shape[0]) != self.plan.scaled:
            pixels = from_vips(scaled(to_vips(pixels), self.plan.scaled))
        if self.plan.size == self.plan.scaled:
            return pixels
        left, top = self.at
        canvas = np.empty((self.plan.size[1], self.plan.size[0], 3), np.uint8)
        canvas[:] = ground
        canvas[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
        return canvas


def settle(first: Pixels, shape: Shape, box: Box | None = None) -> Cut:
    """The cut for a picture whose first frame this is, of which `box` is left by trimming."""
    first, resize = cropped(first, box), shape.resize
    plan = geometry.plan(first.shape[1], first.shape[0], resize)
    if resize is not None and resize.method == "pad":
        return Cut(box, plan, geometry.margins(plan), shape.background)
    if resize is None or plan.size == plan.scaled:
        return Cut(box, plan, (0, 0), None)
    focal = attraction(first, plan) if resize.gravity == "auto" else resize.gravity
    return Cut(box, plan, geometry.window(plan, focal), None)


def reshape(pixels: Pixels, shape: Shape) -> Pixels:
    """A still's pixels as wanted; the very same array where nothing is to be done.

    Scaled by Lanczos where it gets smaller and by bicubic interpolation where it gets larger, alpha premultiplied.
    Padding puts the background under all of the picture, so that its margins and its ground are one colour.
    TooManyPixels where trimming leaves a shape that would grow beyond the limits.
    """
    box = border([pixels]) if shape.trim else None
    if box:
        check_result((box[2] - box[0], box[3] - box[1]), 1, shape)
    return settle(pixels, shape, box)(pixels)


def attraction(pixels: Pixels, plan: Plan) -> tuple[float, float]:
    """The point around which the cut holds what draws most attention (edges, skin, strong colours), as shares."""
    image = to_vips(pixels)
    wide, high = (
        min(whole, max(1, round(whole * part / of)))
        for whole, part, of in zip((image.width, image.height), plan.size, plan.scaled, strict=True)
    )
    _, found = image.smartcrop(wide, high, interesting="attention", attention_x=True, attention_y=True)
    return (found["attention_x"] + 0.5) / image.width, (found["attention_y"] + 0.5) / image.height


def scaled(image: Any, size: Size) -> Any:
    """A libvips image at this size; only what is asked of it is ever computed."""
    if (image.width, image.height) == size:
        return image
    return image.thumbnail_image(size[0], height=size[1], size="force")


def border(frames: Iterable[Pixels]) -> Box | None:
    """What is left without the border that has the first frame's top left colour, exactly, in every frame.

    None where there is no border, and where all is of that colour. All that is fully transparent is one colour.
    Stops at the first frame that proves there to be none; else it has looked at each of them once.
    """
    left, top, right, bottom = 1 << 31, 1 << 31, 0, 0
    corner: Pixels | None = None
    for frame in frames:
        seen = _with_clear_black(frame)
        corner = seen[0, 0] if corner is None else corner
        other = np.zeros(seen.shape[:2], bool)
        for band in range(seen.shape[2]):
            other |= seen[..., band] != corner[band]
        columns, rows = np.flatnonzero(other.any(axis=0)), np.flatnonzero(other.any(axis=1))
        if columns.size:
            left, right = min(left, int(columns[0])), max(right, int(columns[-1]) + 1)
            top, bottom = min(top, int(rows[0])), max(bottom, int(rows[-1]) + 1)
        if (left, top, right, bottom) == (0, 0, frame.shape[1], frame.shape[0]):
            return None
    return (left, top, right, bottom) if right else None


def cropped(pixels: Pixels, box: Box | None) -> Pixels:
    return pixels if box is None else pixels[box[1] : box[3], box[0] : box[2]]


def opaque(pixels: Pixels) -> bool:
    """Whether nothing shines through."""
    return pixels.shape[2] == 3 or int(pixels[..., 3].min()) == 255


def flat(pixels: Pixels, background: Colour) -> Pixels:
    """The pixels over a colour, without alpha."""
    if pixels.shape[2] == 3:
        return pixels
    colour, alpha = pixels[..., :3].astype(np.uint16), pixels[..., 3:].astype(np.uint16)
    ground = np.array(background, np.uint16)
    return ((colour * alpha + ground * (255 - alpha) + 127) // 255).astype(np.uint8)


def flattened(picture: Picture, background: Colour) -> Picture:
    """The picture over a colour, without alpha, and so each of its frames."""
    moving = picture.animation
    if moving is None:
        return replace(picture, pixels=flat(picture.pixels, background))

    def pick(numbers: Sequence[int]) -> Iterator[Pixels]:
        return (flat(pixels, background) for pixels in moving.pick(numbers))

    return replace(picture, pixels=flat(picture.pixels, background), animation=replace(moving, pick=pick))


def _with_clear_black(pixels: Pixels) -> Pixels:
    return pixels if pixels.shape[2] == 3 else np.where(pixels[..., 3:] == 0, np.uint8(0), pixels)
