"""Any mode and profile that Pillow reads to 8-bit sRGB, with straight alpha where there is transparency."""

from __future__ import annotations

from functools import cache
from io import BytesIO

import numpy as np
import pyvips
from PIL import Image, ImageCms


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def to_srgb(image: Image.Image) -> Image.Image:
    """A loaded picture as RGB, or RGBA where it has transparency, its embedded profile applied."""
    plain = _eight_bit(image)
    profile = _profile(image)
    if plain.mode == "CMYK":
        return _from_cmyk(plain, profile)
    if plain.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        return _converted(plain, ImageCms.ImageCmsProfile(lab)) or plain.convert("L").convert("RGB")
    wanted = "RGBA" if plain.has_transparency_data else "RGB"
    if profile is None or _is_srgb(profile):
        return _in_mode(plain, wanted)
    if profile.profile.xcolor_space.strip() == "GRAY":
        return _from_gray(plain, profile, wanted)
    colourful = _in_mode(plain, wanted)
    return _converted(colourful, profile) or colourful


def has_profile(image: Image.Image) -> bool:
    """Whether the picture's colours are other than sRGB by its profile or its mode."""
    profile = _profile(image)
    return image.mode in ("CMYK", "LAB") or (profile is not None and not _is_srgb(profile))


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)


def _eight_bit(image: Image.Image) -> Image.Image:
    # Pillow clips wider samples when it converts them; the high byte is what they look like.
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        samples = np.nan_to_num(np.asarray(image, np.float64))
        top = float(samples.max(initial=0.0))
        white = 1.0 if image.mode == "F" and top <= 1.0 else 255.0 if top <= 255.0 else 65535.0
        return Image.fromarray((samples / white * 255.0).clip(0, 255).astype(np.uint8))
    if image.mode in ("P", "PA", "1", "La", "RGBa", "RGBX", "YCbCr", "HSV"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image


def _profile(image: Image.Image) -> ImageCms.ImageCmsProfile | None:
    data = image.info.get("icc_profile")
    if not data:
        return None
    try:
        return ImageCms.ImageCmsProfile(BytesIO(data))
    except (OSError, ValueError, ImageCms.PyCMSError):
        return None


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    return (profile.profile.profile_description or "").startswith("sRGB")


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image | None:
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    try:
        return ImageCms.profileToProfile(image, profile, _srgb(), renderingIntent=intent, outputMode=mode, flags=flags)
    except (ImageCms.PyCMSError, ValueError):
        return None


def _from_gray(image: Image.Image, profile: ImageCms.ImageCmsProfile, wanted: str) -> Image.Image:
    light = _converted(image.convert("L"), profile)
    if light is None:
        return _in_mode(image, wanted)
    if wanted == "RGBA":
        light.putalpha(image.convert("RGBA").getchannel("A"))
    return light


def _from_cmyk(image: Image.Image, profile: ImageCms.ImageCmsProfile | None) -> Image.Image:
    if profile is not None and (converted := _converted(image, profile)):
        return converted
    # Inks without a profile: libvips brings a generic press profile, closer than 255 minus ink.
    inks = np.asarray(image)
    height, width, _ = inks.shape
    vips = pyvips.Image.new_from_memory(np.ascontiguousarray(inks), width, height, 4, "uchar")
    light = vips.copy(interpretation="cmyk").icc_transform("srgb", input_profile="cmyk", intent="relative")
    return Image.frombuffer("RGB", (width, height), light.write_to_memory())
