"""The image proxy, `GET /api/proxy` (P01-P14): what it answers, remembers, and refuses."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import pytest
from imgsvc_origins import dripping, moved, page

from imgsvc.errors import BadPicture, UrlNotAllowed
from imgsvc.settings import SettingsError

FOREVER = "public, max-age=31536000, immutable"
DAY = 24 * 3600
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="20" height="20" fill="red"/></svg>'


@pytest.fixture(scope="session")
def png(picture):
    return picture("PNG", (64, 48))


def refused(answer, status):
    """Whether an answer is an error of this API with that status, and nobody's to keep."""
    return (
        answer.status_code == status
        and answer.mimetype == "application/json"
        and answer.json == {"error": answer.json["error"], "status": status}
        and answer.headers["Cache-Control"] == "no-store, private"
        and answer.headers["Access-Control-Allow-Origin"] == "*"
        and "ETag" not in answer.headers
    )


def test_a_picture_needs_no_key_and_becomes_a_webp_to_keep(proxied, png, opened):
    answer = proxied(page(png, "Content-Type: image/png")).get()
    assert (answer.status_code, answer.mimetype) == (200, "image/webp")
    assert answer.content_length == len(answer.data) < len(png)
    assert (opened(answer.data).format, opened(answer.data).size) == ("WEBP", (64, 48))
    assert answer.headers["Cache-Control"] == FOREVER
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Content-Disposition"] == 'inline; filename="image.webp"'
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


@pytest.mark.parametrize("query", ["", "url=", "w=5", "url"])
def test_a_missing_url_is_told_as_clients_know_it(proxied, png, query):
    answer = proxied(page(png)).site.get(f"/api/proxy?{query}")
    assert answer.json == {"error": "Missing image URL", "status": 400}
    assert refused(answer, 400)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        *[(f"w={text}", "w") for text in ("-1", "x", "", "1.5", "1e3", "%20", "0x10", "%D9%A3", "1,2")],
        *[(f"q={text}", "q") for text in ("x", "", "50.5", "+5", "high", "%00")],
        ("w=1&w=2", "w"),
        ("format=webp&format=avif", "format"),
        ("url=http://example.org/", "url"),
        ("height=5", "'height'"),
        ("W=5", "'W'"),
    ],
)
def test_a_bad_parameter_is_named_and_nothing_is_fetched(proxied, png, query, name):
    proxy = proxied(page(png))
    answer = proxy.site.get(f"/api/proxy?url={proxy.url}&{query}")
    assert refused(answer, 400)
    assert answer.json["error"].startswith(f"{name}: ")
    assert proxy.fetched == 0


@pytest.mark.parametrize(
    "url",
    [
        "blob:https://example.org/1",
        "data:image/png;base64,AAAA",
        "file:///etc/passwd",
        "ftp://127.0.0.1/a.png",
        "javascript:alert(1)",
        "//127.0.0.1/a.png",
        "/picture",
        "picture",
        "http://",
        "http://user@127.0.0.1/",
        "http://127.0.0.1:22/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://127.0.0.1\\@example.org/",
        "http://name.invalid/",
        "http://127.0.0.1/" + "a" * 9000,
    ],
)
def test_a_url_that_leads_nowhere_or_inside_is_refused_with_one_sentence(proxied, png, url):
    proxy = proxied(page(png))
    answer = proxy.get(url)
    assert refused(answer, 400)
    assert answer.json["error"] == UrlNotAllowed.sentence
    assert proxy.fetched == 0


@pytest.mark.parametrize(
    ("said", "status", "says"),
    [
        (page(b"no", status="404 Not Found"), 404, "url: the picture's server has no picture there."),
        (page(b"no", status="410 Gone"), 404, "url: the picture's server has no picture there."),
        (page(b"no", status="403 Forbidden"), 500, "url: the picture's server does not give it to us."),
        (page(b"no", status="500 Internal Server Error"), 500, "url: the picture's server answered with status 500."),
        (page(b"no", status="503 Service Unavailable"), 500, "url: the picture's server answered with status 503."),
        (page(b"no", status="304 Not Modified"), 500, "url: the picture's server answered with status 304."),
        (moved("http://10.0.0.1/"), 400, UrlNotAllowed.sentence),
        (page(b"x", "Content-Encoding: gzip"), 500, "url: the picture's server sent it compressed"),
        (page(b"<html>hello</html>", "Content-Type: image/png"), 500, "image: got text/html"),
        (page(b""), 500, "image: not a picture"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort", 500, "url: the picture's server could not be reached"),
        (b"nonsense\r\n\r\n", 500, "url: the picture's server could not be reached"),
        (page(b"\x00" * 200_000), 400, "url: the picture has 200000 bytes, expected at most 100000."),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"\x00" * 200_000, 400, "url: the picture is too large"),
    ],
    ids=lambda value: value[:40].decode().strip() if isinstance(value, bytes) else None,
)
def test_what_the_source_lacks_is_told_and_kept_by_nobody(proxied, said, status, says):
    proxy = proxied(said, fetch_max_bytes=100_000)
    for time_ in (1, 2):
        answer = proxy.get()
        assert refused(answer, status), answer.json
        assert answer.json["error"].startswith(says)
        assert proxy.fetched == time_


