"""Pools of real helper processes, whose engine makes faults happen on order."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

import imgsvc
from imgsvc.engine.budget import Limits
from imgsvc.engine.recipe import Recipe
from imgsvc.sandbox import Pool

MEMORY = 512 * 1024 * 1024
PLACES = [str(Path(imgsvc.__file__).parents[1]), str(Path(__file__).parent)]
START = (
    f"import sys; sys.path[:0] = {PLACES!r}; from imgsvc.sandbox import fence, helper; helper.main(fence.leave_open)"
)

MakePool = Callable[..., Pool]
Run = Callable[..., bytes]
WaitUntil = Callable[[Callable[[], bool]], None]
Running = Callable[[int], bool]


@pytest.fixture(scope="session")
def faults() -> tuple[str, ...]:
    """The command of a helper whose engine is faults.py, without fences: its orders name files of the tests."""
    return (sys.executable, "-I", "-c", START, "faults")


@pytest.fixture
def make_pool(tmp_path: Path, faults: tuple[str, ...]) -> Iterator[MakePool]:
    """Makes pools in one folder; each is closed in the end, and no job may have left anything behind."""
    pools: list[Pool] = []
    folder = tmp_path / "jobs"

    def make(helpers: int = 1, queue: int = 8, memory: int = MEMORY, command: tuple[str, ...] = faults) -> Pool:
        pools.append(Pool(folder, helpers=helpers, queue=queue, memory=memory, command=command))
        return pools[-1]

    yield make
    left = list(folder.glob("*/*"))
    for pool in pools:
        pool.close()
    assert left == []
    assert list(folder.glob("*")) == []


@pytest.fixture
def pool(make_pool: MakePool) -> Pool:
    """A pool of one helper."""
    return make_pool()


@pytest.fixture(scope="session")
def run() -> Run:
    """Runs one order in a pool, as text or bytes, and gives the bytes that come back."""

    def run(pool: Pool, order: str | bytes, seconds: float = 30.0) -> bytes:
        data = order.encode() if isinstance(order, str) else order
        return pool.run(data, Recipe(), seconds=seconds, limits=Limits()).data

    return run


@pytest.fixture(scope="session")
def wait_until() -> WaitUntil:
    """Waits for something to be true, and fails when it never is."""

    def wait_until(happened: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not happened():
            assert time.monotonic() < end, "did not happen in time"
            time.sleep(0.01)

    return wait_until


@pytest.fixture(scope="session")
def running() -> Running:
    """Whether the process with this id is there and no zombie."""

    def running(process: int) -> bool:
        with suppress(FileNotFoundError):
            return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        return False

    return running
