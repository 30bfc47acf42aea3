"""What the image proxy refuses, and what it says when a picture or its server fails (P03-P08, P12, P14)."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus

import pytest
from imgsvc_origins import dripping, moved, page

from imgsvc.errors import (
    BadPicture,
    Busy,
    ClientGone,
    OutOfOrder,
    SourceSlow,
    StorageFull,
    TooManyPixels,
    TooSlow,
    UrlNotAllowed,
)
from imgsvc.sandbox import Load
from imgsvc.settings import SettingsError

ROOM = 100_000


@pytest.mark.parametrize("query", ["", "url=", "w=5", "url"])
def test_a_missing_url_is_told_as_clients_know_it(proxied, refused, png, query):
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
def test_a_bad_parameter_is_named_and_nothing_is_fetched(proxied, refused, png, query, name):
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
def test_a_url_that_leads_nowhere_or_inside_is_refused_with_one_sentence(proxied, refused, png, url):
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
def test_what_the_source_lacks_is_told_and_kept_by_nobody(proxied, refused, said, status, says):
    proxy = proxied(said, fetch_max_bytes=100_000)
    for time_ in (1, 2):
        answer = proxy.get()
        assert refused(answer, status), answer.json
        assert answer.json["error"].startswith(says)
        assert proxy.fetched == time_


def test_a_damaged_picture_is_the_sources_fault(proxied, refused, png):
    answer = proxied(page(png[: len(png) // 2])).get()
    assert refused(answer, 500)
    assert answer.json["error"].startswith(BadPicture.sentence[:20])


def test_a_picture_of_too_many_pixels_is_400(proxied, refused, png):
    assert refused(proxied(page(png), fetch_max_side=63).get(), 400)
    assert refused(proxied(page(png), max_frame_pixels=3000).get(), 400)


def test_a_server_that_nobody_reaches_is_500(proxied, refused, png):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    proxy = proxied(page(png), fetch_ports=str(port))
    assert refused(proxy.get(f"http://127.0.0.1:{port}/"), 500)


@pytest.mark.parametrize("limit", ["image_proxy_seconds", "fetch_seconds"])
def test_the_time_of_a_fetch_is_part_of_the_whole(proxied, refused, png, limit):
    def speak(connection, _):
        time.sleep(1)
        connection.sendall(page(png))

    answer = proxied(speak, **{limit: 0.5}).get()
    assert refused(answer, 500)
    assert answer.json["error"] == f"timeout: {SourceSlow.sentence}"


@pytest.mark.parametrize("limit", ["image_proxy_seconds", "fetch_seconds"])
def test_whoever_drips_is_left_in_time(proxied, refused, png, limit):
    answer = proxied(dripping(page(png)), **{limit: 0.5}).get()
    assert refused(answer, 500)
    assert answer.json["error"].startswith("timeout: ")


@dataclass(frozen=True)
class Failing:
    """Stands where the pool stands, and fails as it may."""

    error: Exception
    ends: list[float] = field(default_factory=list)

    def run(self, *_, until, **__):
        self.ends.append(until)
        raise self.error

    def start(self):
        pass

    def load(self):
        return Load(helpers=1, running=0, waiting=0, restarts=0)


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (TooSlow(), 500, "timeout: image: the picture took too long"),
        (BadPicture(), 500, "image: the picture is damaged"),
        (TooManyPixels(), 400, "image: the picture is too large"),
        (Busy(retry_after=7), 503, "The server is busy"),
        (OutOfOrder(retry_after=7), 503, "The server cannot optimise"),
        (StorageFull(), 507, "The server has no room"),
        (ZeroDivisionError("secret detail"), 500, "Something went wrong"),
    ],
)
def test_what_fails_here_is_told_and_kept_by_nobody(proxied, refused, png, error, status, says):
    proxy = proxied(page(png), pool=Failing(error))
    for time_ in (1, 2):
        answer = proxy.get()
        assert refused(answer, status)
        assert answer.json["error"].startswith(says)
        assert answer.headers.get("Retry-After") == ("7" if status == HTTPStatus.SERVICE_UNAVAILABLE else None)
        assert proxy.fetched == time_


def test_the_work_ends_with_the_whole(proxied, png):
    pool = Failing(TooSlow())
    proxy = proxied(page(png), pool=pool, image_proxy_seconds=7.0)
    began = time.monotonic()
    proxy.get()
    assert began + 7 <= pool.ends[0] <= time.monotonic() + 7


def test_a_fetch_ends_when_its_client_has_left(proxied, png):
    def wait(connection, _):
        client.close()
        connection.recv(1)
        left.set()

    left, proxy = threading.Event(), proxied(wait)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        ours, _ = listener.accept()
    with ours:
        answer = proxy.get(options={"environ_overrides": {"gunicorn.socket": ours}})
    assert (answer.status_code, proxy.fetched) == (ClientGone.status, 1)
    assert left.wait(30)


def test_what_is_fetched_takes_room_as_uploads_do(proxied, refused, picture):
    noise = picture("BMP", (400, 300))
    proxy = proxied(page(noise), max_body=1000, upload_memory=ROOM)
    answer = proxy.get()
    assert refused(answer, 503)
    assert answer.headers["Retry-After"]
    small = page(picture("BMP", (150, 100)))
    proxy.origin.speak = lambda connection, _: connection.sendall(small)
    assert len(small) * 3 > ROOM
    assert [proxy.get(w=width).status_code for width in (1, 2, 3)] == [200, 200, 200]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("image_proxy_hosts", "http://example.org"), ("fetch_ports", "none"), ("fetch_networks", "10.0.0.1/8")],
)
def test_settings_that_cannot_be_read_stop_the_start(found, setting, value):
    with pytest.raises(SettingsError, match=f"IMGSVC_{setting.upper()}: got "):
        found(**{setting: value})