def test_a_damaged_picture_is_the_sources_fault(proxied, png):
    answer = proxied(page(png[: len(png) // 2])).get()
    assert refused(answer, 500)
    assert answer.json["error"].startswith(BadPicture.sentence[:20])


def test_a_picture_of_too_many_pixels_is_400(proxied, png):
    assert refused(proxied(page(png), fetch_max_side=63).get(), 400)
    assert refused(proxied(page(png), max_frame_pixels=3000).get(), 400)


def test_a_server_that_nobody_reaches_is_500(proxied, png):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    proxy = proxied(page(png), fetch_ports=str(port))
    assert refused(proxy.get(f"http://127.0.0.1:{port}/"), 500)


@pytest.mark.parametrize("limit", ["image_proxy_seconds", "fetch_seconds"])
def test_whoever_drips_is_left_in_time(proxied, png, limit):
    answer = proxied(dripping(page(png)), **{limit: 0.5}).get()
    assert refused(answer, 500)
    assert answer.json["error"].startswith("timeout: ")


def test_a_result_is_remembered_for_a_day(proxied, png):
    proxy = proxied(page(png))
    first = proxy.get()
    proxy.site.clock.now += DAY - 60
    again = proxy.get()
    assert (again.data, again.headers["ETag"], proxy.fetched) == (first.data, first.headers["ETag"], 1)
    assert [line["known"] for line in proxy.site.lines() if line.get("path") == "/api/proxy"] == [False, True]
    proxy.site.clock.now += 120
    assert proxy.get().data == first.data
    assert proxy.fetched == 2


def test_every_parameter_makes_a_result_of_its_own(proxied, png):
    proxy = proxied(page(png))
    queries = [{}, {"w": 10}, {"q": 51}, {"format": "avif"}, {"url": proxy.url + "?b"}, {"url": proxy.url + "2"}]
    tags = {proxy.get(**query).headers["ETag"] for query in queries for _ in range(2)}
    assert (proxy.fetched, len(tags)) == (len(queries), len(queries))


def test_spellings_of_one_url_are_one_picture(proxied, png):
    proxy = proxied(page(png))
    for url in (proxy.url, proxy.url.replace("http", "HTTP"), proxy.url + "#top"):
        assert proxy.get(url).status_code == 200
    assert proxy.fetched == 1


def test_a_cache_without_room_loses_nothing_but_time(proxied, png):
    proxy = proxied(page(png), cache_bytes=0)
    assert proxy.get().data == proxy.get().data
    assert proxy.fetched == 2


@pytest.mark.parametrize(("status", "expected"), [("200 OK", 200), ("404 Not Found", 404)])
def test_those_who_ask_at_once_are_served_by_one_fetch(proxied, png, status, expected):
    crowd, there = 12, threading.Event()

    def speak(connection, _):
        there.wait(30)
        connection.sendall(page(png, status=status))

    proxy = proxied(speak)
    looked = threading.Semaphore(0)

    def ask(_):
        looked.release()
        return proxy.get()

    with ThreadPoolExecutor(crowd) as threads:
        answers = threads.map(ask, range(crowd))
        for _ in range(crowd):
            looked.acquire(timeout=30)
        # All have begun to ask; a moment later all wait for the one that fetches.
        time.sleep(1)
        there.set()
        got = list(answers)
    assert {(answer.status_code, answer.data) for answer in got} == {(expected, got[0].data)}
    assert proxy.fetched == 1


@pytest.mark.parametrize("spelling", ["{}", "W/{}", '"other", {}', '{}, "other"'])
def test_who_has_it_is_told_to_go_on_before_any_work(proxied, png, spelling):
    proxy = proxied(page(png))
    first = proxy.get(format="auto")
    asked = {"headers": {"If-None-Match": spelling.format(first.headers["ETag"])}}
    answer = proxy.get(format="auto", options=asked)
    assert (answer.status_code, answer.data) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary", "Access-Control-Allow-Origin"):
        assert answer.headers[name] == first.headers[name]
    assert "Content-Type" not in answer.headers


def test_a_tag_holds_without_the_result_and_for_its_day_and_order_alone(proxied, png):
    proxy = proxied(page(png), cache_bytes=0)
    tag = proxy.get().headers["ETag"]

    def status(offered, **query):
        return proxy.get(options={"headers": {"If-None-Match": offered}}, **query).status_code

    assert (status(tag), proxy.fetched) == (304, 1)
    forged = f'"{tag[1:17]}-{"f" * 400}"'
    for offered in ('"other"', f'"{tag[1:17]}-0"', f'"{tag[1:17]}-zz"', f'"{tag[1:17]}"', forged, "*", ""):
        assert status(offered) == 200
    assert status(tag, w=10) == 200
    proxy.site.clock.now += DAY + 1
    assert status(tag) == 200


def test_it_is_off_until_it_is_switched_on(proxied, png, site):
    for proxy in (proxied(page(png), image_proxy=False), proxied(page(png), api_enabled=False)):
        answer = proxy.get()
        assert refused(answer, 403)
        assert "disabled" in answer.json["error"]
        assert proxy.fetched == 0
    assert site.get("/api/proxy?url=http://example.org/").status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    ("names", "status"), [("127.0.0.1", 200), ("example.org, 127.0.0.1", 200), ("other.test", 400)]
)
def test_only_named_hosts_are_asked(proxied, png, names, status):
    proxy = proxied(page(png), image_proxy_hosts=names)
    assert proxy.get().status_code == status
    assert proxy.fetched == (status == HTTPStatus.OK)


def test_a_redirect_to_a_host_that_is_not_named_is_not_followed(proxied, serve, png):
    other = serve(page(png))
    proxy = proxied(
        moved(f"http://127.0.0.2:{other.port}/"),
        image_proxy_hosts="127.0.0.1",
    )
    assert refused(proxy.get(), 400)
    assert (proxy.fetched, len(other.heads)) == (1, 0)


def test_new_pictures_are_limited_by_address_and_minute(proxied, png):
    proxy = proxied(page(png), image_proxy_per_minute=2)

    def ask(address, width):
        return proxy.get(w=width, options={"environ_overrides": {"REMOTE_ADDR": address}})

    one, other = "203.0.113.9", "203.0.113.10"
    assert [ask(one, width).status_code for width in (1, 1, 1, 2, 3)] == [200, 200, 200, 200, 429]
    answer = ask(one, 3)
    assert refused(answer, 429)
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert ask(one, 2).status_code == 200
    assert ask(other, 3).status_code == 200
    proxy.site.clock.now += 61
    assert ask(one, 4).status_code == 200


@pytest.mark.parametrize(("hops", "status"), [(0, 429), (1, 200)])
def test_the_address_comes_from_a_reverse_proxy_only_where_one_is_trusted(proxied, png, hops, status):
    proxy = proxied(page(png), image_proxy_per_minute=1, proxy_hops=hops)
    asked = [
        proxy.get(w=width, options={"headers": {"X-Forwarded-For": f"203.0.113.{width}"}}).status_code
        for width in (1, 2)
    ]
    assert asked == [200, status]


def test_a_request_of_our_own_is_refused_even_for_what_is_known(proxied, png):
    proxy = proxied(page(png))
    proxy.get(options={"headers": {"Via": "1.1 elsewhere"}})
    (via,) = [line.removeprefix("Via: ") for line in proxy.origin.heads[0].split("\r\n") if line.startswith("Via: ")]
    assert via.startswith("1.1 elsewhere, 1.1 imgsvc-")
    assert refused(proxy.get(options={"headers": {"Via": via}}), 400)
    assert refused(proxy.get(w=5, options={"headers": {"Via": via}}), 400)
    assert proxy.fetched == 1


def test_what_is_fetched_takes_room_as_uploads_do(proxied, picture):
    noise = picture("BMP", (400, 300))
    proxy = proxied(page(noise), max_body=1000, upload_memory=100_000)
    answer = proxy.get()
    assert refused(answer, 503)
    assert answer.headers["Retry-After"]
    proxy.origin.speak = lambda connection, _: connection.sendall(page(picture("PNG")))
    assert proxy.get().status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_is_for_reading_alone(proxied, png, method):
    answer = proxied(page(png)).get(method=method)
    assert refused(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_a_head_is_what_a_get_would_say(proxied, png):
    proxy = proxied(page(png))
    head, whole = proxy.get(method="HEAD"), proxy.get()
    assert (head.data, head.headers["ETag"]) == (b"", whole.headers["ETag"])
    assert head.content_length == len(whole.data)
    assert proxy.fetched == 1


def test_a_browser_that_asks_first_may_read(proxied, png):
    answer = proxied(page(png)).get(method="OPTIONS")
    assert (answer.status_code, answer.headers["Access-Control-Allow-Methods"]) == (204, "GET")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("setting", "value"),
    [("image_proxy_hosts", "http://example.org"), ("fetch_ports", "none"), ("fetch_networks", "10.0.0.1/8")],
)
def test_settings_that_cannot_be_read_stop_the_start(found, setting, value):
    with pytest.raises(SettingsError, match=f"IMGSVC_{setting.upper()}: got "):
        found(**{setting: value})
