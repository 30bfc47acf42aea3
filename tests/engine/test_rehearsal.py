"""Drafts foretell the slow encoder: the promise holds on the whole picture after one or two slow files of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pytest

from imgsvc.engine.budget import Budget
from imgsvc.engine.codec import Offer, Picture, Work
from imgsvc.engine.codecs.avif import CODEC, QUALITY, encode
from imgsvc.engine.judge import Judge
from imgsvc.engine.recipe import Fixed, Goal, LooksLike
from imgsvc.engine.rehearsal import rehearsed
from imgsvc.engine.trial import Setting
from tests.engine.pictures import photo

LARGE, SMALL = (1000, 700), (400, 300)
# As aom numbers its speeds.
SLOW, QUICK = 7, 10


@dataclass
class Diary:
    """Widths of the pictures that the slower of two speeds was given."""

    slow: list[int] = field(default_factory=list)

    def encode(self, speed: int, picture: Picture, quality: int) -> bytes:
        if speed == SLOW:
            self.slow.append(picture.width)
        return encode(picture, quality, speed, "4:2:0")

    def setting(self, name: str = "slow") -> Setting:
        return Setting(name, partial(self.encode, SLOW), QUALITY, partial(self.encode, QUICK), gain=2.0)


def work(size: tuple[int, int], goal: Goal) -> Work:
    picture = Picture(np.asarray(photo(*size, seed=4)))

    def read(data: bytes) -> Picture:
        return CODEC.decode(data, None)

    return Work(None, picture, goal, Budget(60), Judge(picture).reader(read), read)


def score(of: Work, offer: Offer | None) -> float:
    assert offer is not None
    return of.judge(offer.data)


@pytest.mark.parametrize("spared", [False, True])
def test_without_time_for_another_slow_file_a_cheaper_one_keeps_the_promise(spared: bool) -> None:
    now, slow = [0.0], []

    def timed(speed: int, picture: Picture, quality: int) -> bytes:
        if (speed, picture.width) == (SLOW, LARGE[0]):
            now[0] += 20
            slow.append(quality)
        return encode(picture, quality, speed, "4:2:0")

    # Slowness is said to gain so much that the first slow file falls short.
    spare = partial(timed, QUICK - 1) if spared else None
    setting = Setting("slow", partial(timed, SLOW), QUALITY, partial(timed, QUICK), gain=30.0, spare=spare)
    given = replace(work(LARGE, LooksLike(80.0)), budget=Budget(30, clock=lambda: now[0]))
    assert (score(given, rehearsed(given, (setting,))) >= 80.0) == spared
    assert len(slow) == 1


@pytest.mark.parametrize("promised", [74.0, 80.0, 85.0])
def test_a_large_picture_takes_few_slow_files(promised: float) -> None:
    diary, given = Diary(), work(LARGE, LooksLike(promised))
    offer = rehearsed(given, (diary.setting(),))
    assert score(given, offer) >= promised
    assert diary.slow.count(LARGE[0]) <= 2
    assert len(diary.slow) - diary.slow.count(LARGE[0]) == 1


def test_a_small_picture_is_searched_to_the_last_step() -> None:
    diary, given = Diary(), work(SMALL, LooksLike(74.0))
    offer = rehearsed(given, (diary.setting(),))
    assert offer is not None
    files = [diary.encode(SLOW, given.picture, quality) for quality in range(25, 50)]
    least = min(len(data) for data in files if given.judge(data) >= 74.0)
    assert len(offer.data) == least


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_setting_that_falls_short_of_its_drafts_gives_way_to_the_next(size: tuple[int, int]) -> None:
    diary, given = Diary(), work(size, LooksLike(80.0))
    usual = diary.setting("usual")
    capped = replace(usual, name="capped", encode=lambda picture, quality: usual.encode(picture, min(quality, 20)))
    assert score(given, rehearsed(given, (capped, usual))) >= 80.0
    assert score(given, rehearsed(given, (capped,))) < 80.0


def test_nothing_where_no_draft_reaches_the_promise() -> None:
    assert rehearsed(work(SMALL, LooksLike(99.9)), (Diary().setting(),)) is None


def test_a_goal_without_a_score_is_met_by_the_first_setting() -> None:
    diary, given = Diary(), work(LARGE, Fixed(50))
    first, second = diary.setting("first"), replace(diary.setting("second"), encode=partial(diary.encode, QUICK))
    offer = rehearsed(given, (first, second))
    assert offer is not None
    assert offer.data == first.encode(given.picture, QUALITY.at(50))
