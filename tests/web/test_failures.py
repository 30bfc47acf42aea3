"""Every failure is JSON of one shape and gives nothing away (K30-K35)."""

from __future__ import annotations

import errno
from dataclasses import dataclass

import pytest

from imgsvc.errors import BadPicture, Busy, StorageFull, TooManyPixels, TooSlow, UnsupportedKind
from imgsvc.sandbox import Load


@dataclass(frozen=True)
class Failing:
    """Stands where the pool stands, and fails as it may."""

    error: Exception

    def run(self, *_, **__):
        raise self.error

    def start(self):
        pass

    def load(self):
        return Load(helpers=1, running=0, waiting=0, restarts=0)


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (UnsupportedKind(), 400, "image: not a picture"),
        (BadPicture(), 400, "image: the picture is damaged"),
        (TooManyPixels("image: got 5000x1 pixels, expected at most 2000x2000."), 400, "image: got 5000x1"),
        (TooSlow(), 400, "image: the picture took too long"),
        (Busy(retry_after=7), 503, "The server is busy"),
        (StorageFull(), 507, "The server has no room"),
        (OSError(errno.ENOSPC, "full", "/secret/path"), 507, "The server has no room"),
        (OSError(errno.EIO, "broken", "/secret/path"), 500, "Something went wrong"),
        (ZeroDivisionError("secret detail"), 500, "Something went wrong"),
        (RecursionError("secret detail"), 500, "Something went wrong"),
    ],
)
def test_a_fault_of_the_picture_is_400_and_ours_is_not(found, error, status, says):
    site = found(pool=Failing(error))
    answer = site.post(b"any")
    assert (answer.status_code, answer.mimetype) == (status, "application/json")
    assert list(answer.json) == ["error"]
    assert answer.json["error"].startswith(says)
    assert b"secret" not in answer.data
    assert answer.headers.get("Retry-After") == ("7" if status == 503 else None)


def test_a_traceback_is_for_the_log_alone(found):
    site = found(pool=Failing(ZeroDivisionError("secret detail")))
    answer = site.post(b"any")
    line = site.lines()[-1]
    assert (line["level"], line["status"], line["error"]) == ("error", 500, "internal")
    assert "ZeroDivisionError: secret detail" in line["traceback"]
    assert line["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", ["/api/v1/optimize", "/api/v1/optimize/"])
def test_a_wrong_method_is_told_the_right_one(site, method, path):
    answer = site.ask(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.mimetype == "application/json"
    if method != "HEAD":
        assert answer.json == {"error": "Wrong HTTP method (use POST)."}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/optimize/x",
        "/api/v1/optimize//",
        "//api/v1/optimize",
        "/api/v1",
        "/api/v1/optimizer",
        "/download.php/x.css",
        "/nothing",
        "/static/nothing.css",
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/%00",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_path_is_json_and_no_detour(site, path, method):
    answer = site.ask(method, path)
    assert answer.status_code in ((404,) if method == "GET" else (404, 405))
    assert list(answer.json) == ["error"]
    assert "Location" not in answer.headers
