"""WebM: VP9 by libvpx."""

from __future__ import annotations

from imgsvc.engine.aim import Scale, through
from imgsvc.engine.film import Film
from imgsvc.engine.video import codec

# In one pass libvpx makes nothing better of frames it looks ahead at, which take memory. Without a rate the CRF is all.
COMMON = {"lag-in-frames": "0", "auto-alt-ref": "0", "row-mt": "0", "b": "0"}

# Speeds 2 and 4 take a third and two thirds less time than 1, and 8 and 31 % more bytes at a score of 75; the last,
# meant for calls, takes a tenth of the time and twice the bytes.
FILM = Film(
    container="webm",
    encoder="libvpx-vp9",
    speeds=(
        *({**COMMON, "deadline": "good", "cpu-used": speed} for speed in "124"),
        {**COMMON, "deadline": "realtime", "cpu-used": "7"},
    ),
    worst=63,
    scale=Scale(0, 61, through((50, 14), (62, 25), (75, 35), (81, 45), (85, 55)), slope=0.8),
    muxing={},
)

CODEC = codec("webm", "video/webm", FILM)
