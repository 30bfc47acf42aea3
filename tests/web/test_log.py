"""One line of JSON a request, and no secret in any."""

from __future__ import annotations

import json
from io import StringIO

import pytest

from imgsvc.app import create_app
from imgsvc.observe import LEVELS, Log
from imgsvc.settings import Settings, SettingsError


def test_a_line_tells_what_was_done(found, picture):
    site = found()
    upload = picture("JPEG")
    answer = site.post(upload, path="/api/v1/optimize?who=me", output_format="webp")
    (line,) = site.lines()
    assert line["event"] == "request"
    assert (line["method"], line["path"], line["status"]) == ("POST", "/api/v1/optimize", 200)
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert (line["original_size"], line["optimized_size"]) == (len(upload), len(answer.data))
    assert (line["original_format"], line["format"]) == ("jpg", "webp")
    assert line["score"] >= 70
    assert any("kept" in step for step in line["steps"])
    assert line["address"] == "127.0.0.1"
    assert line["seconds"] >= line["work_seconds"] >= 0
    assert "T" in line["time"]


def test_a_line_tells_what_was_wrong(found):
    site = found()
    site.post(b"not a picture")
    site.get("/download.php?id=secret-token")
    wrong, missing = site.lines()
    assert (wrong["status"], wrong["error"]) == (400, "unsupported_kind")
    assert (missing["path"], missing["error"]) == ("/download.php", "not_found")


def test_no_line_holds_a_secret(found, photo):
    site = found()
    wrong = "opt_" + "w" * 43
    link = site.post(photo, path=f"/api/v1/optimize?api_key={site.key}", headers={}, response="json").json
    site.post(photo)
    site.post(photo, headers={"X-API-Key": wrong})
    site.post(photo, headers={"Authorization": f"Bearer {site.key}"})
    site.get(link["download_url"])
    site.get(link["download_url"])
    text = site.log.getvalue()
    assert len(text.splitlines()) == 6
    for secret in (site.key, site.key[4:], wrong, link["download_url"].partition("=")[2]):
        assert secret not in text


def test_a_path_cannot_forge_a_line(found):
    site = found()
    site.get('/a"\n{"level":"error"}\x1b[31m' + "x" * 500)
    (line,) = site.lines()
    assert line["status"] == 404
    assert len(line["path"]) == 200


@pytest.mark.parametrize("least", LEVELS)
def test_a_level_hides_what_is_below_it(least):
    stream = StringIO()
    log = Log(least, stream)
    for level in LEVELS:
        log.write("test", level=level, nothing=None)
    shown = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["level"] for line in shown] == list(LEVELS[LEVELS.index(least) :])
    assert all("nothing" not in line for line in shown)


def test_an_unknown_level_fails_at_the_start(tmp_path):
    with pytest.raises(SettingsError, match=r"^IMGSVC_LOG_LEVEL: got 'loud', expected one of debug, info"):
        create_app(Settings(instance=tmp_path, log_level="loud"))


def test_the_fences_are_told_once_at_start(tmp_path):
    stream = StringIO()
    create_app(Settings(instance=tmp_path), log=Log("info", stream))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    (line,) = [line for line in lines if line["event"] == "fences"]
    assert {"sizes", "privileges", "files", "calls"} <= set(line)
    missing = [name for name, note in line.items() if note.startswith("missing")]
    assert line["level"] == ("warning" if missing else "info")
