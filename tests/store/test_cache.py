"""The cache: made once for all who ask, whoever dies, fails or leaves meanwhile."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from imgsvc.errors import BadPicture, ClientGone, ImgsvcError, TooSlow
from imgsvc.store import cache as module
from imgsvc.store import results, results_redis
from imgsvc.store.cache import Cache, Made

LIFE = 3600.0
SECONDS = 60.0


@dataclass
class Maker:
    """Makes results, and notes in a file that all processes share how often."""

    log: Path
    data: bytes = b"picture"
    life: float = LIFE
    takes: float = 0.0
    error: Exception | None = None

    def __call__(self, gone: Callable[[], bool]) -> Made:
        with self.log.open("a") as file:
            file.write(".")
        time.sleep(self.takes)
        if self.error:
            raise self.error
        return Made(self.data, {"mime": "image/webp", "size": [3, 4]}, self.life)

    @property
    def times(self) -> int:
        return len(self.log.read_text()) if self.log.exists() else 0


@dataclass
class Broken:
    """A shelf that is out of order."""

    asked: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., None]:
        def fail(*_: object) -> None:
            self.asked.append(name)
            raise OSError(name)

        return fail


@pytest.fixture
def maker(tmp_path: Path) -> Callable[..., Maker]:
    return lambda **options: Maker(tmp_path / "made", **options)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def outcome(cache: Cache, make: Callable[..., Made], key: str = "a") -> object:
    """What a caller gets: bytes, or the type of an error with its words."""
    try:
        return cache.get(key, make, seconds=SECONDS)[0].data
    except Exception as error:  # noqa: BLE001
        return type(error), str(error)


def test_a_result_is_made_once_and_found_from_then_on(shelf, maker):
    make = maker()
    first, was_there = Cache(shelf()).get("a", make, seconds=SECONDS)
    assert (first.data, first.note, was_there) == (b"picture", {"mime": "image/webp", "size": [3, 4]}, False)
    assert first.expires_at == first.made_at + LIFE
    assert Cache(shelf()).get("a", make, seconds=SECONDS) == (first, True)
    assert make.times == 1


def test_what_is_there_is_found_without_a_maker(shelf, maker):
    cache = Cache(shelf())
    assert cache.find("a") is None
    made, _ = cache.get("a", maker(), seconds=SECONDS)
    assert (cache.find("a"), cache.find("b")) == (made, None)
    assert Cache(Broken()).find("a") is None


def test_keys_are_results_of_their_own(shelf, maker):
    cache = Cache(shelf())
    one, other = maker(data=b"one"), maker(data=b"\n\0other")
    for key, make in (("a", one), ("b", other), ("ä" * 10_000, one)):
        assert cache.get(key, make, seconds=SECONDS)[0].data == make.data
        assert cache.get(key, make, seconds=SECONDS)[0].data == make.data
    assert one.times == 3


def test_a_result_lives_as_long_as_its_maker_says(shelf, maker):
    cache, short, long = Cache(shelf()), maker(life=3.0), maker()
    assert [cache.get("a", short, seconds=SECONDS)[1] for _ in range(2)] == [False, True]
    time.sleep(3.1)
    assert [cache.get("a", long, seconds=SECONDS)[1] for _ in range(2)] == [False, True]


def test_a_result_of_no_life_is_not_kept(shelf, maker):
    cache, make = Cache(shelf()), maker(life=0.0)
    assert [cache.get("a", make, seconds=SECONDS)[1] for _ in range(3)] == [False] * 3


def test_threads_share_one_making(shelf, maker):
    cache, make = Cache(shelf()), maker(takes=0.3)
    with ThreadPoolExecutor(50) as threads:
        got = list(threads.map(lambda _: outcome(cache, make), range(50)))
    assert got == [b"picture"] * 50
    assert make.times == 1


def test_processes_share_one_making(shelf, maker, race):
    opened, make = shelf(), maker(takes=0.5)

    def work() -> list[object]:
        cache = Cache(opened)
        with ThreadPoolExecutor(8) as threads:
            return list(threads.map(lambda _: outcome(cache, make), range(8)))

    assert race(4, work) == [[b"picture"] * 8] * 4
    assert make.times == 1


def test_an_error_reaches_all_who_wait_and_nobody_later(shelf, maker, race):
    opened, make = shelf(), maker(takes=1.5, error=BadPicture("It is broken."))

    def work() -> list[object]:
        cache = Cache(opened)
        with ThreadPoolExecutor(8) as threads:
            return list(threads.map(lambda _: outcome(cache, make), range(8)))

    assert race(4, work) == [[(BadPicture, "It is broken.")] * 8] * 4
    assert make.times == 1
    assert outcome(Cache(opened), maker()) == b"picture"


def test_a_fault_of_ours_is_told_to_others_as_such(shelf, maker):
    cache, make = Cache(shelf()), maker(takes=0.5, error=ZeroDivisionError("oops"))
    with ThreadPoolExecutor(4) as threads:
        got = list(threads.map(lambda _: outcome(cache, make), range(4)))
    assert sorted(got, key=str) == sorted(
        [(ZeroDivisionError, "oops"), *[(ImgsvcError, ImgsvcError.sentence)] * 3], key=str
    )


@pytest.fixture
def hasty(monkeypatch):
    """Leases of a second."""
    for one in (module, results, results_redis):
        monkeypatch.setattr(one, "LEASE", 1.0)


@pytest.mark.usefixtures("hasty")
def test_a_dead_makers_place_is_taken(shelf, maker):
    opened, make = shelf(), maker(takes=3600.0)
    child = os.fork()
    if not child:
        Cache(opened).get("a", make, seconds=SECONDS)
        os._exit(0)
    until(lambda: make.times == 1)
    waiting = ThreadPoolExecutor(1).submit(outcome, Cache(opened), maker(data=b"heir"))
    time.sleep(0.3)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert waiting.result(30) == b"heir"


@pytest.mark.usefixtures("hasty")
def test_a_maker_that_takes_long_keeps_its_place(shelf, maker):
    make = maker(takes=3.5)
    with ThreadPoolExecutor(2) as threads:
        got = list(threads.map(lambda _: outcome(Cache(shelf()), make), range(2)))
    assert got == [b"picture"] * 2
    assert make.times == 1


def test_a_maker_goes_on_while_anybody_waits(shelf):
    cache, left, seen = Cache(shelf()), threading.Event(), []

    def make(gone: Callable[[], bool]) -> Made:
        left.wait(20)
        seen.append(gone())
        return Made(b"picture", {}, LIFE)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(cache.get, "a", make, seconds=SECONDS, gone=left.is_set)
        until(lambda: len(cache._flights) == 1)
        second = threads.submit(outcome, cache, make)
        until(lambda: all(len(flight.waiting) == 2 for flight in cache._flights.values()))
        left.set()
        assert second.result(20) == b"picture"
        assert first.result(20)[0].data == b"picture"
    assert seen == [False]


def test_a_maker_learns_that_all_have_left(shelf):
    cache, left = Cache(shelf()), threading.Event()

    def make(gone: Callable[[], bool]) -> Made:
        until(gone)
        raise ClientGone

    def ask() -> object:
        try:
            return cache.get("a", make, seconds=SECONDS, gone=left.is_set)
        except ClientGone:
            return "gone"

    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(ask) for _ in range(3)]
        until(lambda: any(len(flight.waiting) == 3 for flight in cache._flights.values()))
        left.set()
        assert [one.result(20) for one in asked] == ["gone"] * 3
    assert outcome(cache, lambda gone: Made(b"later", {}, LIFE)) == b"later"


def test_a_maker_whose_own_client_left_leaves_the_work_to_another(shelf, maker):
    cache, one, other = Cache(shelf()), maker(takes=0.5, error=ClientGone()), maker(data=b"other")
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(outcome, cache, one)
        until(lambda: one.times == 1)
        assert outcome(cache, other) == b"other"
        assert first.result(20) == (ClientGone, ClientGone.sentence)


def test_whoever_waits_too_long_leaves_and_the_maker_goes_on(shelf, maker):
    opened, make = shelf(), maker(takes=1.0)
    cache = Cache(opened)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(outcome, cache, make)
        until(lambda: make.times == 1)
        for impatient in (cache, Cache(opened)):
            with pytest.raises(TooSlow):
                impatient.get("a", make, seconds=0.2)
        assert first.result(20) == b"picture"
    assert cache.get("a", make, seconds=SECONDS)[1] is True


def test_a_shelf_out_of_order_fails_nobody_and_is_left_alone(maker):
    reported: list[Exception] = []
    broken, make = Broken(), maker(takes=0.2)
    cache = Cache(broken, report=reported.append)
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(lambda _: outcome(cache, make), range(8)))
    assert got == [b"picture"] * 8
    assert outcome(cache, make, "b") == b"picture"
    assert 1 <= len(broken.asked) <= 8
    assert {str(error) for error in reported} == {"look"}


def test_a_result_that_cannot_be_kept_is_used_all_the_same(shelf, maker, monkeypatch):
    opened, make = shelf(), maker()
    monkeypatch.setattr(type(opened), "keep", Broken().keep)
    assert outcome(Cache(opened), make) == b"picture"
    assert opened.look(hashlib.sha256(b"a").hexdigest(), time.time()) is None
    assert outcome(Cache(opened), make) == b"picture"
