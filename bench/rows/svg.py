"""SVG: the sum of bytes beside SVGO's with multipass, and whether both still draw the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bench.arithmetic import spread
from bench.cache import Cache, digest, engine
from bench.corpus import Picture, opaque
from bench.encodes import budget
from bench.figures import Figure
from bench.peers import SVGO
from bench.run import Row, Run
from imgsvc.engine import pipeline
from imgsvc.engine.codec import Shape
from imgsvc.engine.recipe import LooksLike, Recipe, Resize

TARGET = 1.0
BOX = Resize(800, 800)
GOAL = LooksLike(70.0)
SECONDS = 60.0


def compare(picture: Picture) -> dict[str, Any]:
    """Both sizes, and the largest difference of a channel (0..255) between drawings of the original and of each."""
    cache = Cache()
    ours = cache.get(
        digest("svg over white", engine(), picture.data), lambda: _measured(picture.data, _ours(picture.data))
    )
    peer = digest("svgo over white", engine(), SVGO.version, picture.data)
    theirs = cache.get(peer, lambda: _measured(picture.data, SVGO.encode(picture.data)))
    return {"name": picture.name, "size": theirs[0], "ours": ours[0], "apart": ours[1], "theirs apart": theirs[1]}


def _ours(data: bytes) -> bytes:
    return pipeline.optimize(data, Recipe(GOAL), budget(SECONDS)).data


def _measured(original: bytes, made: bytes) -> list[int]:
    one, other = (opaque(pipeline.sniff(data).decode(data, Shape(BOX)).pixels) for data in (original, made))
    if one.shape != other.shape:
        return [len(made), 255]
    return [len(made), int(np.abs(one.astype(np.int16) - other).max())]


def measure(run: Run) -> list[Figure]:
    pictures = [picture for picture in run.pictures if picture.format == "svg"]
    if not run.have(SVGO) or not pictures:
        return []
    found = run.each(compare, pictures, lambda picture: f"{picture.name} as svg")
    run.data["svg"] = found
    ratios = [one["ours"] / one["size"] for one in found]
    total = math.fsum(one["ours"] for one in found) / max(1, sum(one["size"] for one in found))
    over = ", ".join(f"{one['name']} {one['ours'] / one['size']:.3f}" for one in found if one["ours"] > one["size"])
    what = f"svg bytes against {SVGO.name}, sum"
    drawn = max((one["apart"] for one in found), default=0)
    theirs = max((one["theirs apart"] for one in found), default=0)
    note = f"largest change of a channel when drawn; {SVGO.name}: {theirs}"
    return [
        Figure("svg", what, total, TARGET, count=len(found), spread=spread(ratios), note=over and f"above: {over}"),
        Figure("svg", "svg drawn as before", float(drawn), count=len(found), note=note),
    ]


ROW = Row("svg", measure)
