"""Boxes of the ISO base media file format, which AVIF is made of, and where in them the metadata is."""

from __future__ import annotations

import struct
from collections.abc import Iterator

METADATA_ITEMS = {b"Exif", b"mime"}


def boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, first byte of the body and end of each box in this stretch (ISO/IEC 14496-12, 4.2)."""
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if size == 1 and at + 16 <= end:
            size, body = struct.unpack_from(">Q", data, at + 8)[0], at + 16
        stop = end if size == 0 else at + size
        if stop < body or stop > end:
            return
        yield kind, body, stop
        at = stop


def metadata_extents(data: bytes) -> list[tuple[int, int]]:
    """First byte and length of every stretch that holds EXIF or XMP (ISO/IEC 14496-12, 8.11.3 and 8.11.6)."""
    top = {kind: (body, stop) for kind, body, stop in boxes(data, 0, len(data))}
    if b"meta" not in top:
        return []
    body, stop = top[b"meta"]
    inner = {kind: (first, last) for kind, first, last in boxes(data, body + 4, stop)}
    if b"iinf" not in inner or b"iloc" not in inner:
        return []
    wanted = _metadata_ids(data, *inner[b"iinf"])
    return [(start, size) for item, start, size in _locations(data, *inner[b"iloc"]) if item in wanted]


def _metadata_ids(data: bytes, body: int, stop: int) -> set[int]:
    ids = set()
    counted = 2 if data[body] == 0 else 4
    for kind, first, _ in boxes(data, body + 4 + counted, stop):
        version = data[first]
        if kind == b"infe" and version >= 2:
            wide = 4 if version == 3 else 2
            item_type = data[first + 6 + wide : first + 10 + wide]
            if item_type in METADATA_ITEMS:
                ids.add(int.from_bytes(data[first + 4 : first + 4 + wide], "big"))
    return ids


def _locations(data: bytes, body: int, stop: int) -> Iterator[tuple[int, int, int]]:
    version = data[body]
    offset_size, length_size = data[body + 4] >> 4, data[body + 4] & 15
    base_size, index_size = data[body + 5] >> 4, data[body + 5] & 15 if version else 0
    at = body + 6

    def number(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(data[at - size : at], "big")

    for _ in range(number(4 if version == 2 else 2)):
        if at >= stop:
            return
        item = number(4 if version == 2 else 2)
        in_file = version == 0 or number(2) & 15 == 0
        number(2)
        base = number(base_size)
        for _ in range(number(2)):
            number(index_size)
            start, size = base + number(offset_size), number(length_size)
            if in_file:
                yield item, start, size
