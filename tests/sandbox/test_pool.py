"""A job's life in the sandbox: what reaches the helper, what comes back, and which error for which fault."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import imgsvc
from imgsvc.engine.budget import Limits
from imgsvc.engine.recipe import LooksLike, Recipe, Resize
from imgsvc.errors import BadPicture, ImgsvcError, InputError, StorageFull, TooManyPixels, TooSlow, UnsupportedKind
from imgsvc.sandbox import Pool

SECONDS = 20.0


def told(pool: Pool) -> dict[str, Any]:
    result = pool.run(b"told:", Recipe(), seconds=SECONDS, limits=Limits())
    return dict(json.loads(result.data))


def test_a_result_comes_back_whole(pool: Pool, run) -> None:
    result = pool.run(b"\x00\xff" * 100_000, Recipe(), seconds=SECONDS, limits=Limits())
    assert result.data == b"\x00\xff" * 100_000
    assert (result.format, result.mime, result.width, result.height, result.score) == ("png", "image/png", 3, 2, 100.0)
    assert [(step.name, step.outcome, step.size) for step in result.steps] == [("png.echo", "kept", 200_000)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.binary(max_size=2000).filter(lambda data: b":" not in data))
def test_any_bytes_arrive_as_they_were(pool: Pool, run, data: bytes) -> None:
    assert run(pool, data) == data


def test_recipe_limits_and_time_reach_the_engine(pool: Pool, run) -> None:
    recipe = Recipe(LooksLike(81.5), ("webp", "avif"), Resize(30, 40))
    result = pool.run(b"told:", recipe, seconds=7.0, limits=Limits(max_width=77))
    said = json.loads(result.data)
    assert said["key"] == recipe.key
    assert said["width"] == 77
    assert 0 < said["seconds"] <= 7.0


def test_the_helper_is_confined(make_pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMGSVC_SECRET", "not for helpers")
    said = told(make_pool(memory=300 * 1024 * 1024))
    assert (said["memory"], said["core"], said["threads"]) == (300 * 1024 * 1024, 0, "1")
    assert "IMGSVC_SECRET" not in said["names"]
    assert said["output"] == "/dev/null"
    assert said["handles"] == 6  # three standard ones, the line, its own weight, and the listing itself


def test_one_helper_serves_one_job_after_the_other(pool: Pool, run) -> None:
    assert told(pool)["pid"] == told(pool)["pid"]
    assert pool.load().restarts == 0


@pytest.mark.parametrize(
    ("order", "error", "message"),
    [
        ("refuse:", UnsupportedKind, "image: got 'PDF', expected a picture."),
        ("stumble:", BadPicture, BadPicture.sentence),
        ("full:", StorageFull, StorageFull.sentence),
        ("hog:", TooManyPixels, TooManyPixels.sentence),
        ("segfault:", BadPicture, BadPicture.sentence),
        ("leave:", BadPicture, BadPicture.sentence),
        ("say:no json", BadPicture, BadPicture.sentence),
        ("say:[1]", BadPicture, BadPicture.sentence),
        ("say:" + "[" * 900, BadPicture, BadPicture.sentence),
        ("say:{}", BadPicture, BadPicture.sentence),
        ('lie:{"error": {"code": "internal", "message": "boo"}}', BadPicture, BadPicture.sentence),
        ("slow:60", TooSlow, TooSlow.sentence),
        ("hang:", TooSlow, TooSlow.sentence),
    ],
)
def test_each_fault_has_its_error_and_the_next_picture_is_fine(
    pool: Pool, run, order: str, error: type[ImgsvcError], message: str
) -> None:
    run(pool, b"warm")
    with pytest.raises(error) as raised:
        run(pool, order, seconds=0.5 if error is TooSlow else SECONDS)
    assert raised.value.message == message
    assert run(pool, b"next") == b"next"


@pytest.mark.parametrize(
    ("order", "note"),
    [("stumble:", "ZeroDivisionError"), ("hog:", "MemoryError"), ("segfault:", "exit code -11"), ("slow:9", "in time")],
)
def test_the_log_learns_what_happened_and_the_caller_does_not(pool: Pool, run, order: str, note: str) -> None:
    with pytest.raises(InputError) as raised:
        run(pool, order, seconds=0.5 if order.startswith("slow") else SECONDS)
    assert note in " ".join(raised.value.__notes__)
    assert note not in raised.value.message
    assert "secret" not in raised.value.message


def test_a_helper_out_of_memory_is_replaced(pool: Pool, run) -> None:
    before = told(pool)["pid"]
    with pytest.raises(TooManyPixels):
        run(pool, "hog:")
    assert pool.load().restarts == 1
    assert told(pool)["pid"] != before


@pytest.mark.parametrize("end", ["slow", "hang", "segfault", "leave", "hog", "stumble"])
def test_the_best_answer_so_far_survives_the_helper(pool: Pool, run, end: str) -> None:
    run(pool, b"warm")
    assert run(pool, f"keep_then:{end}", seconds=3.0 if end in ("slow", "hang") else SECONDS) == b"second"


def test_a_verdict_of_the_engine_outweighs_an_earlier_answer(pool: Pool, run) -> None:
    with pytest.raises(UnsupportedKind):
        run(pool, "keep_then:refuse")


def test_a_picture_gets_a_second_try(pool: Pool, run, tmp_path: Path) -> None:
    assert run(pool, f"segfault_once:{tmp_path / 'mark'}") == b"second try"
    assert pool.load().restarts == 1


@pytest.mark.parametrize(
    "forged",
    [
        "{",
        "[]",
        '{"file": "../../secret", "result": {}}',
        '{"file": "1-00.data", "result": {}}',
        "link=/etc/hostname",
    ],
)
def test_a_forged_answer_is_not_believed(pool: Pool, run, forged: str) -> None:
    with pytest.raises(BadPicture):
        run(pool, f"forge:{forged}")
    assert run(pool, b"next") == b"next"


def test_the_deadline_is_kept(pool: Pool, run) -> None:
    run(pool, b"warm")
    begin = time.monotonic()
    with pytest.raises(TooSlow):
        run(pool, "hang:", seconds=0.5)
    # Far from the seconds the hang would take; how close it comes is for a benchmark to say.
    assert 0.5 <= time.monotonic() - begin < 10


def test_the_web_process_loads_no_codec() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import imgsvc.sandbox; print(*sys.modules)"
    root = Path(imgsvc.__file__).parents[1]
    loaded = subprocess.run([sys.executable, "-I", "-c", code, root], capture_output=True, text=True, check=True)
    assert not {"numpy", "cv2", "PIL", "pyvips"} & set(loaded.stdout.split())
