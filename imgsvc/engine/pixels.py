"""Raster files to pixels: limits from the header, decoded safely, turned upright, in sRGB, reshaped."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps

from imgsvc.engine.bounds import check, check_result
from imgsvc.engine.budget import Limits
from imgsvc.engine.codec import Animation, Info, Picture, Pixels, Shape
from imgsvc.engine.colour import has_profile, to_srgb
from imgsvc.engine.geometry import plan
from imgsvc.engine.reshape import border, cropped, opaque, reshape, settle
from imgsvc.engine.vips import from_vips, shrunk_on_load
from imgsvc.errors import BadPicture, ImgsvcError, TooManyPixels

# Decoded frames of an animation are kept up to this many bytes; longer ones are decoded again for each walk.
FRAMES_KEPT = 96 * 1024 * 1024


@contextmanager
def decoding() -> Iterator[None]:
    """Turns whatever a decoder raises into BadPicture, or TooManyPixels when memory ran out."""
    try:
        yield
    except ImgsvcError:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        raise TooManyPixels("image: the picture needs too much memory to decode.") from error
    except Exception as error:
        # On damaged files the decoders raise nearly every kind that Python has.
        raise BadPicture from error


@contextmanager
def opened(data: bytes, formats: tuple[str, ...]) -> Iterator[Image.Image]:
    """The file as Pillow opens it, header read and pixels not yet; only these formats are tried."""
    with Image.open(BytesIO(data), formats=formats) as image:
        yield image


@contextmanager
def header(data: bytes, formats: tuple[str, ...], limits: Limits) -> Iterator[Image.Image]:
    """As `opened`; where Pillow's own guard stops first, its TooManyPixels names our limit."""
    try:
        with opened(data, formats) as image:
            yield image
    except Image.DecompressionBombError as error:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise TooManyPixels(f"image: got over {most} pixels, expected at most {limits.max_frame_pixels}.") from error


def inspector(*formats: str, frames: bool = False) -> Callable[[bytes, Limits], Info]:
    """A Codec.inspect that lets Pillow read the header of these formats; counts frames where asked to."""

    def inspect(data: bytes, limits: Limits) -> Info:
        with decoding(), header(data, formats, limits) as image:
            width, height = image.size
            check(Info(width, height), limits)
            return Info(width, height, _frames(image)[1] if frames else 1)

    return inspect


def decoder(*formats: str, frames: bool = False) -> Callable[[bytes, Shape | None], Picture]:
    """A Codec.decode that lets Pillow read these formats; animations too where asked to."""

    def decode(data: bytes, shape: Shape | None) -> Picture:
        with decoding(), opened(data, formats) as image:
            if image.format == "PNG":
                # Pillow would do it while it looks for an orientation, where errors are passed over.
                image.load()
            first, count = _frames(image) if frames else (0, 1)
            if count > 1:
                return _moving(data, formats, first, count, shape or Shape())
            if first:
                image.seek(first)
            return _still(data, image, shape or Shape())

    return decode


def _still(data: bytes, image: Image.Image, shape: Shape) -> Picture:
    if not shape.trim:
        natural = upright_size(image)
        check_result(natural, 1, shape)
        target = plan(*natural, shape.resize).scaled
        if math.prod(target) < math.prod(natural) and image.format in ("JPEG", "MPO") and image.mode in ("RGB", "L"):
            shrunk = from_vips(shrunk_on_load(data, target, has_profile(image)))
            return picture(settle(shrunk, shape)(shrunk), reshaped=True)
    pixels = upright(image)
    made = reshape(pixels, shape)
    if made is pixels:
        return picture(pixels, converted=orientation(image) > 1 or has_profile(image))
    return picture(made, reshaped=True)


def _moving(data: bytes, formats: tuple[str, ...], first: int, count: int, shape: Shape) -> Picture:
    def whole(numbers: Sequence[int]) -> Iterator[Pixels]:
        with decoding(), opened(data, formats) as image:
            for number in numbers:
                image.seek(first + number)
                yield upright(image)

    box = border(map(_with_alpha, whole(range(count)))) if shape.trim else None
    start = next(whole([0]))
    trimmed = cropped(start, box)
    check_result((trimmed.shape[1], trimmed.shape[0]), count, shape)
    cut = settle(start, shape, box)

    durations: list[int] = []
    kept: list[Pixels] = []
    alpha = reshaped = False
    room = count * cut.plan.size[0] * cut.plan.size[1] * 4 <= FRAMES_KEPT
    with opened(data, formats) as image:
        for number in range(first, first + count):
            image.seek(number)
            image.load()
            durations.append(max(0, round(image.info.get("duration", 0))))
            if room or number == first or (image.has_transparency_data and not (alpha and reshaped)):
                pixels = upright(image)
                made = cut(pixels)
                alpha, reshaped = alpha or not opaque(made), reshaped or made is not pixels
                if room:
                    kept.append(_with_alpha(made))
        loop = plays(image)

    def pick(numbers: Sequence[int]) -> Iterator[Pixels]:
        fresh = (_with_alpha(cut(frame)) for frame in whole(numbers))
        for frame in (kept[number] for number in numbers) if room else fresh:
            yield frame if alpha else np.ascontiguousarray(frame[..., :3])

    animation = Animation(pick, tuple(durations), loop)
    return Picture(next(pick([0])), animation, reshaped=reshaped)


def plays(image: Image.Image) -> int:
    """How often an opened animation plays, 0 for ever. GIF counts repeats after the first showing."""
    loop = image.info.get("loop")
    if image.format == "GIF":
        return 1 if loop is None else loop + 1 if loop else 0
    return int(loop or 0)


def picture(pixels: Pixels, reshaped: bool = False, converted: bool = False) -> Picture:
    """A still; drops an alpha channel that is opaque throughout, and says whether all is grey."""
    if pixels.shape[2] == 4 and opaque(pixels):
        pixels = np.ascontiguousarray(pixels[..., :3])
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    gray = pixels.shape[2] == 3 and bool(np.array_equal(red, green) and np.array_equal(green, blue))
    return Picture(pixels, None, gray, reshaped, converted)


def upright(image: Image.Image) -> Pixels:
    """The opened picture's pixels, turned as its EXIF orientation says, in sRGB."""
    image.load()
    return np.asarray(ImageOps.exif_transpose(to_srgb(image)) if orientation(image) > 1 else to_srgb(image))


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1..8; 1 where there is none or it makes no sense."""
    try:
        turn = image.getexif().get(0x0112, 1)
    except Exception:  # noqa: BLE001 - random bytes as EXIF raise nearly anything; a picture without EXIF is fine
        return 1
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height as displayed."""
    width, height = image.size
    return (height, width) if orientation(image) >= 5 else (width, height)


def _with_alpha(pixels: Pixels) -> Pixels:
    if pixels.shape[2] == 4:
        return pixels
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])


def _frames(image: Image.Image) -> tuple[int, int]:
    # An APNG may begin with a picture for programs that know no animation; it is not part of the show.
    count = getattr(image, "n_frames", 1)
    hidden = 1 if count > 1 and image.info.get("default_image") else 0
    return hidden, count - hidden
