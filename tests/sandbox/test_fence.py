"""The fences around a helper: what a decoder that was taken over cannot do, and what codecs still can."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import imgsvc
from imgsvc.engine.budget import Limits
from imgsvc.engine.recipe import Recipe
from imgsvc.engine.result import Result
from imgsvc.sandbox import Fence, Pool, fence, folder, landlock, seccomp, survey
from imgsvc.sandbox.fence import Ground

HERE = Path(__file__).parent
PLACES = [str(Path(imgsvc.__file__).parents[1]), str(HERE)]
START = f"import sys; sys.path[:0] = {PLACES!r}; from imgsvc.sandbox import fence, helper; helper.main(fence.%s)"
SIGNALS_SINCE = 6
"""Landlock's version from which on signals stay inside."""

Say = Callable[[str], str]


@dataclass(frozen=True)
class Act:
    """What is tried, on which path, and the fence that shall refuse it."""

    name: str
    fence: str
    path: str = ""


FORBIDDEN = (
    Act("read", "files", "/etc/passwd"),
    Act("read", "files", "{service}/imgsvc.sqlite3"),
    Act("read", "files", "{neighbour}/upload"),
    Act("listing", "files", "{service}/jobs"),
    Act("listing", "files", "/"),
    Act("read_parents_environment", "files"),
    Act("write", "files", "{service}/new"),
    Act("write", "files", "{neighbour}/answer.json"),
    Act("append", "files", str(HERE / "probe.py")),
    Act("remove", "files", "{service}/left"),
    Act("link", "files", "/etc/passwd"),
    Act("run", "files", "/bin/sh"),
    Act("run", "files", sys.executable),
    Act("signal_parent", "files"),
    Act("change_mode", "calls", "{service}/imgsvc.sqlite3"),
    Act("connect", "calls"),
    Act("ask_by_datagram", "calls"),
    Act("unix_socket", "calls"),
    Act("run_from_memory", "calls"),
    Act("read_memory", "calls"),
    Act("trace", "calls"),
    Act("new_namespace", "calls"),
    Act("leave_the_group", "calls"),
    Act("slow_down_the_parent", "calls"),
)


@dataclass(frozen=True)
class Scene:
    """One helper behind fences and one without, in a service's folder with a neighbour at work."""

    fenced: Say
    free: Say
    places: dict[str, Path]
    fences: dict[str, Fence]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    service = tmp_path_factory.mktemp("service")
    for name in ("imgsvc.sqlite3", "left"):
        (service / name).write_bytes(b"not for helpers")
    pools = [probing(service / "jobs", how) for how in ("put_up", "leave_open")]
    desk = folder.lay(service / "jobs")
    with folder.make(desk, b"another picture") as neighbour:
        fenced, free = map(asking, pools)
        assert fenced("work_as_usual") == free("work_as_usual") == "done"
        up = {one.name: one for one in pools[0].load().fences}
        yield Scene(fenced, free, {"service": service, "neighbour": neighbour}, up)
    for pool in pools:
        pool.close()
    desk.clear()


def probing(jobs: Path, how: str) -> Pool:
    pool = Pool(jobs, helpers=1, queue=4, memory=2**30, command=(sys.executable, "-I", "-c", START % how, "probe"))
    pool.load()
    return pool


def asking(pool: Pool) -> Say:
    return lambda order: pool.run(order.encode(), Recipe(), seconds=30.0, limits=Limits()).data.decode()


@pytest.mark.parametrize("act", FORBIDDEN, ids=lambda act: f"{act.name} {act.path}".strip())
def test_a_forbidden_act_is_refused_and_would_be_done_without_the_fence(scene: Scene, act: Act) -> None:
    stands = scene.fences[act.fence]
    if not stands.up:
        pytest.skip(f"this system has no such fence: {stands.note}")
    if act.name == "signal_parent" and int(stands.note.split()[-1]) < SIGNALS_SINCE:
        pytest.skip(f"{stands.note} knows no signals")
    order = f"{act.name}:{act.path.format(**scene.places)}"
    assert scene.fenced(order) in ("EACCES", "EPERM", "EXDEV")
    assert scene.free(order) == "done"


@pytest.mark.parametrize("order", ["work_as_usual", "stop_a_program"])
def test_what_codecs_need_is_still_there(scene: Scene, order: str) -> None:
    assert scene.fenced(order) == "done"


def test_a_helper_tells_its_fences_and_the_pool_passes_it_on(scene: Scene, tmp_path: Path) -> None:
    assert list(scene.fences) == ["sizes", "privileges", "files", "calls"]
    assert {one.name: one for one in survey(tmp_path)} == scene.fences
    assert list(tmp_path.iterdir()) == []


def test_a_fence_is_up_where_the_kernel_offers_it(scene: Scene) -> None:
    offers = {"sizes": True, "privileges": sys.platform == "linux", "files": has_landlock(), "calls": has_filters()}
    assert {name: one.up for name, one in scene.fences.items()} == offers


def has_landlock() -> bool:
    try:
        return landlock.version() > 0
    except OSError:
        return False


def has_filters() -> bool:
    status = Path("/proc/self/status")
    return platform.machine() in seccomp.MACHINES and status.exists() and "Seccomp:" in status.read_text()


def test_a_fence_that_cannot_stand_is_told_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    # A processor without a table; nothing is put up in this process, as the check comes first.
    monkeypatch.setattr(platform, "machine", lambda: "abacus")
    told = fence._try("calls", fence._refuse_calls, Ground(Path(), ""))
    assert told == Fence("calls", False, "no table of system calls for abacus")


def test_a_pool_says_nothing_of_fences_before_a_helper_is_up(tmp_path: Path) -> None:
    pool = probing(tmp_path, "put_up")
    assert pool.load().fences == ()
    pool.close()


@pytest.mark.parametrize("said", [None, 1, [1], [{}], [{"name": "files"}]])
def test_a_greeting_without_sense_is_refused(said: object) -> None:
    with pytest.raises(ValueError, match="fences"):
        fence.from_wire(said)


def test_an_answer_is_not_looked_for_through_a_link(tmp_path: Path) -> None:
    result = Result(b"data", "png", "image/png", 1, 1, 1, 100.0, 4, "png", 1, 1, 0.01, ())
    real, fake = tmp_path / "real", tmp_path / "fake"
    real.mkdir()
    folder.Answers(real).keep(result)
    assert folder.answer(real, 100) == result
    fake.symlink_to(real)
    with pytest.raises(ValueError, match="cannot be read"):
        folder.answer(fake, 100)
