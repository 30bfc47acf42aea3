"""Files of a few hundred kilobytes that would cost gigabytes or minutes, made on the spot."""

from __future__ import annotations

import struct
from io import BytesIO

from PIL import Image

from tests.engine import bombs as made

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    ' width="{0}" height="{0}">{1}</svg>'
)
TILES = 16
"""Tiles in a row and in a column of an AVIF grid."""


def all_bombs() -> dict[str, bytes]:
    """One of each kind, by name."""
    return {
        "PNG of 20000x20000": made.png(20_000, pixels=made.inflating(382)),
        "GIF of 5000 frames of 5000x5000": made.gif(5000, 5000, 5000),
        "zTXt of 200 MB": made.png_text(200),
        "WebP of 16383x16383": webp_solid(16_383),
        "AVIF grid of 16384x16384": avif_grid(1024),
        "TIFF tile of 20000x20000": made.tiff_tile(20_000),
        "SVG of 30000x30000": SVG.format(30_000, '<rect width="30000" height="30000" fill="red"/>').encode(),
        "SVG nested 200000 deep": SVG.format(100, "<g>" * 200_000 + "</g>" * 200_000).encode(),
        "SVG filter": svg_filter(),
        "SVG use of 10^9": svg_use(9),
    }


def hostile() -> dict[str, bytes]:
    """The bombs and other hostile files, by name: stands in for a corpus where there is none."""
    return {
        **{f"{name}.bin": data for name, data in all_bombs().items()},
        "scans.jpg": made.jpeg_scans(5000),
        "segments.jpg": made.jpeg_segments(100_000),
        "padding.jpg": made.jpeg_padding(1_000_000),
        "overflowing.jpg": made.jpeg_overflowing(40),
        "profile.png": made.png_profile(200),
        "late-text.png": made.png_late_text(200),
        "chunks.png": made.png_chunks(70_000),
        "frames.png": made.png_frames(5000),
        "damaged.png": made.damaged_png(),
        "overlong.png": made.png(pixels=made.inflating(400)),
        "screen.gif": made.gif(65_535),
        "frame.gif": made.gif(16, 65_535),
        "canvas.webp": made.webp_canvas(16_384),
        "chunks.webp": made.webp_chunks(5000),
        "wide.bmp": made.bmp(1_000_000_000),
        "colours.bmp": made.bmp(16, 2**32 - 1),
        "sides.avif": made.avif_sides(60_000),
        "entities.svg": entities().encode(),
        "empty": b"",
        "one-byte.jpg": b"\xff",
    }


def webp_solid(side: int) -> bytes:
    """One colour, lossless: five prefix codes of one symbol each, so that no pixel takes a bit (RFC 9649, 3.7)."""
    header = (side - 1) | (side - 1) << 14
    # No transform, no colour cache, no meta codes; then five times: simple, one symbol, of one bit, which is 0.
    codes = sum(1 << 3 + 4 * number for number in range(5))
    return made.webp([(b"VP8L", b"\x2f" + struct.pack("<I", header) + codes.to_bytes(4, "little"))])


def avif_grid(side: int) -> bytes:
    """16 x 16 tiles of that side, each an item of its own that lies in the same place (ISO/IEC 23008-12, 6.6.2.3)."""
    out = BytesIO()
    Image.new("RGB", (side, side), (90, 120, 30)).save(out, "AVIF", quality=30)
    whole = out.getvalue()
    tile, settings = _body(whole, b"mdat"), _body(whole, b"av1C")
    numbers = range(2, 2 + TILES * TILES)
    sides = struct.pack(">HH", TILES * side, TILES * side)
    grid = bytes([0, 0, TILES - 1, TILES - 1]) + sides
    entries = _item(1, b"grid") + b"".join(_item(number, b"av01") for number in numbers)
    properties = _box(b"ispe", bytes(4) + struct.pack(">II", side, side)) + _box(b"av1C", settings)
    properties += _box(b"ispe", bytes(4) + struct.pack(">II", TILES * side, TILES * side))
    properties += _box(b"pixi", bytes(4) + b"\3\x08\x08\x08")
    owned = struct.pack(">HBBB", 1, 2, 3, 4) + b"".join(struct.pack(">HBBBB", n, 3, 1, 0x82, 4) for n in numbers)

    def meta(at: int) -> bytes:
        places = struct.pack(">HHHII", 1, 0, 1, at, len(grid))
        places += b"".join(struct.pack(">HHHII", number, 0, 1, at + len(grid), len(tile)) for number in numbers)
        count = 1 + len(numbers)
        parts = (
            _box(b"hdlr", bytes(8) + b"pict" + bytes(13)),
            _box(b"pitm", bytes(4) + struct.pack(">H", 1)),
            _box(b"iloc", bytes(4) + b"\x44\0" + struct.pack(">H", count) + places),
            _box(b"iinf", bytes(4) + struct.pack(">H", count) + entries),
            _box(b"iref", bytes(4) + _box(b"dimg", struct.pack(f">HH{len(numbers)}H", 1, len(numbers), *numbers))),
            _box(b"iprp", _box(b"ipco", properties) + _box(b"ipma", bytes(4) + struct.pack(">I", count) + owned)),
        )
        return _box(b"meta", bytes(4) + b"".join(parts))

    kind = _box(b"ftyp", b"avif" + bytes(4) + b"avifmif1miafMA1A")
    start = len(kind) + len(meta(0)) + 8
    return kind + meta(start) + _box(b"mdat", grid + tile)


def svg_filter() -> bytes:
    """A tower of blurs and morphology over the whole picture."""
    steps = '<feMorphology operator="dilate" radius="900"/><feGaussianBlur stdDeviation="900"/>' * 200
    filter_ = f'<filter id="f" x="-10" y="-10" width="30" height="30">{steps}</filter>'
    return SVG.format(1500, f'{filter_}<rect width="1500" height="1500" filter="url(#f)"/>').encode()


def svg_use(power: int) -> bytes:
    """Groups that use the one before ten times: 10 to that power rectangles."""
    ten = '<use xlink:href="#g{0}"/>' * 10
    levels = "".join(f'<g id="g{level + 1}">{ten.format(level)}</g>' for level in range(power))
    return SVG.format(
        100, f'<defs><rect id="g0" width="9" height="9"/>{levels}</defs><use xlink:href="#g{power}"/>'
    ).encode()


def entities() -> str:
    """Ten to the ninth words out of nine short declarations."""
    lines = "".join(f'<!ENTITY e{n + 1} "{f"&e{n};" * 10}">' for n in range(9))
    return f'<!DOCTYPE svg [<!ENTITY e0 "ha">{lines}]>' + SVG.format(100, "<text>&e9;</text>")


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def _item(number: int, kind: bytes) -> bytes:
    return _box(b"infe", b"\2\0\0\0" + struct.pack(">HH", number, 0) + kind + b"\0")


def _body(whole: bytes, kind: bytes) -> bytes:
    """The inside of the first box of a kind, wherever it is."""
    at = whole.index(kind)
    return whole[at + 4 : at - 4 + struct.unpack_from(">I", whole, at - 4)[0]]
