"""Lossless: every file no larger than the best lossless tool of its format makes it."""

from __future__ import annotations

from bench.cache import Cache, digest, engine
from bench.corpus import Picture
from bench.encodes import budget
from bench.figures import Figure, worst_ratio
from bench.peers import GIFSICLE, JPEGTRAN, OXIPNG, Peer
from bench.run import Row, Run
from imgsvc.engine import pipeline
from imgsvc.engine.recipe import Lossless, Recipe

TOOLS: dict[str, Peer] = {"jpg": JPEGTRAN, "png": OXIPNG, "gif": GIFSICLE}
TARGET = 1.0
SECONDS = 30.0
"""As much as the service gives a picture by default, of CPU."""


def compare(picture: Picture) -> tuple[str, float]:
    """Our bytes over the tool's."""
    peer, cache = TOOLS[picture.format], Cache()
    theirs = cache.get(
        digest("lossless", peer.name, peer.version, picture.data), lambda: len(peer.encode(picture.data))
    )
    ours = cache.get(digest("lossless by CPU", engine(), picture.data), lambda: len(_ours(picture.data)))
    return picture.name, ours / theirs


def _ours(data: bytes) -> bytes:
    return pipeline.optimize(data, Recipe(Lossless()), budget(SECONDS)).data


def measure(run: Run) -> list[Figure]:
    figures = []
    for format_, peer in TOOLS.items():
        pictures = [picture for picture in run.pictures if picture.format == format_]
        if run.have(peer) and pictures:
            ratios = dict(run.each(compare, pictures, lambda picture: f"{picture.name} lossless"))
            run.data[f"lossless {format_}"] = ratios
            what = f"{format_} lossless against {peer.name}, worst file"
            figures.append(worst_ratio("lossless", what, ratios, TARGET))
    return figures


ROW = Row("lossless", measure)
