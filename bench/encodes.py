"""What one encode of a picture came to, ours or a peer's: bytes, and the score by the independent package."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.arithmetic import Point
from bench.cache import Cache, digest, engine
from bench.corpus import opaque, png
from bench.curve import Curve
from bench.peers import Peer
from bench.scores import Pixels, Truth
from imgsvc.engine import pipeline
from imgsvc.engine.budget import Budget
from imgsvc.engine.recipe import LooksLike, Recipe

SECONDS = 30.0
"""As much as the service gives a picture by default, of CPU."""


def budget(seconds: float = SECONDS) -> Budget:
    """Time by the CPU of this process and its programs, so that a busy machine changes no answer."""
    return Budget(seconds, clock=lambda: sum(os.times()[:4]))


@dataclass(slots=True)
class Subject:
    """One picture on its way to one format: the pixels every encoder starts from, as a plain PNG."""

    pixels: Pixels
    format: str
    cache: Cache = field(default_factory=Cache)
    truth: Truth = field(init=False)
    source: bytes = field(init=False)
    curve: Curve = field(init=False)

    def __post_init__(self) -> None:
        if self.format == "jpg":
            self.pixels = opaque(self.pixels)
        self.truth = Truth(self.pixels)
        self.source = png(self.pixels)
        self.curve = Curve(self.ours)

    def peer(self, peer: Peer) -> Point:
        """The peer's file; raises what the peer raises."""
        key = digest("peer", peer.name, peer.version, self.format, self.truth.digest)
        return self._remembered(key, lambda: peer.encode(self.source))

    def ours(self, aim: float) -> Point:
        """imgsvc's file that promises a score."""
        key = digest("ours by CPU", engine(), f"{aim:.3f}", self.format, self.truth.digest)
        recipe = Recipe(LooksLike(aim), (self.format,))
        return self._remembered(key, lambda: pipeline.optimize(self.source, recipe, budget()).data)

    def _remembered(self, key: str, make: Callable[[], bytes]) -> Point:
        def measure() -> list[float]:
            data = make()
            return [self.truth.file(data, self.cache), len(data)]

        score, size = self.cache.get(key, measure)
        return Point(score, int(size))
