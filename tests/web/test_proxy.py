"""The image proxy, `GET /api/proxy`: what it makes of a picture, and what it says with it (P01-P07, P13)."""

from __future__ import annotations

import pytest
from imgsvc_origins import page

FOREVER = "public, max-age=31536000, immutable"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="20" height="20" fill="red"/></svg>'


def test_a_picture_needs_no_key_and_becomes_a_webp_to_keep(proxied, png, opened):
    answer = proxied(page(png, "Content-Type: image/png")).get()
    assert (answer.status_code, answer.mimetype) == (200, "image/webp")
    assert answer.content_length == len(answer.data) < len(png)
    assert (opened(answer.data).format, opened(answer.data).size) == ("WEBP", (64, 48))
    assert answer.headers["Cache-Control"] == FOREVER
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Disposition"] == 'inline; filename="picture.webp"'
    assert "Vary" not in answer.headers


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ({}, (64, 48)),
        ({"w": 0}, (64, 48)),
        ({"w": 32}, (32, 24)),
        ({"w": 1}, (1, 1)),
        ({"w": 64}, (64, 48)),
        ({"w": 65}, (64, 48)),
        ({"w": "9" * 30}, (64, 48)),
    ],
)
def test_a_width_makes_a_picture_smaller_and_never_larger(proxied, png, opened, query, size):
    assert opened(proxied(page(png)).get(**query).data).size == size


def test_a_tall_picture_keeps_its_shape(proxied, picture, opened):
    assert opened(proxied(page(picture("PNG", (20, 2500)))).get(w=10).data).size == (10, 1250)


def test_a_picture_may_be_larger_than_an_upload(proxied, picture, opened):
    made = proxied(page(picture("JPEG", (2600, 40)))).get(w=1300)
    assert opened(made.data).size == (1300, 20)


def test_quality_is_the_encoders_own_and_50_by_default(proxied, png):
    proxy = proxied(page(png))
    sizes = [len(proxy.get(q=quality).data) for quality in (1, 50, 100)]
    assert sizes[0] < sizes[1] < sizes[2]
    assert proxy.get().data == proxy.get(q=50).data


@pytest.mark.parametrize(("given", "meant"), [("0", 1), ("-5", 1), ("101", 100), ("9" * 30, 100), ("050", 50)])
def test_quality_is_clamped_before_anything_is_looked_up(proxied, png, given, meant):
    proxy = proxied(page(png))
    assert proxy.get(q=given).data == proxy.get(q=meant).data
    assert proxy.fetched == 1


@pytest.mark.parametrize(
    ("query", "accept", "mime"),
    [
        ({}, "image/avif", "image/webp"),
        ({"format": "webp"}, "image/avif", "image/webp"),
        ({"format": "avif"}, "", "image/avif"),
        ({"format": "AVIF"}, "", "image/avif"),
        ({"format": "jpeg"}, "", "image/webp"),
        ({"format": ""}, "", "image/webp"),
        ({"format": "auto"}, "image/avif,image/webp,*/*;q=0.8", "image/avif"),
        ({"format": "auto"}, "image/avif;q=0,image/webp", "image/webp"),
        ({"format": "auto"}, "*/*", "image/webp"),
        ({"format": "auto"}, "", "image/webp"),
    ],
)
def test_the_format_is_webp_unless_avif_is_asked_for(proxied, png, opened, query, accept, mime):
    answer = proxied(page(png)).get(options={"headers": {"Accept": accept}}, **query)
    assert (answer.status_code, answer.mimetype) == (200, mime)
    assert opened(answer.data).get_format_mimetype() == mime
    assert answer.headers.get("Vary") == ("Accept" if query.get("format") == "auto" else None)


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "WEBP", "AVIF", "BMP", "TIFF"])
def test_any_kind_of_picture_is_taken(proxied, picture, opened, kind):
    assert opened(proxied(page(picture(kind))).get(w=24).data).size == (24, 16)


@pytest.mark.parametrize("kind", ["webp", "avif"])
def test_a_drawing_is_drawn(proxied, opened, kind):
    answer = proxied(page(SVG)).get(format=kind)
    assert (answer.mimetype, opened(answer.data).size) == (f"image/{kind}", (40, 20))


@pytest.mark.parametrize("told", ["text/html", "image/svg+xml", "application/x-sh", ""])
def test_the_picture_tells_its_type_and_not_its_server(proxied, png, told):
    said = page(
        png,
        f"Content-Type: {told}",
        "Set-Cookie: a=b",
        "Content-Disposition: attachment; filename=x.exe",
        "X-Accel-Redirect: /secret",
        "Content-Security-Policy: script-src *",
        "Cache-Control: no-store",
        'ETag: "theirs"',
    )
    answer = proxied(said).get()
    assert (answer.status_code, answer.mimetype) == (200, "image/webp")
    assert not {"Set-Cookie", "X-Accel-Redirect"} & set(answer.headers.keys())
    assert not any("x.exe" in value or "script-src" in value or "theirs" in value for value in answer.headers.values())
    assert answer.headers["Cache-Control"] == FOREVER


def test_nothing_of_the_visitor_reaches_the_pictures_server(proxied, png):
    proxy = proxied(page(png))
    proxy.get(
        options={"headers": {"Cookie": "a=secret", "Authorization": "Bearer secret", "Referer": "http://secret/"}}
    )
    assert proxy.fetched == 1
    assert "secret" not in proxy.origin.heads[0]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_it_gets_and_takes_pictures_alone(proxied, refused, png, method):
    answer = proxied(page(png)).get(method=method)
    assert refused(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}


def test_a_head_is_what_a_get_would_say(proxied, png):
    proxy = proxied(page(png))
    head, whole = proxy.get(method="HEAD"), proxy.get()
    assert (head.data, head.headers["ETag"]) == (b"", whole.headers["ETag"])
    assert head.content_length == len(whole.data)
    assert proxy.fetched == 1


def test_a_browser_that_asks_first_may_read(proxied, png):
    answer = proxied(page(png)).get(method="OPTIONS")
    assert (answer.status_code, answer.headers["Access-Control-Allow-Methods"]) == (204, "GET, POST")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
