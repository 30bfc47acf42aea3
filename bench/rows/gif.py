"""GIF with loss: bytes imgsvc needs at the score that gifsicle -O3 --lossy reached, worst moment of an animation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from bench.arithmetic import Point
from bench.cache import Cache, digest, engine
from bench.corpus import Picture
from bench.curve import Curve
from bench.encodes import budget
from bench.figures import Figure, mean_ratio, named
from bench.frames import Show
from bench.peers import LOSSY_GIFS, Peer
from bench.run import Row, Run
from imgsvc.engine import pipeline
from imgsvc.engine.recipe import LooksLike, Recipe

TARGET = 0.97
SECONDS = 30.0


def compare(picture: Picture) -> dict[str, Any]:
    """Each setting's bytes and score, and our bytes at that score."""
    cache, shows = Cache(), Show(picture.data)

    def measured(data: bytes) -> list[float]:
        return [shows.score(data, cache), len(data)]

    def ours(aim: float) -> Point:
        recipe = Recipe(LooksLike(aim), ("gif",))
        key = digest("gif", engine(), f"{aim:.2f}", picture.data)
        score, size = cache.get(key, lambda: measured(pipeline.optimize(picture.data, recipe, budget(SECONDS)).data))
        return Point(score, int(size))

    curve = Curve(ours)
    found: dict[str, Any] = {"name": picture.name, "megapixels": picture.megapixels, "peers": {}}
    for peer in LOSSY_GIFS:
        key = digest("gif peer", peer.name, peer.version, picture.data)
        score, size = cache.get(key, partial(_peer, peer, picture.data, measured))
        found["peers"][peer.name] = {"size": int(size), "score": score, "ours": curve.size_at(score)}
    return found


def _peer(peer: Peer, data: bytes, measured: Callable[[bytes], list[float]]) -> list[float]:
    return measured(peer.encode(data))


def measure(run: Run) -> list[Figure]:
    if len(run.have(*LOSSY_GIFS)) < len(LOSSY_GIFS):
        return []
    pictures = [picture for picture in run.pictures if picture.format == "gif"]
    found = run.each(compare, pictures, lambda picture: f"{picture.name} as gif")
    run.data["gif"] = found
    return [_figure(peer.name, found) for peer in LOSSY_GIFS]


def _figure(peer: str, found: list[dict[str, Any]]) -> Figure:
    pairs = {one["name"]: one["peers"][peer] for one in found}
    ratios = {name: pair["ours"] / pair["size"] for name, pair in pairs.items() if pair["ours"]}
    what = f"gif bytes at the score of {peer}, geometric mean"
    return mean_ratio("gif", what, list(ratios.values()), TARGET, named(ratios))


ROW = Row("gif", measure)
