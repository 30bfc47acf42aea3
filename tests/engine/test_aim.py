"""A search that may stop early still keeps the promise first."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from imgsvc.engine.aim import Scale, Sought, seek
from imgsvc.engine.budget import Budget
from imgsvc.engine.codec import Picture, Work
from imgsvc.engine.recipe import LooksLike

PROMISED = 50.0


@dataclass
class Ruler:
    """An encoder whose file at a place x has x bytes, and a judge who gives it x points."""

    tried: list[int] = field(default_factory=list)

    def encode(self, x: int) -> bytes:
        self.tried.append(x)
        return bytes(x)

    def seek(self, scale: Scale) -> Sought:
        def judge(data: bytes) -> float:
            return float(len(data))

        picture = Picture(np.zeros((8, 8, 3), np.uint8))
        work = Work(None, picture, LooksLike(PROMISED), Budget(60), judge, lambda _: picture)
        return seek(work, self.encode, scale, PROMISED)


def scale(guess: int, slope: float, tries: float) -> Scale:
    return Scale(1, 100, lambda _: guess, slope=slope, tries=tries)


def test_few_tries_end_a_search_at_a_file_that_keeps_the_promise() -> None:
    ruler = Ruler()
    found = ruler.seek(scale(guess=53, slope=0.75, tries=2))
    assert (found.at, found.good) == (53, True)
    assert ruler.tried == [53, 49]


def test_tries_do_not_count_while_no_file_keeps_the_promise() -> None:
    ruler = Ruler()
    found = ruler.seek(scale(guess=10, slope=2.0, tries=2))
    assert found.good
    assert found.at == ruler.tried[-1]
    assert len(ruler.tried) > 2


def test_without_a_count_a_search_goes_on_to_the_last_step() -> None:
    assert Ruler().seek(scale(guess=53, slope=0.75, tries=float("inf"))).at == round(PROMISED)
