"""A route for the throughput row alone: POST a picture, get WebP at a fixed quality by one fast encode.

`python -m bench.route INSTANCE PORT` serves as `imgsvc serve` does; this is the image proxy's work without its fetch.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench.servers import QUALITY, SIDE
from imgsvc.app import build, once
from imgsvc.engine.recipe import Fixed, Recipe, Resize
from imgsvc.front import Front
from imgsvc.gate import Admission
from imgsvc.service import Service
from imgsvc.settings import Settings

RECIPE = Recipe(Fixed(QUALITY), ("webp",), Resize(SIDE, SIDE), quick=True)


class Route(Front):
    """The front of the service with one bare answer in place of the app."""

    def load(self) -> Callable[..., Iterable[bytes]]:
        return answering(build(self.settings, None, time.time), self.settings)


def answering(service: Service, settings: Settings) -> Callable[..., Iterable[bytes]]:
    """The WSGI application."""
    admission = Admission(None, settings.max_bytes, settings.max_width, settings.max_height)
    start = once(service.start)

    def answer(environ: dict[str, Any], begin: Callable[..., object]) -> Iterable[bytes]:
        start()
        data = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        made = service.optimize(data, RECIPE, admission).data
        begin("200 OK", [("Content-Type", "image/webp"), ("Content-Length", str(len(made)))])
        return [made]

    return answer


if __name__ == "__main__":
    Route(Settings(instance=Path(sys.argv[1]), port=int(sys.argv[2]), log_level="error")).run()
