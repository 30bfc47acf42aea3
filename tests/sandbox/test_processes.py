"""Helpers as processes: they start with the first picture, end with their parent, and are not shared by a fork."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

import imgsvc
from imgsvc.engine.budget import Limits
from imgsvc.engine.recipe import Recipe
from imgsvc.errors import Busy, InputError, TooSlow, UnsupportedKind
from imgsvc.sandbox import Pool, child, folder, sweep

ROOT = str(Path(imgsvc.__file__).parents[1])

PARENT = """
import sys
sys.path.insert(0, sys.argv[1])
import json, os, threading
from pathlib import Path
from imgsvc.engine.budget import Limits
from imgsvc.engine.recipe import Recipe
from imgsvc.sandbox import Pool

pool = Pool(Path(sys.argv[2]), helpers=2, queue=4, memory=2**29, command=tuple(json.loads(sys.argv[3])))

def run(order):
    return pool.run(order.encode(), Recipe(), seconds=60.0, limits=Limits()).data.decode()

def pid():
    return json.loads(run("told:"))["pid"]
"""

ORPHANS = """
pids = {pid() for _ in range(2)}
threading.Thread(target=run, args=("hang:",), daemon=True).start()
while len(pids) < 2:
    pids.add(pid())
print(*pids, flush=True)
threading.Event().wait()
"""

FORK = """
mine = {pid() for _ in range(4)}
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    theirs = {pid() for _ in range(4)}
    os.write(writer, json.dumps([sorted(theirs), pool.load().helpers]).encode())
    pool.close()
    os._exit(0)
os.waitpid(child, 0)
theirs, helpers = json.loads(os.read(reader, 1000))
again = {pid() for _ in range(4)}
print(json.dumps({"mine": sorted(mine), "theirs": theirs, "again": sorted(again), "restarts": pool.load().restarts}))
pool.close()
"""

FORK_WHILE_BUSY = """
crowd = [threading.Thread(target=lambda: [run("x") for _ in range(200)]) for _ in range(4)]
pid()
for one in crowd:
    one.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        os._exit(0 if run("from the child") == "from the child" else 1)
    assert os.waitpid(child, 0)[1] == 0
for one in crowd:
    one.join()
