"""How long answers of the ImageOptim API are kept, and what comes when time runs out (I22-I25)."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import pytest
from imgsvc_origins import page

from imgsvc.engine.result import Result
from imgsvc.errors import TooSlow
from imgsvc.sandbox import Load

FOUR_HOURS = 4 * 3600
YEAR = 365 * 86400


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ((), FOUR_HOURS),
        (("Cache-Control: no-store",), FOUR_HOURS),
        (("Cache-Control: private, max-age=99999",), FOUR_HOURS),
        (("Cache-Control: max-age=60",), FOUR_HOURS),
        (("Cache-Control: max-age=86400",), 86_400),
        (("Cache-Control: max-age=86400, s-maxage=172800",), 172_800),
        (("Cache-Control: max-age=99999999999",), YEAR),
        (("Date: Thu, 01 Jan 2026 00:00:00 GMT", "Expires: Fri, 02 Jan 2026 00:00:00 GMT"), 86_400),
    ],
)
def test_it_is_kept_four_hours_or_as_long_as_its_server_says(resizer, photo, said, kept):
    made = resizer(page(photo, *said))
    assert made.get().headers["Cache-Control"] == f"public, max-age={kept}"
    made.site.clock.now += kept - 60
    later = made.get()
    assert (later.headers["Cache-Control"], later.headers["Age"]) == (f"public, max-age={kept}", str(kept - 60))
    assert made.fetched == 1
    made.site.clock.now += 120
    assert made.get().headers["Age"] == "0"
    assert made.fetched == 2


def test_who_has_it_is_told_to_go_on_before_any_work(resizer, photo):
    made = resizer(page(photo), cache_bytes=0)
    first = made.get("full")
    made.site.clock.now += 600
    asked = {"If-None-Match": f'"other", W/{first.headers["ETag"]}'}
    for method in ("GET", "HEAD"):
        answer = made.get("full", headers=asked, method=method)
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["ETag"] == first.headers["ETag"]
        assert answer.headers["Cache-Control"] == f"public, max-age={FOUR_HOURS - 600}"
        assert (answer.headers["Vary"], answer.headers["Via"]) == ("Accept", "1.1 imageoptim")
        assert "Content-Type" not in answer.headers
    assert made.fetched == 1
    assert made.get("30", headers=asked).status_code == 200
    assert made.get("full", account="nobody", headers=asked).status_code == HTTPStatus.FORBIDDEN
    made.site.clock.now += FOUR_HOURS
    assert made.get("full", headers=asked).status_code == 200


def test_head_says_what_get_would(resizer, photo):
    made = resizer(page(photo))
    whole, head = made.get("full"), made.get("full", method="HEAD")
    assert (head.status_code, head.data, made.fetched) == (200, b"", 1)
    for name in ("Content-Length", "Content-Type", "ETag", "Cache-Control", "Vary", "Via"):
        assert head.headers[name] == whole.headers[name]


class Slow:
    """Stands where the pool stands: gives what it is told, or nothing in time."""

    def __init__(self, result=None):
        self.result, self.seconds = result, []

    def run(self, *_, seconds, **__):
        self.seconds.append(seconds)
        if self.result is None:
            raise TooSlow
        return self.result

    def start(self):
        pass

    def load(self):
        return Load(helpers=1, running=0, waiting=0, restarts=0)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_any_result_in_time_it_is_the_source(resizer, photo, method):
    made = resizer(page(photo), pool=Slow())
    for time_ in (1, 2):
        answer = made.get(method=method)
        assert (answer.status_code, answer.headers["Location"]) == (302, made.url)
        assert answer.headers["Warning"].startswith("199 imageoptim ")
        assert (answer.headers["Cache-Control"], answer.headers["Via"]) == ("public, max-age=60", "1.1 imageoptim")
        assert "ETag" not in answer.headers
        assert made.fetched == time_


def test_an_upload_without_any_result_in_time_comes_back(resizer, png, photo):
    made = resizer(page(png), pool=Slow())
    for data, mime in ((png, "image/png"), (photo, "image/jpeg"), (b"<html>", "application/octet-stream")):
        answer = made.give(data)
        assert (answer.status_code, answer.data, answer.mimetype) == (200, data, mime)
        assert answer.headers["Warning"].startswith("199 imageoptim ")
        assert answer.headers["Cache-Control"] == "no-store, private"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_the_best_so_far_may_be_kept_for_a_moment(resizer, png):
    best = Result(png, "png", "image/png", 64, 48, 1, None, 99, "png", 64, 48, hurried=True)
    made = resizer(page(png, "Cache-Control: max-age=999999"), pool=Slow(best))
    for options, kept in (("timeout=5", 60), ("timeout=30", FOUR_HOURS)):
        made.origin.heads.clear()
        answer = made.get(options)
        assert (answer.data, answer.headers["Cache-Control"]) == (png, "public, max-age=60")
        assert answer.headers["Warning"].startswith("199 imageoptim ")
        assert not {"ETag", "Age"} & set(answer.headers.keys())
        made.site.clock.now += kept - 1
        assert made.get(options).headers["Warning"] == answer.headers["Warning"]
        assert made.fetched == 1
        made.site.clock.now += 2
        made.get(options)
        assert made.fetched == 2
        assert made.give(png, options).headers["Warning"] == answer.headers["Warning"]


@pytest.mark.parametrize(("asked", "seconds"), [("full", 10.0), ("timeout=2.5", 2.5), ("timeout=99", 10.0)])
def test_the_work_may_take_the_time_that_is_asked_for_and_no_more_than_allowed(resizer, photo, asked, seconds):
    pool = Slow()
    made = resizer(page(photo), pool=pool, deadline=10.0)
    made.get(asked)
    made.give(photo, asked)
    assert pool.seconds == [seconds, seconds]


def test_a_real_picture_cut_short_is_answered(resizer, picture):
    made = resizer(page(picture("PNG", (1500, 1000), "RGBA")))
    answer = made.get("full,timeout=0.6,format=avif")
    assert answer.status_code in (200, 302)
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    assert answer.headers["Warning"].startswith("199 imageoptim ")


def test_time_is_part_of_what_is_remembered(resizer, photo):
    made = resizer(page(photo))
    for options in ("full", "timeout=20", "timeout=20,full", "timeout=30", "full"):
        made.get(options)
    assert made.fetched == 2


def test_those_who_ask_at_once_are_served_by_one_fetch(resizer, photo):
    crowd, there = 12, threading.Event()

    def speak(connection, _):
        there.wait(30)
        connection.sendall(page(photo))

    made = resizer(speak)
    looked = threading.Semaphore(0)

    def ask(_):
        looked.release()
        return made.get()

    with ThreadPoolExecutor(crowd) as threads:
        answers = threads.map(ask, range(crowd))
        for _ in range(crowd):
            looked.acquire(timeout=30)
        # All have begun to ask; a moment later all wait for the one that fetches.
        time.sleep(1)
        there.set()
        got = list(answers)
    assert {(answer.status_code, answer.data) for answer in got} == {(200, got[0].data)}
    assert made.fetched == 1
