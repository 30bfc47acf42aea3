"""Frames through one of FFmpeg's encoders into a video file in memory, and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from io import BytesIO
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from imgsvc.engine.aim import Scale
from imgsvc.engine.codec import Animation, Picture, Pixels
from imgsvc.engine.pixels import decoding
from imgsvc.engine.yuv import from_yuv, to_yuv
from imgsvc.errors import BadPicture

if TYPE_CHECKING:
    from av import Packet, VideoFrame, VideoStream
    from av.container import InputContainer

MILLISECOND = Fraction(1, 1000)
# A nominal rate that encoders ask for; every frame has its own time.
RATE = 25
# How the colours of `yuv` are to be read; one thread; a key frame at least every so many frames.
COMMON = {
    "colorspace": "bt709",
    "color_primaries": "bt709",
    "color_trc": "bt709",
    "color_range": "tv",
    "chroma_sample_location": "center",
    "threads": "1",
    "g": "250",
}

Options = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Film:
    """A container and the encoder of its frames, by FFmpeg's names, and what both are told."""

    container: str
    encoder: str
    speeds: tuple[Options, ...]
    """The encoder's options from the slowest speed to the fastest."""
    worst: int
    """The CRF of the lowest quality; each step up in quality is one less."""
    scale: Scale
    """Steps up from the lowest quality."""
    muxing: Options
    filters: str = ""
    """A bitstream filter for what comes out of the encoder."""
    finish: Callable[[bytes], bytes] = lambda data: data
    """What is left to be done with the file."""


def able(encoder: str) -> bool:
    """Whether PyAV is installed, and its FFmpeg has this encoder."""
    try:
        return encoder in _av().codecs_available
    except ImportError:
        return False


def _av() -> Any:
    # Loaded when the first video is wanted: it takes 30 ms and 100 MB of address space, which no other job needs.
    return import_module("av")


def write(picture: Picture, film: Film, crf: int, speed: Options, stop: Callable[[], bool]) -> bytes:
    """The file of an animation without alpha whose sides are even, each frame at its time to the millisecond.

    BadPicture for a still, TimeoutError as soon as `stop` says so.
    """
    if picture.animation is None:
        raise BadPicture
    av, out = _av(), BytesIO()
    with av.open(out, "w", format=film.container, options=dict(film.muxing)) as file:
        # Otherwise the file tells of versions and dice, and the same animation gives another file each time.
        file.flags |= av.container.Flags.bitexact.value
        stream = file.add_stream(film.encoder, rate=RATE, options={**COMMON, **speed, "crf": str(crf)})
        stream.width, stream.height = picture.width, picture.height
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = stream.time_base = MILLISECOND
        stream.codec_context.thread_count = 1
        for packet in _encoded(stream, picture.animation, film, stop):
            file.mux(packet)
    return film.finish(out.getvalue())


def _encoded(
    stream: VideoStream, animation: Animation, film: Film, stop: Callable[[], bool]
) -> Iterator[Packet[VideoStream]]:
    """The packets of a stream. Encoders know when a frame begins, and not all of them when the last one ends."""
    lasting = dict(zip(starts(animation.durations), animation.durations, strict=True))
    filtered = _av().bitstream.BitStreamFilterContext(film.filters, stream) if film.filters else None

    def pass_on(packets: Sequence[Packet[VideoStream]]) -> Iterator[Packet[VideoStream]]:
        for packet in packets:
            packet.duration = lasting[packet.pts or 0]
            yield from filtered.filter(packet) if filtered else (packet,)

    for frame in _frames(animation, stop):
        yield from pass_on(stream.encode(frame))
    yield from pass_on(stream.encode(None))


def _frames(animation: Animation, stop: Callable[[], bool]) -> Iterator[VideoFrame]:
    make = _av().VideoFrame.from_ndarray
    for pixels, start in zip(animation.frames(), starts(animation.durations), strict=True):
        if stop():
            raise TimeoutError
        frame = make(to_yuv(pixels), format="yuv420p")
        frame.pts, frame.time_base = start, MILLISECOND
        yield frame


def starts(durations: Sequence[int]) -> list[int]:
    """When each frame begins, in milliseconds."""
    return [0, *accumulate(durations)][:-1]


def read(data: bytes) -> Picture:
    """The animation in a file of ours; BadPicture for one without frames."""
    with decoding(), _opened(data) as file:
        stream = file.streams.video[0]
        begins = sorted(_milliseconds(packet) for packet in file.demux(stream) if packet.size)
        end = round((file.duration or 0) / 1000)
    if not begins:
        raise BadPicture
    durations = tuple(later - earlier for earlier, later in pairwise([*begins, end]))

    def pick(numbers: Sequence[int]) -> Iterator[Pixels]:
        wanted, last = set(numbers), max(numbers, default=-1)
        with decoding(), _opened(data) as file:
            for number, frame in enumerate(file.decode(video=0)):
                if number in wanted:
                    yield from_yuv(np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8))
                if number >= last:
                    return

    return Picture(next(pick([0])), Animation(pick, durations, 0))


def _opened(data: bytes) -> InputContainer:
    file: InputContainer = _av().open(BytesIO(data))
    file.streams.video[0].codec_context.thread_count = 1
    return file


def _milliseconds(packet: Packet[VideoStream]) -> int:
    return round((packet.pts or 0) * packet.time_base / MILLISECOND)
