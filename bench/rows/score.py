"""The engine's score beside the independent package's, over encodes of many qualities, and what a score costs."""

from __future__ import annotations

import time
from typing import Any

from bench.arithmetic import percentile, spread
from bench.cache import Cache
from bench.corpus import Picture, opaque, png
from bench.figures import Figure
from bench.peers import pillow
from bench.run import Row, Run
from bench.scores import SMALL, Truth, read
from imgsvc.engine.score import Reference

ENCODERS = tuple(
    [pillow("jpg", str(quality), quality=quality) for quality in (35, 65, 85)]
    + [pillow("webp", str(quality), quality=quality) for quality in (50, 85)]
    + [pillow("avif", str(quality), quality=quality, speed=8) for quality in (45, 70)]
)
LOWEST, HIGHEST = 50.0, 95.0
MEAN, WORST, SECONDS = 0.5, 1.5, 0.05
MEGAPIXEL = 1e6


def compare(picture: Picture) -> list[dict[str, Any]]:
    """Both scores of each encode, and the seconds of CPU a megapixel the engine's took."""
    pixels = opaque(picture.pixels())
    truth, reference, cache, source = Truth(pixels), Reference(pixels), Cache(), png(pixels)
    found = []
    for encoder in ENCODERS:
        data = encoder.encode(source)
        shown = read(data)
        begun = time.process_time()
        ours = reference.score(shown)
        spent = time.process_time() - begun
        found.append(
            {
                "name": f"{picture.name} {encoder.name}",
                "ours": ours,
                "theirs": truth.file(data, cache),
                "side": min(pixels.shape[:2]),
                "megapixels": pixels.shape[0] * pixels.shape[1] / MEGAPIXEL,
                "seconds": spent,
            }
        )
    return found


def measure(run: Run) -> list[Figure]:
    some = run.each(compare, run.stills(), lambda picture: f"{picture.name} scored")
    found = [one for ones in some for one in ones if LOWEST <= one["theirs"] <= HIGHEST]
    run.data["score"] = found
    apart = {one["name"]: abs(one["ours"] - one["theirs"]) for one in found if one["side"] >= SMALL}
    values = list(apart.values())
    worst = max(apart, key=lambda name: apart[name])
    lies, count = spread(values), len(values)
    speed = [one["seconds"] / one["megapixels"] for one in found if one["megapixels"] >= 1]
    what = f"score beside the package's, sides from {SMALL} px"
    return [
        Figure("score", f"{what}, mean difference", sum(values) / count, MEAN, False, count, lies),
        Figure("score", f"{what}, worst difference", apart[worst], WORST, False, count, lies, worst),
        Figure("score", "seconds a megapixel for a score, one thread, median", percentile(speed, 0.5), SECONDS,
               count=len(speed), spread=spread(speed)),
    ]  # fmt: skip


ROW = Row("score", measure)
