"""What the ImageOptim API refuses, and what it says when a picture or its server fails (I04, I05, I27, I30)."""

from __future__ import annotations

import socket
import time
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imgsvc_origins import dripping, moved, page

from imgsvc.errors import BadPicture, Busy, SourceSlow, StorageFull, TooManyPixels, UrlNotAllowed
from imgsvc.sandbox import Load

JSON = "application/im2+json"
PHP = {"Accept": f"image/*,{JSON}"}


def refused(answer, status, says=""):
    """Whether it is an error of this API, in text, and nobody's to keep."""
    return (
        (answer.status_code, answer.mimetype) == (status, "text/plain")
        and answer.text.startswith(says)
        and answer.headers["Via"] == "1.1 imageoptim"
        and answer.headers["Cache-Control"] == "no-store, private"
        and answer.headers["X-Content-Type-Options"] == "nosniff"
        and answer.headers["Access-Control-Allow-Origin"] == "*"
        and not {"ETag", "Location", "Age"} & set(answer.headers.keys())
    )


@pytest.mark.parametrize(
    ("path", "method", "status", "code"),
    [
        ("/im", "GET", 403, "IM2ACCOUNT"),
        ("/im/", "GET", 403, "IM2ACCOUNT"),
        ("/im/nobody", "GET", 403, "IM2ACCOUNT"),
        ("/im/nobody/full/http://example.org/a.png", "GET", 403, "IM2ACCOUNT"),
        ("/im/ACME/full/http://example.org/a.png", "GET", 403, "IM2ACCOUNT"),
        ("/im/%00/full/http://example.org/a.png", "GET", 403, "IM2ACCOUNT"),
        ("/im/nobody/foo/", "POST", 403, "IM2ACCOUNT"),
        ("/im/sealed/full/http://example.org/a.png", "GET", 403, "IM2ACCOUNT"),
        ("/im/acme", "GET", 400, "bad_parameter"),
        ("/im/acme//http://127.0.0.1/", "GET", 400, "bad_parameter"),
        ("/im/acme/full", "GET", 400, "bad_parameter"),
        ("/im/acme/full/", "GET", 400, "bad_parameter"),
        ("/im/acme/foo/http://127.0.0.1/", "GET", 400, "bad_parameter"),
        ("/im/acme/full/http://example.org/a.png", "GET", 403, "IM2ACCOUNT"),
        ("/im/open/full/", "POST", 400, "image_missing"),
        ("/im/acme/full/http://127.0.0.1/", "PUT", 405, "wrong_method"),
        ("/im/acme/full/http://127.0.0.1/", "DELETE", 405, "wrong_method"),
    ],
)
def test_a_refusal_is_text_or_json_for_who_asks_for_it(resizer, photo, path, method, status, code):
    made = resizer(page(photo))
    assert refused(made.site.ask(method, path), status)
    answer = made.site.ask(method, path, headers=PHP)
    assert (answer.status_code, answer.mimetype, answer.headers["Via"]) == (status, JSON, "1.1 imageoptim")
    assert answer.json == {"status": status, "error": answer.json["error"], "code": code}
    assert made.fetched == 0


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "image/*", f"{JSON};q=0"])
def test_only_its_own_name_asks_for_json(resizer, photo, accept):
    assert refused(resizer(page(photo)).get("foo", headers={"Accept": accept}), 400, "options: got 'foo', expected ")


def test_without_accounts_and_where_the_api_is_off_nobody_is_served(site, resizer, photo):
    assert refused(site.get("/im/acme/full/http://example.org/"), 403, "username: ")
    made = resizer(page(photo), api_enabled=False)
    assert refused(made.get(), 403, "The API is disabled.")


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png;base64,AAAA",
        "file:///etc/passwd",
        "ftp://127.0.0.1/a.png",
        "javascript:alert(1)",
        "http://",
        "http://user@127.0.0.1/",
        "http://127.0.0.1:22/",
        "http://10.0.0.1/",
        "10.0.0.1/",
        "http%3A%2F%2F10.0.0.1%2F",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://127.0.0.1%5C@example.org/",
        "http%3A%2F%2F127.0.0.1%5C%40example.org%2F",
        "http%3A%2F%2F127.0.0.1%2F%0d%0aX%3A1",
        "http://name.invalid/",
        "http://127.0.0.1/" + "a" * 9000,
    ],
)
def test_a_url_that_leads_nowhere_or_inside_is_refused_with_one_sentence(resizer, photo, url):
    made = resizer(page(photo))
    assert refused(made.get(url=url, account="open"), 400, UrlNotAllowed.sentence)
    assert made.fetched == 0


