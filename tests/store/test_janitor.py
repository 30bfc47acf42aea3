"""What the janitor takes away, what it leaves, and who of several it is."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from imgsvc.errors import NotFound
from imgsvc.store import links, usage
from imgsvc.store.blobs import Blobs
from imgsvc.store.janitor import Janitor, Swept, sweep

PATIENCE = 30.0
HOUR = 3600.0


@pytest.fixture
def now() -> float:
    """Files carry the machine's own time, so these tests start from it."""
    return time.time()


def make(db, blobs: Blobs, now: float) -> tuple[str, str]:
    blob = blobs.put(b"picture")
    return blob, links.make(db, blob=blob, mime="image/png", filename="a.png", size=7, seconds=600, now=now).token


def stored(blobs: Blobs) -> set[str]:
    return {blob for blob, _ in blobs.ids()}


def until(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()


def test_expired_links_go_with_their_blobs(db, blobs, now):
    make(db, blobs, now - 600)
    kept, token = make(db, blobs, now - 599)
    assert sweep(db, blobs, now=now) == Swept(links=1, blobs=1, counters=0)
    assert stored(blobs) == links.blobs(db) == {kept}
    assert links.peek(db, token, now)
    assert sweep(db, blobs, now=now) == Swept(0, 0, 0)


def test_a_link_being_sent_is_left_until_its_lease_ends(db, blobs, now):
    _, token = make(db, blobs, now)
    links.claim(db, token, lease_seconds=30, now=now + 599)
    assert sweep(db, blobs, now=now + 610) == Swept(0, 0, 0)
    assert sweep(db, blobs, now=now + 629) == Swept(1, 1, 0)
    assert stored(blobs) == set()


def test_orphans_go_after_a_quarter_of_an_hour(db, blobs, now):
    kept, _ = make(db, blobs, now + 400)
    orphan = blobs.put(b"its process died here")
    part = blobs.folder / orphan[:2] / ("f" * 64 + ".part")
    part.touch()
    assert sweep(db, blobs, now=now + 800) == Swept(0, 0, 0)
    assert sweep(db, blobs, now=now + 950) == Swept(links=0, blobs=2, counters=0)
    assert stored(blobs) == {kept}
    assert not part.exists()


def test_after_the_clock_was_set_back_nothing_stays_for_good(db, blobs, now):
    _, token = make(db, blobs, now)
    links.claim(db, token, lease_seconds=30, now=now)
    usage.count(db, "a", window=60, now=now)
    orphan = blobs.put(b"stored in what is now the future")
    assert sweep(db, blobs, now=now - HOUR) == Swept(links=1, blobs=2, counters=1)
    assert orphan not in stored(blobs)
    with pytest.raises(NotFound):
        links.peek(db, token, now)


def test_counters_of_past_windows_go(db, blobs, now):
    usage.count(db, "a", window=60, now=now - 120)
    usage.count(db, "a", window=60, now=now)
    assert sweep(db, blobs, now=now) == Swept(0, 0, 1)


def test_a_finished_link_leaves_nothing(db, blobs, now):
    blob, token = make(db, blobs, now)
    assert links.finish(db, links.claim(db, token, lease_seconds=30, now=now))
    blobs.delete(blob)
    assert sweep(db, blobs, now=now + HOUR) == Swept(0, 0, 0)
    assert stored(blobs) == links.blobs(db) == set()


def test_sweeps_at_once_do_not_disturb_each_other(db, blobs, now, race):
    for age in range(40):
        make(db, blobs, now - 590 - age)
    swept = race(4, lambda: sweep(db, blobs, now=now))
    assert sum(one.links for one in swept) == 30
    assert len(stored(blobs)) == len(links.blobs(db)) == 10


def test_the_thread_sweeps_and_stops(sqlite, blobs, now):
    make(sqlite, blobs, now - HOUR)
    faults: list[Exception] = []
    before = set(threading.enumerate())
    janitor = Janitor(sqlite, blobs, seconds=HOUR, report=faults.append)
    janitor.start()
    assert {thread.name for thread in set(threading.enumerate()) - before} == {"janitor"}
    assert until(lambda: not stored(blobs))
    janitor.stop()
    assert faults == []
    assert set(threading.enumerate()) <= before


def test_the_thread_outlives_what_goes_wrong(sqlite, blobs, now):
    def clock() -> float:
        if len(faults) < 3:
            raise OSError(len(faults))
        return now

    faults: list[Exception] = []
    make(sqlite, blobs, now - HOUR)
    janitor = Janitor(sqlite, blobs, seconds=0.01, report=faults.append, clock=clock)
    janitor.start()
    assert until(lambda: not stored(blobs))
    janitor.stop()
    assert [str(fault) for fault in faults] == ["0", "1", "2"]


def test_one_process_sweeps_and_another_takes_over(sqlite, blobs, tmp_path: Path):
    seen = tmp_path / "who"
    seen.touch()

    def clock() -> float:
        with seen.open("a") as file:
            file.write(f"{os.getpid()}\n")
        return time.time()

    def work() -> None:
        Janitor(sqlite, blobs, seconds=0.02, report=print, clock=clock).start()
        signal.pause()

    def sweepers() -> list[int]:
        return [int(line) for line in seen.read_text().split()]

    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=work) for _ in range(3)]
    for process in processes:
        process.start()
    try:
        assert until(lambda: len(sweepers()) > 10)
        (first,) = set(sweepers())
        next(process for process in processes if process.pid == first).kill()
        assert until(lambda: len(set(sweepers())) > 1)
        (second,) = set(sweepers()) - {first}
        assert until(lambda: sweepers()[-5:] == [second] * 5)
    finally:
        for process in processes:
            process.kill()
            process.join()
