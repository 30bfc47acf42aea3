"""Many callers at once: order in the queue, refusals with a time to come back, and helpers killed under load."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from imgsvc.engine.budget import Limits
from imgsvc.engine.recipe import Recipe
from imgsvc.errors import BadPicture, Busy, TooSlow
from imgsvc.sandbox import Load, Pool
from imgsvc.sandbox.helper import GROWTH, LIFETIME
from imgsvc.sandbox.seats import Seat
from imgsvc.sandbox.turns import AHEAD, Turns


def pid(pool: Pool) -> int:
    result = pool.run(b"told:", Recipe(), seconds=30.0, limits=Limits())
    return int(json.loads(result.data)["pid"])


def test_load_counts_who_runs_and_who_waits(make_pool, run, wait_until, tmp_path: Path) -> None:
    pool = make_pool(helpers=2, queue=3)
    assert pool.load() == Load(helpers=2, running=0, waiting=0, restarts=0)
    with ThreadPoolExecutor(3) as crowd:
        jobs = [crowd.submit(run, pool, f"wait:{tmp_path / 'go'}") for _ in range(3)]
        wait_until(lambda: pool.load() == Load(helpers=2, running=2, waiting=1, restarts=0))
        (tmp_path / "go").touch()
        assert [job.result() for job in jobs] == [b"waited"] * 3
    assert pool.load() == Load(helpers=2, running=0, waiting=0, restarts=0)


@pytest.mark.parametrize("queue", [0, 2])
def test_beyond_the_queue_callers_are_told_when_to_come_back(
    make_pool, run, wait_until, tmp_path: Path, queue: int
) -> None:
    pool = make_pool(helpers=1, queue=queue)
    with ThreadPoolExecutor(queue + 1) as crowd:
        jobs = [crowd.submit(run, pool, f"wait:{tmp_path / 'go'}") for _ in range(queue + 1)]
        wait_until(lambda: pool.load().waiting == queue and pool.load().running == 1)
        with pytest.raises(Busy) as raised:
            run(pool, "one too many")
        # A job is taken to last a second as long as none has ended.
        assert raised.value.retry_after == queue + 1
        (tmp_path / "go").touch()
        assert [job.result() for job in jobs] == [b"waited"] * (queue + 1)
    assert run(pool, "later") == b"later"


def test_an_end_counts_waiting_and_work_together(make_pool, run, wait_until, tmp_path: Path) -> None:
    pool = make_pool(helpers=1, queue=1)

    def ask(until: float) -> bytes:
        job = f"wait:{tmp_path / 'go'}".encode()
        return pool.run(job, Recipe(), seconds=60.0, limits=Limits(), until=until).data

    with pytest.raises(TooSlow):
        ask(time.monotonic() + 1)
    with ThreadPoolExecutor(1) as crowd:
        job = crowd.submit(run, pool, f"wait:{tmp_path / 'go'}")
        wait_until(lambda: pool.load().running == 1)
        for seconds in (0.2, -1.0):
            with pytest.raises(Busy):
                ask(time.monotonic() + seconds)
        assert pool.load().waiting == 0
        (tmp_path / "go").touch()
        assert job.result() == b"waited"
    assert ask(time.monotonic() + 60) == b"waited"


def served(turns: Turns, crowd: Sequence[tuple[str, bool]], wait_until) -> list[str]:
    """The names of a crowd that comes one after the other, short jobs or long, in the order they had the one seat."""
    order, threads = [], []
    held = turns.enter()

    def take(name: str, short: bool) -> None:
        mine = turns.enter(short=short)
        order.append(name)
        turns.leave(mine)

    for one in crowd:
        threads.append(threading.Thread(target=take, args=one))
        threads[-1].start()
        wait_until(lambda: turns.count() == (1, len(threads)))
    turns.leave(held)
    for thread in threads:
        thread.join()
    assert turns.count() == (0, 0)
    return order


@pytest.mark.parametrize("short", [False, True])
def test_the_queue_is_first_come_first_served(wait_until, short: bool) -> None:
    seat = Seat(lambda: pytest.fail("no helper is needed here"), ThreadPoolExecutor(1))
    crowd = [(str(number), short) for number in range(20)]
    assert served(Turns((seat,), queue=20), crowd, wait_until) == [name for name, _ in crowd]


def test_short_jobs_go_first_and_long_ones_are_not_forgotten(wait_until) -> None:
    seat = Seat(lambda: pytest.fail("no helper is needed here"), ThreadPoolExecutor(1))
    few = [f"short {number}" for number in range(2 * AHEAD + 1)]
    crowd = [("long 1", False), ("long 2", False), *((name, True) for name in few), ("long 3", False)]
    order = served(Turns((seat,), queue=len(crowd)), crowd, wait_until)
    assert order == [*few[:AHEAD], "long 1", *few[AHEAD : 2 * AHEAD], "long 2", few[-1], "long 3"]


@pytest.mark.parametrize(("seconds", "retry_after"), [([0.001] * 100, 1), ([3.0] * 200, 3), ([900.0] * 50, 60)])
def test_time_to_come_back_follows_the_jobs_so_far(seconds: list[float], retry_after: int) -> None:
    turns = Turns((Seat(lambda: pytest.fail("no helper is needed here"), ThreadPoolExecutor(1)),), queue=0)
    for lasted in seconds:
        turns.leave(turns.enter(), lasted)
    turns.enter()
    with pytest.raises(Busy) as raised:
        turns.enter()
    assert raised.value.retry_after == retry_after


def test_patience_ends_and_leaves_no_trace() -> None:
    seat = Seat(lambda: pytest.fail("no helper is needed here"), ThreadPoolExecutor(1))
    turns = Turns((seat,), queue=1, patience=0.05)
    held = turns.enter()
    with pytest.raises(Busy):
        turns.enter()
    assert turns.count() == (1, 0)
    turns.leave(held)
    assert turns.enter() is seat


def test_closing_wakes_all_who_wait(wait_until) -> None:
    turns = Turns((Seat(lambda: pytest.fail("no helper is needed here"), ThreadPoolExecutor(1)),), queue=3)
    turns.enter()
    with ThreadPoolExecutor(3) as crowd:
        waiting = [crowd.submit(turns.enter, short=number == 1) for number in range(3)]
        wait_until(lambda: turns.count() == (1, 3))
        turns.close()
        assert [type(one.exception(timeout=30)) for one in waiting] == [Busy] * 3
    assert turns.count() == (1, 0)


def test_a_helper_killed_at_rest_costs_nobody_a_picture(pool: Pool, wait_until, running) -> None:
    for _ in range(3):
        before = pid(pool)
        os.kill(before, signal.SIGKILL)
        wait_until(lambda gone=before: not running(gone))
        assert pid(pool) != before
    assert pool.load().restarts == 3


def test_a_helper_killed_at_work_costs_nobody_a_picture(pool: Pool, run, wait_until, running, tmp_path: Path) -> None:
    victim = pid(pool)
    with ThreadPoolExecutor(1) as crowd:
        job = crowd.submit(run, pool, f"wait:{tmp_path / 'go'}")
        wait_until(lambda: list((tmp_path / "jobs").glob("*/job-*/upload")) != [])
        os.kill(victim, signal.SIGKILL)
        (tmp_path / "go").touch()
        assert job.result() == b"waited"
    assert not running(victim)


def test_a_helper_whose_caller_was_interrupted_is_not_asked_again(pool: Pool, run, tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupted

    before = pid(pool)
    handler = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(Interrupted):
            run(pool, f"wait:{tmp_path / 'never'}")
    finally:
        signal.signal(signal.SIGALRM, handler)
    assert run(pool, "next") == b"next"
    assert pid(pool) != before


def test_a_helper_is_replaced_after_a_thousand_pictures(pool: Pool, run) -> None:
    first = pid(pool)
    for _ in range(LIFETIME - 2):
        run(pool, b"")
    assert pid(pool) == first
    assert pid(pool) != first
    assert pool.load().restarts == 1


def test_a_helper_that_has_grown_is_replaced(make_pool, run) -> None:
    pool = make_pool(memory=4 * GROWTH)
    first = pid(pool)
    run(pool, f"leak:{GROWTH // 4}")
    assert pid(pool) == first
    run(pool, f"leak:{GROWTH}")
    run(pool, "it says so with the next answer")
    assert pid(pool) != first
    assert pool.load().restarts == 1


def test_a_crash_harms_no_neighbour(make_pool, run) -> None:
    pool = make_pool(helpers=2, queue=40)
    orders = ["segfault:" if number % 5 == 0 else f"fine {number}" for number in range(20)]
    with ThreadPoolExecutor(8) as crowd:
        jobs = [(order, crowd.submit(run, pool, order)) for order in orders]
        for order, job in jobs:
            if order == "segfault:":
                with pytest.raises(BadPicture):
                    job.result()
            else:
                assert job.result() == order.encode()


def test_random_kills_under_load_wedge_nothing(make_pool, run, wait_until) -> None:
    pool = make_pool(helpers=2, queue=40)
    ended = threading.Event()
    answers: list[str] = []

    def work() -> None:
        while not ended.is_set():
            try:
                pids.add(pid(pool))
                answers.append("fine")
            except BadPicture:
                answers.append("killed twice")

    pids = {pid(pool)}
    crowd = [threading.Thread(target=work) for _ in range(6)]
    for one in crowd:
        one.start()
    for _ in range(20):
        before = len(answers)
        while pids:
            with suppress(ProcessLookupError):
                os.kill(pids.pop(), signal.SIGKILL)
        wait_until(lambda so_far=before: len(answers) > so_far + 12)
    ended.set()
    for one in crowd:
        one.join()
    assert run(pool, "still here") == b"still here"
    assert pool.load().running == pool.load().waiting == 0
    assert answers.count("fine") > 200