@pytest.mark.parametrize(
    ("said", "url", "detail"),
    [
        (page(b""), "http://127.0.0.1:81/a.png", "port 81 is not in IMGSVC_FETCH_PORTS"),
        (page(b""), "http://10.0.0.1/a.png", "10.0.0.1 is at 10.0.0.1, neither public nor in IMGSVC_FETCH_NETWORKS"),
        (page(b""), "http://no-such-host.invalid/", "no-such-host.invalid has no address"),
        (moved("http://10.0.0.1/"), None, "a redirect leads to 10.0.0.1, which is not among the hosts named"),
    ],
)
def test_the_log_alone_tells_why_a_url_was_not_fetched(resizer, said, url, detail):
    made = resizer(said)
    answer = made.get(url=url, account="open" if url else "acme")
    assert refused(answer, 400, UrlNotAllowed.sentence)
    assert (made.site.lines()[-1]["error"], made.site.lines()[-1]["detail"]) == ("url_not_allowed", detail)
    assert detail not in answer.text


def test_the_log_names_the_host_of_a_picture_that_was_not_got(resizer):
    made = resizer(page(b"", status=404))
    assert made.get(url=f"{made.url}?secret=1").status_code == 404
    line = made.site.lines()[-1]
    assert line["source"] == "127.0.0.1"
    assert "secret" not in str(line)


@pytest.mark.parametrize(
    ("said", "status", "says"),
    [
        (page(b"no", status="404 Not Found"), 404, "url: the picture's server has no picture there."),
        (page(b"no", status="410 Gone"), 404, "url: the picture's server has no picture there."),
        (page(b"no", status="403 Forbidden"), 403, "url: the picture's server does not give it to us."),
        (page(b"no", status="500 Internal Server Error"), 502, "url: the picture's server answered with status 500."),
        (moved("http://10.0.0.1/"), 400, UrlNotAllowed.sentence),
        (page(b"x", "Content-Encoding: gzip"), 502, "url: the picture's server sent it compressed"),
        (page(b"<html>hello</html>", "Content-Type: image/png"), 400, "image: got text/html"),
        (page(b""), 400, "image: not a picture"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort", 502, "url: the picture's server could not be reached"),
        (b"nonsense\r\n\r\n", 502, "url: the picture's server could not be reached"),
        (page(b"\x00" * 200_000), 400, "url: the picture has 200000 bytes, expected at most 100000."),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"\x00" * 200_000, 400, "url: the picture is too large"),
    ],
    ids=lambda value: value[:40].decode().strip() if isinstance(value, bytes) else None,
)
def test_what_the_source_lacks_is_told_and_kept_by_nobody(resizer, said, status, says):
    made = resizer(said, fetch_max_bytes=100_000)
    for time_ in (1, 2):
        assert refused(made.get(), status, says)
        assert made.fetched == time_


