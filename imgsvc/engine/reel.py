"""Pictures as Pillow's writers want them, without their pixels a second time in memory."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from typing import Any

from PIL import Image

from imgsvc.engine.codec import Animation, Pixels

MODES = {(): "L", (3,): "RGB", (4,): "RGBA"}


class Sheet(Image.Image):
    """A still for a writer that asks for its bytes and nothing else, as that of AVIF does."""

    def __init__(self, pixels: Pixels) -> None:
        super().__init__()
        self._pixels = pixels
        self._size = (pixels.shape[1], pixels.shape[0])
        self._mode = MODES[pixels.shape[2:]]

    def tobytes(self, encoder_name: str = "raw", *args: Any) -> bytes:
        if encoder_name != "raw" or args not in ((), (self.mode,)):
            raise ValueError(f"encoder_name: got {encoder_name} {args}, expected raw {self.mode}")
        return self._pixels.tobytes()


class Reel(Image.Image):
    """Frames in order for `save(save_all=True)`; going back starts the walk anew, so memory holds one frame."""

    def __init__(self, animation: Animation) -> None:
        super().__init__()
        self.n_frames = len(animation.durations)
        self.is_animated = True
        self._animation = animation
        self._walk: Iterator[Pixels] = iter(())
        self._at = -1
        self.seek(0)

    def seek(self, frame: int) -> None:
        if frame == self._at:
            return
        if frame < self._at or self._at < 0:
            self._walk, self._at = self._animation.frames(), -1
        pixels = next(islice(self._walk, frame - self._at - 1, None), None)
        if pixels is None:
            raise EOFError("no more frames")
        self._at = frame
        fresh = Image.fromarray(pixels)
        self.im, self._mode, self._size = fresh.im, fresh.mode, fresh.size

    def tell(self) -> int:
        return self._at


def save(animation: Animation, format_name: str, **options: Any) -> bytes:
    """The animation as written by Pillow's writer of that format, delays and loop count included."""
    out = BytesIO()
    durations = list(animation.durations)
    Reel(animation).save(out, format_name, save_all=True, duration=durations, loop=animation.loop, **options)
    return out.getvalue()