print("fine", pool.load().restarts)
pool.close()
"""


def script(text: str, folder: Path, command: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-I", "-W", "ignore", "-c", PARENT + text, ROOT, str(folder), json.dumps(command)]


def test_no_helper_outlives_a_killed_parent(tmp_path: Path, faults: tuple[str, ...], run, wait_until, running) -> None:
    with subprocess.Popen(script(ORPHANS, tmp_path, faults), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        helpers = [int(word) for word in parent.stdout.readline().split()]
        assert len(helpers) == 2
        assert all(running(helper) for helper in helpers)
        parent.kill()
    wait_until(lambda: not any(running(helper) for helper in helpers))


def test_a_program_a_helper_runs_ends_with_it(pool: Pool, run, wait_until, running, tmp_path: Path) -> None:
    run(pool, "warm")
    with pytest.raises(TooSlow):
        run(pool, f"tool:{tmp_path / 'pid'}", seconds=1.0)
    program = int((tmp_path / "pid").read_text())
    wait_until(lambda: not running(program))


@pytest.mark.parametrize("end", ["hang", "segfault"])
def test_nothing_that_a_killed_helper_left_outlives_it(make_pool, run, wait_until, tmp_path: Path, end: str) -> None:
    pool = make_pool()
    run(pool, "warm")
    with pytest.raises(InputError):
        run(pool, f"litter:{end}", seconds=1.0 if end == "hang" else 30.0)
    wait_until(lambda: list((tmp_path / "jobs").glob("*/*")) == [])
    assert run(pool, "next") == b"next"


def test_a_forked_process_starts_its_own_helpers(
    tmp_path: Path, faults: tuple[str, ...], run, wait_until, running
) -> None:
    ended = subprocess.run(script(FORK, tmp_path, faults), capture_output=True, text=True, check=True, timeout=60)
    said = json.loads(ended.stdout)
    assert not set(said["mine"]) & set(said["theirs"])
    assert set(said["again"]) <= set(said["mine"])
    assert said["restarts"] == 0
    assert not any(running(helper) for helper in said["mine"] + said["theirs"])


def test_a_fork_in_the_middle_of_work_blocks_nobody(
    tmp_path: Path, faults: tuple[str, ...], run, wait_until, running
) -> None:
    call = script(FORK_WHILE_BUSY, tmp_path, faults)
    ended = subprocess.run(call, capture_output=True, text=True, timeout=100, check=False)
    assert (ended.stdout, ended.stderr) == ("fine 0\n", "")


def test_close_ends_the_helpers_and_sends_everybody_away(make_pool, run, wait_until, running) -> None:
    pool = make_pool(helpers=1, queue=2)
    helper = int(json.loads(run(pool, "told:"))["pid"])
    with ThreadPoolExecutor(3) as crowd:
        jobs = [crowd.submit(run, pool, "slow:60") for _ in range(3)]
        wait_until(lambda: pool.load().waiting == 2)
        pool.close()
        assert [type(job.exception()) for job in jobs] == [Busy] * 3
    assert not running(helper)
    pool.close()
    with pytest.raises(Busy):
        run(pool, "too late")


def test_start_starts_all_helpers_and_a_picture_only_one(make_pool, run, wait_until, tmp_path: Path, faults) -> None:
    starts = tmp_path / "starts"
    starts.touch()
    *interpreter, code, engine = faults
    marked = (*interpreter, f"open({str(starts)!r}, 'a').write('.'); {code}", engine)
    pool = make_pool(helpers=3, command=marked)
    assert run(pool, "one") == run(pool, "one") == b"one"
    assert starts.read_text() == "."
    pool.start()
    pool.start()
    wait_until(lambda: starts.read_text() == "...")
    assert run(pool, "more") == b"more"
    assert starts.read_text() == "..."


@pytest.mark.parametrize(
    "command",
    [
        ("/nonexistent/interpreter",),
        (sys.executable, "-I", "-c", "raise SystemExit(1)"),
        (sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {ROOT!r}); "
         "from imgsvc.sandbox.helper import main; main()", "no.such.engine"),
    ],
)  # fmt: skip
def test_helpers_that_cannot_start_are_not_tried_without_end(make_pool, run, command: tuple[str, ...]) -> None:
    pool = make_pool(helpers=1, command=command)
    for _ in range(50):
        with pytest.raises(Busy) as raised:
            run(pool, "anything")
        assert raised.value.retry_after is not None
    assert pool.load().restarts < 5


def test_why_a_helper_did_not_start_can_be_logged(make_pool, run) -> None:
    start = f"import sys; sys.path.insert(0, {ROOT!r}); from imgsvc.sandbox.helper import main; main()"
    pool = make_pool(command=(sys.executable, "-I", "-c", start, "no.such.engine"))
    for _ in range(2):
        with pytest.raises(Busy) as raised:
            run(pool, "anything")
        assert "No module named 'no'" in " ".join(raised.value.__notes__)


def test_the_engine_of_this_checkout_is_found_and_answers(tmp_path: Path) -> None:
    pool = Pool(tmp_path, helpers=1, queue=0, memory=2**31)
    picture = BytesIO()
    Image.new("RGB", (40, 30), (200, 30, 30)).save(picture, "BMP")
    try:
        result = pool.run(picture.getvalue(), Recipe(), seconds=30.0, limits=Limits())
        with pytest.raises(UnsupportedKind):
            pool.run(b"%PDF-1.7", Recipe(), seconds=30.0, limits=Limits())
    finally:
        pool.close()
    assert (result.format, result.width, result.height) == ("png", 40, 30)
    assert Image.open(BytesIO(result.data)).size == (40, 30)


def test_a_pool_forgotten_ends_its_helpers(tmp_path: Path, faults: tuple[str, ...], run, wait_until, running) -> None:
    pool = Pool(tmp_path, helpers=1, queue=0, memory=2**29, command=faults)
    helper = int(json.loads(run(pool, "told:"))["pid"])
    assert running(helper)
    del pool
    wait_until(lambda: not running(helper))


def test_the_sweep_takes_what_is_old_only(tmp_path: Path) -> None:
    for name in ("job-old", "job-new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "upload").write_bytes(b"x")
    (tmp_path / "left-by-a-library").write_bytes(b"x")
    for name in ("job-old", "left-by-a-library"):
        os.utime(tmp_path / name, (0, 0))
    assert sweep(tmp_path, older=3600) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["job-new"]


LAY = "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); from imgsvc.sandbox import folder; "


def test_the_sweep_takes_the_desks_of_the_dead_at_once_and_of_the_living_never(tmp_path: Path) -> None:
    mine = folder.lay(tmp_path)
    call = [sys.executable, "-I", "-c", LAY + "print(folder.lay(Path(sys.argv[2])).path)", ROOT, str(tmp_path)]
    theirs = Path(subprocess.run(call, capture_output=True, text=True, check=True, timeout=60).stdout.strip())
    assert mine.path.is_dir()
    assert theirs.is_dir()
    (theirs / "job-left").mkdir()
    os.utime(mine.path, (0, 0))
    assert sweep(tmp_path, older=3600) == 1
    assert list(tmp_path.iterdir()) == [mine.path]
    mine.clear()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("already", [0, 3])
def test_helpers_are_less_urgent_than_their_parent_however_urgent_that_is(tmp_path, already):
    script = f"""
import os
from pathlib import Path
from imgsvc.sandbox import child

os.nice({already})
helper = child.start(child.command(engine=""), Path({str(tmp_path)!r}), 2**31)
print(os.getpriority(os.PRIO_PROCESS, helper.process.pid) - os.getpriority(os.PRIO_PROCESS, 0))
helper.close()
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) == child.NICE