def test_a_damaged_picture_and_one_of_too_many_pixels_are_400(resizer, png):
    made = resizer(page(png[: len(png) // 2]), fetch_max_side=500)
    assert refused(made.get(), 400, BadPicture.sentence[:20])
    made.origin.speak = lambda connection, _: connection.sendall(page(png))
    assert refused(made.get("501x400,fit"), 400, "resize: got ")
    assert refused(made.give(png[:100]), 400, BadPicture.sentence[:20])


def test_a_server_that_drips_or_says_nothing_is_left_in_time(resizer, photo):
    made = resizer(dripping(page(photo)), fetch_seconds=0.5)
    assert refused(made.get(), 504, SourceSlow.sentence)
    made.origin.speak = lambda connection, _: time.sleep(1)
    assert refused(made.get(), 504, SourceSlow.sentence)


def test_a_server_that_nobody_reaches_is_502(resizer, photo):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    made = resizer(page(photo), fetch_ports=str(port))
    answer = made.get(url=f"http://127.0.0.1:{port}/")
    assert refused(answer, 502, "url: the picture's server could not be reached")


class Failing:
    """Stands where the pool stands, and fails as it may."""

    def __init__(self, error):
        self.error = error

    def run(self, *_, **__):
        raise self.error

    def start(self):
        pass

    def load(self):
        return Load(helpers=1, running=0, waiting=0, restarts=0)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadPicture(), 400),
        (TooManyPixels(), 400),
        (Busy(retry_after=7), 503),
        (StorageFull(), 507),
        (ZeroDivisionError("secret detail"), 500),
    ],
)
def test_what_fails_here_is_told_and_kept_by_nobody(resizer, photo, error, status):
    made = resizer(page(photo), pool=Failing(error))
    for time_ in (1, 2):
        answer = made.get()
        assert refused(answer, status)
        assert "secret" not in answer.text
        assert answer.headers.get("Retry-After") == ("7" if isinstance(error, Busy) else None)
        assert made.fetched == time_
    assert refused(made.give(photo), status)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("", b""),
        ("text/plain", b"x"),
        ("multipart/form-data", b"--a--"),
        ("multipart/form-data, boundary=", b"--a--"),
        (
            "multipart/form-data; boundary=a",
            b'--a\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nx\r\n--a--',
        ),
        ("multipart/form-data, boundary=a", b'--a\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--a--'),
        (
            "multipart/form-data, boundary=a",
            b'--a\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx',
        ),
        (
            "multipart/form-data, boundary=a",
            b'--a\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n\r\n--a--',
        ),
    ],
)
def test_an_upload_that_holds_no_file_is_400(resizer, photo, kind, body):
    answer = resizer(page(photo)).get(url="", method="POST", account="open", data=body, headers={"Content-Type": kind})
    assert refused(answer, 400)


def test_an_upload_beyond_the_limit_is_400(resizer, png):
    assert refused(resizer(page(png), fetch_max_bytes=1000).give(png), 400, "image: got ")


def test_a_request_of_our_own_is_refused_even_for_what_is_known(resizer, photo):
    made = resizer(page(photo))
    made.get()
    told = dict(line.split(": ", 1) for line in made.origin.heads[0].split("\r\n")[1:] if line)
    for name in ("Via", "CDN-Loop"):
        assert refused(made.get(headers={name: told[name]}), 400)
    assert made.fetched == 1


PIECES = (
    "/",
    "//",
    "%2F",
    "%3A",
    ",",
    "=",
    "?",
    "&",
    "%00",
    "%0d%0a",
    "%",
    "\xe4",
    "%ff",
    "full",
    "2x",
    "crop=",
    "sig=",
    "a.test",
)


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(st.characters(min_codepoint=33, max_codepoint=255)))))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_stands_in_a_path_is_a_fault_of_the_path(guarded, pieces):
    raw = "/im/acme/" + "".join(pieces)
    said = {"RAW_URI": raw, "PATH_INFO": unquote_to_bytes(raw.partition("?")[0].encode("latin-1")).decode("latin-1")}
    answer = guarded.get(environ_overrides=said)
    assert answer.status_code in (400, 403)
    assert answer.headers["Via"] == "1.1 imageoptim"
    assert guarded.fetched == 0


@pytest.fixture
def guarded(resizer, photo):
    return resizer(page(photo))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_browser_that_asks_first_may_call(resizer, photo, method):
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": method}
    answer = resizer(page(photo)).get(method="OPTIONS", headers=asked)
    assert (answer.status_code, answer.headers["Via"]) == (204, "1.1 imageoptim")
    assert method in answer.headers["Access-Control-Allow-Methods"]
