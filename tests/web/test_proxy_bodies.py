"""Pictures sent to the image proxy as the body of a POST (P15)."""

from __future__ import annotations

import pytest
from imgsvc_origins import page


def post(proxy, data: bytes, query: str = "", **asked):
    return proxy.site.ask("POST", f"/api/proxy{query}", data=data, **asked)


def test_a_picture_in_the_body_is_made_smaller_and_kept_by_nobody(proxied, png, opened):
    proxy = proxied(page(png))
    answer = post(proxy, png, "?w=32&q=60&format=avif", headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.mimetype) == (200, "image/avif")
    assert opened(answer.data).size == (32, 24)
    assert answer.headers["Cache-Control"] == "no-store, private"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "ETag" not in answer.headers
    assert not proxy.origin.heads


def test_the_type_that_a_sender_names_does_not_matter(proxied, png):
    proxy = proxied(page(png))
    kinds = ("image/png", "application/octet-stream", "text/plain", "")
    assert len({post(proxy, png, headers={"Content-Type": kind}).data for kind in kinds}) == 1


@pytest.mark.parametrize(
    ("data", "query", "says"),
    [
        (b"", "", "empty"),
        (b"no picture", "", "text/plain"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "", "damaged"),
        (None, "?url=http://example.org/a.png", "url"),
        (None, "?w=-1", "w"),
        (None, "?quality=5", "quality"),
    ],
)
def test_a_body_or_query_that_cannot_be_used_is_the_senders_fault(proxied, refused, png, data, query, says):
    answer = post(proxied(page(png)), png if data is None else data, query)
    assert refused(answer, 400)
    assert says in answer.json["error"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_is_refused(proxied, refused, png, chunked):
    proxy = proxied(page(png), fetch_max_bytes=len(png))
    headers = {"Transfer-Encoding": "chunked"} if chunked else {}
    ways = {"environ_overrides": {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}} if chunked else {}
    assert post(proxy, png, headers=headers, **ways).status_code == 200
    answer = post(proxy, png + b"!", headers=headers, **ways)
    assert refused(answer, 400)
    assert f"{len(png)} bytes" in answer.json["error"]


def test_bodies_count_towards_the_limit_of_an_address(proxied, png):
    proxy = proxied(page(png), image_proxy_per_minute=1)
    assert [post(proxy, png).status_code for _ in range(2)] == [200, 429]


def test_bodies_are_refused_where_the_proxy_is_off(proxied, png):
    assert post(proxied(page(png), image_proxy=False), png).status_code == 403
