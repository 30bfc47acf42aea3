"""Small files that promise, or cost, far more than they hold; each kind takes a number that makes it harmless."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

from PIL import Image

PNG = b"\x89PNG\r\n\x1a\n"
MIB = 1024 * 1024


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(side: int = 16, extra: bytes = b"", pixels: bytes | None = None, behind: bytes = b"") -> bytes:
    """A grey PNG; `pixels` replaces its packed rows, `extra` stands before them and `behind` after."""
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side + 1) * min(side, 4000))) if pixels is None else pixels
    return PNG + chunk(b"IHDR", header) + extra + chunk(b"IDAT", rows) + behind + chunk(b"IEND", b"")


def inflating(mebibytes: int) -> bytes:
    """About a thousandth of the size, packed."""
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(bytes(MIB)) for _ in range(mebibytes)), packer.flush()])


def png_profile(mebibytes: int) -> bytes:
    return png(extra=chunk(b"iCCP", b"x\0\0" + inflating(mebibytes)))


def png_text(mebibytes: int) -> bytes:
    return png(extra=chunk(b"zTXt", b"x\0\0" + inflating(mebibytes)))


def png_late_text(mebibytes: int) -> bytes:
    return png(behind=chunk(b"zTXt", b"x\0\0" + inflating(mebibytes)))


def png_chunks(count: int) -> bytes:
    return png(extra=chunk(b"teSt", b"") * count)


def png_frames(count: int) -> bytes:
    """An animation that says it has two frames and holds `count`."""
    frame = struct.pack(">IIIIHHBB", 16, 16, 0, 0, 1, 10, 0, 0)
    packed = zlib.compress(bytes(17 * 16))
    first = chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(b"fcTL", struct.pack(">I", 0) + frame)
    more = (
        chunk(b"fcTL", struct.pack(">I", 2 * number + 1) + frame)
        + chunk(b"fdAT", struct.pack(">I", 2 * number + 2) + packed)
        for number in range(count - 1)
    )
    return png(extra=first, behind=b"".join(more))


def jpeg(progressive: bool = False) -> bytes:
    out = BytesIO()
    Image.new("RGB", (16, 16), (200, 90, 20)).save(out, "JPEG", progressive=progressive)
    return out.getvalue()


def jpeg_scans(count: int) -> bytes:
    """Progressive, the last scan again and again."""
    whole = jpeg(progressive=True)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * count + b"\xff\xd9"


def jpeg_segments(count: int) -> bytes:
    whole = jpeg()
    return whole[:2] + b"\xff\xe5\0\2" * count + whole[2:]


def jpeg_padding(size: int) -> bytes:
    """What decoders skip between two segments."""
    whole = jpeg()
    return whole[:20] + b"\xff" * size + whole[20:]


def jpeg_overflowing(blocks: int) -> bytes:
    """Grey, each block brighter than the last by 2047 steps: soon more than any encoder can write (T.81, F.1.2)."""
    bits = "".join("0" + "1" * 11 + "0" for _ in range(blocks))
    bits += "1" * (-len(bits) % 8)
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    one_code = bytes([1]) + bytes(15)
    parts = (
        (b"\xdb", bytes([0]) + bytes([1]) * 64),
        (b"\xc0", struct.pack(">BHHB", 8, 8, 8 * blocks, 1) + b"\1\x11\0"),
        (b"\xc4", b"\x00" + one_code + b"\x0b"),
        (b"\xc4", b"\x10" + one_code + b"\x00"),
        (b"\xda", b"\1\1\0\0\x3f\0"),
    )
    head = b"".join(b"\xff" + kind + struct.pack(">H", len(body) + 2) + body for kind, body in parts)
    return b"\xff\xd8" + head + packed + b"\xff\xd9"


def gif(screen: int, frame: int = 1, count: int = 1) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", screen, screen, 0x80, 0, 0) + bytes(6)
    shown = b"\x21\xf9\x04\x08\x05\0\0\0" + b"\x2c" + struct.pack("<HHHHB", 0, 0, frame, frame, 0)
    return head + (shown + b"\x02\x02\x44\x01\0") * count + b";"


def webp(parts: list[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(kind + struct.pack("<I", len(part)) + part + b"\0" * (len(part) & 1) for kind, part in parts)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def webp_still() -> bytes:
    """The chunk of a lossless 16 x 16 picture."""
    out = BytesIO()
    Image.new("RGB", (16, 16)).save(out, "WEBP", lossless=True)
    return out.getvalue()[20:]


def webp_header(side: int, flags: int = 0) -> tuple[bytes, bytes]:
    return b"VP8X", bytes([flags, 0, 0, 0]) + (side - 1).to_bytes(3, "little") * 2


def webp_canvas(side: int) -> bytes:
    return webp([webp_header(side), (b"VP8L", webp_still())])


def webp_chunks(count: int) -> bytes:
    return webp([webp_header(16), (b"VP8L", webp_still()), *[(b"TEST", b"")] * count])


def tiff_tile(side: int) -> bytes:
    """A picture of 16 x 16 in one tile of other sides."""
    tags = {256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 277: 1, 322: side, 323: side}
    packed = inflating(max(1, side * side // MIB))
    tags |= {324: 8 + 2 + 12 * 10 + 4, 325: len(packed)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + packed


def bmp(width: int, colours: int = 0) -> bytes:
    pixels = bytes(16 * 16)
    offset = 14 + 40 + 4 * min(colours or 256, 256)
    head = b"BM" + struct.pack("<IHHI", offset + len(pixels), 0, 0, offset)
    return head + struct.pack("<IiiHHIIIIII", 40, width, 16, 1, 8, 0, 0, 0, 0, colours, 0) + bytes(1024) + pixels


def avif_sides(side: int) -> bytes:
    """An AVIF whose container speaks of other sides than its picture has."""
    out = BytesIO()
    Image.new("RGB", (16, 16), (9, 90, 200)).save(out, "AVIF")
    whole = out.getvalue()
    at = whole.index(b"ispe") + 8
    return whole[:at] + struct.pack(">II", side, side) + whole[at + 8 :]


def damaged_png() -> bytes:
    """Its checksums are right, its packed pixels end in the middle of nowhere."""
    rows = b"".join(b"\0" + bytes((x * x ^ y * 7) & 255 for x in range(64)) for y in range(64))
    packed = bytearray(zlib.compress(rows))
    middle = len(packed) // 2
    packed[middle : middle + 40] = bytes(b ^ 0x5A for b in packed[middle : middle + 40])
    return png(64, pixels=bytes(packed))
