"""MP4: H.264 by x264, the index before the pictures."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from imgsvc.engine.aim import Scale, through
from imgsvc.engine.film import Film
from imgsvc.engine.video import codec

# Boxes on the way to the tables of chunk offsets (ISO/IEC 14496-12, 6.2.3).
NESTED = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
OFFSETS = {b"stco": "I", b"co64": "Q"}


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """Type, start, start of the body and end of each box in a stretch of a file (ISO/IEC 14496-12, 4.2)."""
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        body = start + 8
        if size == 1:
            size, body = struct.unpack_from(">Q", data, body)[0], body + 8
        until = start + size if size else end
        yield kind, start, body, until
        start = until


def faststart(data: bytes) -> bytes:
    """The file with its index, moov, right after ftyp, so that it plays before its last byte has come."""
    parts = {kind: (start, end) for kind, start, _, end in boxes(data, 0, len(data))}
    (begin, end), insert = parts[b"moov"], parts[b"ftyp"][1]
    if begin == insert:
        return data
    moved = _shifted(data[begin:end], end - begin)
    return data[:insert] + moved + data[insert:begin] + data[end:]


def _shifted(moov: bytes, by: int) -> bytes:
    """The index of pictures that have moved so many bytes towards the end."""
    made = bytearray(moov)
    stretches = [(0, len(moov))]
    for start, end in stretches:
        for kind, _, body, until in boxes(moov, start, end):
            if kind in NESTED:
                stretches.append((body, until))
            elif kind in OFFSETS:
                count = struct.unpack_from(">I", moov, body + 4)[0]
                layout = f">{count}{OFFSETS[kind]}"
                offsets = struct.unpack_from(layout, moov, body + 8)
                struct.pack_into(layout, made, body + 8, *(offset + by for offset in offsets))
    return bytes(made)


# Here x264 makes every frame as good as any: by its habit it saves on those that no later one is made from,
# and the score of an animation is its worst frame's. Of a panned photograph the files are a fifth smaller, of a screen
# cast a tenth larger. Frames in the order they are shown, so that the last one's time is kept; few of them in memory.
EVEN = {"mbtree": "0", "bf": "0", "refs": "1", "rc-lookahead": "2"}
PRESETS = ("slow", "medium", "veryfast", "superfast")
# A CRF of 0 would be lossless, in a profile that no browser plays.
FILM = Film(
    container="mp4",
    encoder="libx264",
    speeds=tuple({"preset": preset, **EVEN} for preset in PRESETS),
    worst=51,
    scale=Scale(0, 47, through((54, 20), (65, 24), (74, 28), (80, 32), (84, 36)), slope=1.4),
    muxing={"video_track_timescale": "1000"},
    # The first frame carries 700 bytes about x264 and its settings.
    filters="filter_units=remove_types=6",
    finish=faststart,
)

CODEC = codec("mp4", "video/mp4", FILM)
