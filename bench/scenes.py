"""Scenes drawn by numbers for docs/quality.md: a landscape like a photograph, a screen, a sky, small words, an icon."""

from __future__ import annotations

import math
import re

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Doubles = NDArray[np.float64]

WIDTH, HEIGHT = 768, 512
HORIZON = 250
WORDS = tuple(re.findall(r"\w+", "the smallest file that still looks as promised is found by trial and then measured"))


def landscape() -> Image.Image:
    """Sky and clouds, ridges in haze, a lake, a tree of single leaves, grass, a sign with words; some grain."""
    dice = np.random.default_rng(11)
    picture = _sky(dice)
    for number in range(4):
        _ridge(picture, dice, number)
    _lake(picture, dice)
    image = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
    _grass(image, dice)
    _tree(image, dice)
    _sign(image)
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(0.5)), float)
    soft += dice.normal(0, 2.2, (HEIGHT, WIDTH, 1)) + dice.normal(0, 1.0, soft.shape)
    return Image.fromarray(soft.clip(0, 255).astype(np.uint8))


def fractal(dice: np.random.Generator, width: int, height: int, first: int, fade: float) -> Doubles:
    """Noise of ever finer cells, each octave `fade` as strong as the one before; shape (height, width), 0..1."""
    total = np.zeros((height, width))
    cells, weight = first, 1.0
    while cells <= max(width, height):
        rows = max(2, cells * height // width)
        grain = Image.fromarray(dice.random((rows, cells), np.float32))
        total += weight * np.asarray(grain.resize((width, height), Image.Resampling.BICUBIC), float)
        cells, weight = cells * 2, weight * fade
    spread: Doubles = (total - total.min()) / np.ptp(total)
    return spread


def _blend(picture: Doubles, colour: Doubles, share: Doubles) -> None:
    picture += (colour - picture) * share[..., None]


def _sky(dice: np.random.Generator) -> Doubles:
    down = np.linspace(0, 1, HEIGHT)[:, None, None]
    picture: Doubles = np.array([70.0, 125, 195]) * (1 - down) + np.array([250.0, 215, 180]) * down
    picture = np.repeat(picture, WIDTH, 1)
    cloud = (fractal(dice, WIDTH, HEIGHT, 3, 0.55) - 0.45).clip(0, 0.4) / 0.4
    _blend(picture, np.array([252.0, 246, 240]), cloud * np.linspace(0.95, 0.2, HEIGHT)[:, None])
    return picture


def _ridge(picture: Doubles, dice: np.random.Generator, number: int) -> None:
    line = fractal(dice, WIDTH, 2, 4 + 2 * number, 0.48)[0]
    top = HORIZON - 110 + 34 * number - line * (90 - 14 * number)
    inside = (np.arange(HEIGHT)[:, None] - top[None, :]).clip(0, 1)
    rock = fractal(dice, WIDTH, HEIGHT, 24, 0.75)
    near = (number + 1) / 4
    stone = np.array([96.0, 104, 96]) * (0.45 + 0.9 * rock[..., None]) * np.array([1.0, 1.02, 0.9])
    haze = np.array([168.0, 178, 196])
    _blend(picture, haze + (stone - haze) * near * 0.85, inside)


def _lake(picture: Doubles, dice: np.random.Generator) -> None:
    depth = 90
    mirrored = picture[HORIZON - depth : HORIZON][::-1]
    shift = (fractal(dice, WIDTH, depth, 40, 0.6) - 0.5) * np.linspace(2, 30, depth)[:, None]
    columns = (np.arange(WIDTH)[None, :] + shift).astype(int).clip(0, WIDTH - 1)
    water = np.take_along_axis(mirrored, columns[..., None], 1) * np.array([0.72, 0.8, 0.86])
    glint = (fractal(dice, WIDTH, depth, 60, 0.9) > 0.72)[..., None] * np.array([46.0, 48, 50])
    picture[HORIZON : HORIZON + depth] = water + glint
    picture[HORIZON + depth :] = np.array([66.0, 74, 34])


def _grass(image: Image.Image, dice: np.random.Generator) -> None:
    pen = ImageDraw.Draw(image)
    for y in np.sort(dice.uniform(HORIZON + 78, HEIGHT + 30, 9000)):
        near = (y - HORIZON - 60) / (HEIGHT - HORIZON)
        x, tall = dice.uniform(-5, WIDTH + 5), 6 + 34 * near * dice.random()
        light = dice.normal(0.55 + 0.35 * near, 0.22)
        colour = tuple(int(v) for v in (np.array([118, 138, 52]) * light + dice.normal(0, 7, 3)).clip(0, 255))
        pen.line((x, y, x + dice.normal(0, 0.28) * tall, y - tall), fill=colour, width=1 + int(near > 0.75))


def _tree(image: Image.Image, dice: np.random.Generator) -> None:
    pen = ImageDraw.Draw(image)
    _branch(pen, dice, (610.0, 492.0), -math.pi / 2, 92.0, 22.0)
    for _ in range(5200):
        turn, far = dice.uniform(0, 2 * math.pi), math.sqrt(dice.random())
        x, y = 612 + 138 * far * math.cos(turn), 190 + 128 * far * math.sin(turn)
        if dice.random() < 0.25 + 0.5 * math.sin(x / 17) * math.cos(y / 13):
            continue
        light = 0.75 + 0.5 * (-math.cos(turn + 0.8) * far) + dice.normal(0, 0.24)
        colour = tuple(int(v) for v in (np.array([92, 122, 40]) * light + dice.normal(0, 9, 3)).clip(0, 255))
        long, lean = dice.uniform(2.5, 5.5), dice.uniform(0, math.pi)
        ends = [(x + long * math.cos(lean + a) * s, y + long * math.sin(lean + a) * s) for a, s in _LEAF]
        pen.polygon(ends, fill=colour)


_LEAF = ((0.0, 1.0), (1.4, 0.42), (math.pi, 1.0), (-1.4, 0.42))


def _branch(
    pen: ImageDraw.ImageDraw,
    dice: np.random.Generator,
    foot: tuple[float, float],
    turn: float,
    long: float,
    wide: float,
) -> None:
    end = (foot[0] + long * math.cos(turn), foot[1] + long * math.sin(turn))
    for number in range(int(wide)):
        side = number - wide / 2
        shade = int(52 + 60 * number / wide + dice.normal(0, 8))
        pen.line((foot[0] + side, foot[1], end[0] + side * 0.75, end[1]), fill=(shade, shade * 5 // 6, shade * 2 // 3))
    if wide > 3:
        for lean in (-0.55, 0.1, 0.6):
            _branch(pen, dice, end, turn + lean + dice.normal(0, 0.12), long * 0.68, wide * 0.58)


def _sign(image: Image.Image) -> None:
    pen = ImageDraw.Draw(image)
    pen.rectangle((150, 410, 160, 500), fill="#4a3524")
    pen.rectangle((78, 352, 238, 420), fill="#f2e9d2", outline="#5a2f1c", width=4)
    pen.rectangle((86, 360, 230, 380), fill="#b3261e")
    pen.text((94, 361), "LAKESIDE TRAIL", fill="#fff6e0", font=ImageFont.load_default(15))
    pen.text((92, 384), "to the ridge 4.2 km", fill="#2c2a26", font=ImageFont.load_default(14))
    pen.text((92, 401), "no fires, no dogs", fill="#1d4d8f", font=ImageFont.load_default(12))


def screen() -> Image.Image:
    """A window with a side bar, lines of words in several colours, a chart and a photograph's thumbnail."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "#eceff4")
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, WIDTH, 34), fill="#2e3440")
    for number, colour in enumerate(("#bf616a", "#ebcb8b", "#a3be8c")):
        pen.ellipse((12 + 22 * number, 11, 24 + 22 * number, 23), fill=colour)
    pen.text((WIDTH // 2 - 60, 9), "notes.txt, edited", fill="#d8dee9", font=ImageFont.load_default(13))
    pen.rectangle((0, 35, 150, HEIGHT), fill="#d8dee9")
    small, plain = ImageFont.load_default(11), ImageFont.load_default(13)
    for number in range(17):
        if number == 3:
            pen.rectangle((6, 46 + 26 * number, 144, 68 + 26 * number), fill="#5e81ac")
        ink = "#ffffff" if number == 3 else "#3b4252"
        pen.rectangle((14, 52 + 26 * number, 24, 62 + 26 * number), outline=ink)
        pen.text((32, 49 + 26 * number), f"{WORDS[number % len(WORDS)]} {number}", fill=ink, font=small)
    inks = ("#2e3440", "#bf2020", "#1f5fbf", "#2e3440", "#7a1fa2", "#2e3440")
    for line in range(13):
        x = 170.0
        for word in range(6):
            text = WORDS[(line * 5 + word * 3) % len(WORDS)]
            pen.text((x, 50 + 19 * line), text, fill=inks[(line + word) % len(inks)], font=plain)
            x += pen.textlength(text + " ", font=plain)
    pen.rectangle((170, 310, 470, 496), fill="#ffffff", outline="#c0c6d0")
    for number, tall in enumerate((40, 92, 66, 128, 150, 84, 110)):
        pen.rectangle((188 + 40 * number, 486 - tall, 212 + 40 * number, 486), fill="#88c0d0", outline="#5e81ac")
    image.paste(landscape().resize((270, 180), Image.Resampling.LANCZOS), (485, 313))
    return image


def dusk() -> Image.Image:
    """A dark sky without clouds or grain: a few levels of each channel over the whole height."""
    down = np.linspace(0, 1, 384)[:, None, None]
    across = np.linspace(0, 0.25, 512)[None, :, None]
    share = (down + across) / 1.25
    picture = np.array([16.0, 22, 44]) * (1 - share) + np.array([52.0, 50, 74]) * share
    return Image.fromarray(picture.round().astype(np.uint8))


def page() -> Image.Image:
    """Small words in black and in colour on white and on colour."""
    image = Image.new("RGB", (512, 384), "white")
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 192, 512, 384), fill="#cfe3ff")
    inks = ("#000000", "#d00000", "#0040d0", "#707070", "#008040", "#a000a0")
    for line in range(24):
        words = " ".join(WORDS[(line * 4 + word) % len(WORDS)] for word in range(9))
        pen.text((10, 4 + 15.8 * line), words, fill=inks[line % 6], font=ImageFont.load_default(11))
    return image


def icon(side: int) -> Image.Image:
    """A rounded square with a shaded disc and a tick, drawn large and scaled down."""
    large = Image.new("RGB", (512, 512), "#f6f7f9")
    pen = ImageDraw.Draw(large)
    pen.rounded_rectangle((24, 24, 488, 488), 96, fill="#1f6feb")
    for number in range(120):
        shade = (255 - number, 214 - number // 2, 60)
        pen.ellipse((120 + number, 120 + number, 392 - number // 3, 392 - number // 3), fill=shade)
    pen.line((176, 268, 240, 332, 356, 190), fill="#101828", width=44, joint="curve")
    return large.resize((side, side), Image.Resampling.LANCZOS)
