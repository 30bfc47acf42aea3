"""What every answer carries, on every path and at every status (H11 in spirit: no exception to remember)."""

from __future__ import annotations

import re

import pytest

EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
ANSWERS = [
    ("GET", "/", 200),
    ("GET", "/health", 200),
    ("GET", "/ready", 200),
    ("GET", "/robots.txt", 200),
    ("GET", "/favicon.ico", 200),
    ("GET", "/static/page.css", 200),
    ("GET", "/nothing", 404),
    ("POST", "/", 405),
    ("GET", "/download.php?id=x", 404),
    ("POST", "/download.php", 405),
    ("GET", "/api/v1/optimize", 405),
    ("OPTIONS", "/api/v1/optimize", 204),
    ("POST", "/api/v1/optimize", 401),
    ("GET", "/api/proxy", 403),
    ("PUT", "/api/proxy", 405),
    ("OPTIONS", "/api/proxy", 204),
    ("GET", "/api/proxy/x", 404),
    ("GET", "/im", 403),
    ("GET", "/im/nobody/full/http://example.org/a.png", 403),
    ("POST", "/im/nobody/full/", 403),
    ("PUT", "/im/nobody/full/", 405),
    ("OPTIONS", "/im/nobody/full/", 204),
]


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_every_answer_is_guarded(site, method, path, status):
    answer = site.ask(method, path)
    assert answer.status_code == status
    assert EVERYWHERE.items() <= dict(answer.headers).items()
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer.headers["Cross-Origin-Resource-Policy"] in ("same-origin", "cross-origin")
    assert answer.headers["Cache-Control"]
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["X-Request-Id"])
    assert "Server" not in answer.headers
    assert "Set-Cookie" not in answer.headers


def test_a_picture_is_guarded_and_kept_by_nobody(site, photo):
    answer = site.post(photo)
    assert EVERYWHERE.items() <= dict(answer.headers).items()
    assert answer.headers["Cache-Control"] == "no-store, private"
    assert "sandbox" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("offered", ["abc-123", "A", "a" * 64, "0.1_2"])
def test_a_clients_request_id_is_kept(site, offered):
    assert site.get("/health", headers={"X-Request-Id": offered}).headers["X-Request-Id"] == offered


@pytest.mark.parametrize("offered", ["", "a" * 65, "a b", 'a"b', "-a", "å", "a;b", "<x>"])
def test_another_request_id_is_replaced(site, offered):
    answer = site.get("/health", headers={"X-Request-Id": offered})
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["X-Request-Id"])


@pytest.mark.parametrize("path", ["/api/v1/optimize", "/api/v1/optimize/"])
def test_a_browser_that_asks_first_may_call(site, path):
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key",
    }
    answer = site.ask("OPTIONS", path, headers=asked)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "POST"
    assert "X-API-Key" in answer.headers["Access-Control-Allow-Headers"]


def test_a_page_from_elsewhere_may_read_the_measures_and_the_failures(site, photo):
    answer = site.post(photo)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    shown = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert {"X-Original-Size", "X-Optimized-Size", "X-Savings-Percent", "X-Quality-Score", "X-Request-Id"} <= shown
    assert site.post().headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in site.get("/").headers
