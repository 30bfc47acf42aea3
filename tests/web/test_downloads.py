"""The link of the JSON answer works once, and only for who means it (K26-K28)."""

from __future__ import annotations

import pytest

GONE = {"error": "Not found."}


@pytest.fixture
def offered(found, picture):
    """A site of its own and a link on it."""
    site = found()
    answer = site.post(picture("JPEG", (96, 64)), name="häst.png", response="json")
    return site, answer.json["download_url"], answer.json["optimized_size"]


def test_the_first_fetch_gets_the_file_and_the_second_nothing(offered, opened):
    site, url, size = offered
    first = site.get(url)
    assert (first.status_code, first.mimetype, len(first.data)) == (200, "image/jpeg", size)
    assert opened(first.data).size == (96, 64)
    assert first.headers["Content-Disposition"] == ("attachment; filename=\"hast.jpg\"; filename*=UTF-8''h%C3%A4st.jpg")
    assert first.headers["Accept-Ranges"] == "none"
    assert first.headers["Cache-Control"] == "no-store, private"
    second = site.get(url)
    assert (second.status_code, second.json) == (404, GONE)
    assert site.kept() == []


def test_head_shows_the_file_and_takes_nothing(offered):
    site, url, size = offered
    for _ in range(2):
        seen = site.ask("HEAD", url)
        assert (seen.status_code, seen.mimetype, seen.content_length, seen.data) == (200, "image/jpeg", size, b"")
    assert len(site.get(url).data) == size
    assert site.ask("HEAD", url).status_code == 404


def test_a_range_is_answered_whole(offered):
    site, url, size = offered
    answer = site.get(url, headers={"Range": "bytes=0-9"})
    assert (answer.status_code, len(answer.data)) == (200, size)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "Prefetch"},
        {"X-Moz": "prefetch"},
        {"X-Purpose": "preview"},
        {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
        {"User-Agent": "WhatsApp/2.23"},
        {"User-Agent": "Mozilla/5.0 (compatible; Discordbot/2.0)"},
    ],
)
def test_who_only_looks_ahead_gets_and_takes_nothing(offered, headers):
    site, url, size = offered
    answer = site.get(url, headers=headers)
    assert answer.status_code == 403
    assert "once" in answer.json["error"]
    assert len(site.get(url).data) == size


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused_and_take_nothing(offered, method):
    site, url, size = offered
    answer = site.ask(method, url)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert len(site.get(url).data) == size


@pytest.mark.parametrize(
    "query", ["", "?id=", "?id=abc", "?id=" + "A" * 43, "?id=../../etc/passwd", "?id=%00", "?id=%ff", "?key=x"]
)
def test_all_other_ids_are_not_found(site, query):
    for method in ("GET", "HEAD"):
        assert site.ask(method, "/download.php" + query).status_code == 404
    assert site.get("/download.php" + query).json == GONE


def test_an_aborted_fetch_leaves_the_link_to_the_next(offered):
    site, url, size = offered
    broken = site.get(url, buffered=False)
    broken.close()
    assert len(site.get(url).data) == size


def test_while_one_fetches_another_is_told_to_come_back(offered):
    site, url, size = offered
    first = site.get(url, buffered=False)
    answer = site.get(url)
    assert (answer.status_code, answer.headers["Retry-After"]) == (409, "5")
    assert list(answer.json) == ["error"]
    assert len(first.data) == size
    assert site.get(url).status_code == 404


def test_a_link_ends_with_its_time(offered):
    site, url, _ = offered
    site.clock.now += 599
    assert site.ask("HEAD", url).status_code == 200
    site.clock.now += 1
    answer = site.get(url)
    assert (answer.status_code, answer.json) == (404, GONE)


def test_the_operator_decides_how_long_a_link_lives(found, photo):
    site = found(link_seconds=5)
    url = site.post(photo, response="json").json["download_url"]
    site.clock.now += 6
    assert site.get(url).status_code == 404


def test_a_link_needs_no_key_even_where_the_api_is_off(offered, pool):
    site, url, size = offered
    assert len(site.get(url).data) == size


def test_a_file_that_is_missing_is_not_found(offered):
    site, url, _ = offered
    for path in site.kept():
        path.unlink()
    assert site.get(url).status_code == 404


def test_an_svg_is_saved_and_never_opened(site):
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
    answer = site.get(site.post(drawing, name="a.svg", response="json").json["download_url"])
    assert answer.mimetype == "image/svg+xml"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="a.svg"'
    assert answer.headers["Content-Security-Policy"].endswith("sandbox")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_that_sent_us_cannot_choose_where_the_link_leads(site, photo):
    headers = {"X-API-Key": site.key, "Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    answer = site.post(photo, headers=headers, response="json")
    assert answer.json["download_url"].startswith("/download.php?id=")
    assert b"evil" not in answer.data
