"""What a server says and does with requests that are wrong, forged or meant for another."""

from __future__ import annotations

import json
import re

import pytest
import requests

GUARDS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}
GOOD = b"GET /robots.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /api/v1/optimize HTTP/1.1\r\nHost: a\r\n"

WRONG = {
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 39\r\n\r\n" + SMUGGLED,
    "a list of lengths": POST + b"Content-Length: 0, 39\r\n\r\n" + SMUGGLED,
    "a signed length": POST + b"Content-Length: +0\r\n\r\n" + SMUGGLED,
    "a negative length": POST + b"Content-Length: -1\r\n\r\n" + SMUGGLED,
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked and more": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a folded header": POST + b"X: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "two hosts": b"GET /robots.txt HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + SMUGGLED,
    "a header without a name": b"GET /robots.txt HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n" + SMUGGLED,
    "a null in a header": b"GET /robots.txt HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n" + SMUGGLED,
    "no request line": b"nonsense\r\n\r\n" + SMUGGLED,
    "another version": b"GET /robots.txt HTTP/9.9\r\nHost: a\r\n\r\n" + SMUGGLED,
}


def split(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(": ") for line in lines]
    return int(first.split()[1]), {name.lower(): value for name, _, value in pairs}, body


@pytest.mark.parametrize("case", WRONG)
def test_a_request_of_two_meanings_is_refused_and_the_connection_ends(impatient, dial, heard, case):
    answer = heard(dial(impatient, WRONG[case]))
    status, headers, body = split(answer)
    assert status in (400, 501)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert headers["connection"] == "close"
    assert headers["content-type"] == "application/json"
    assert list(json.loads(body)) == ["error"]
    assert b"smuggled" not in answer
    assert "/smuggled" not in impatient.said.read_text()
    assert heard(dial(impatient, GOOD)).startswith(b"HTTP/1.1 200 ")


def test_two_requests_of_one_meaning_are_two(impatient, dial, heard):
    answer = heard(dial(impatient, GOOD.replace(b"Connection: close\r\n", b"") + GOOD))
    assert answer.count(b"HTTP/1.1 200 ") == 2


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200),
        (GOOD, 200),
        (GOOD.replace(b"robots.txt", b"health"), 200),
        (GOOD.replace(b"robots.txt", b"ready"), 200),
        (GOOD.replace(b"robots.txt", b"static/page.css"), 200),
        (GOOD.replace(b"robots.txt", b"nothing"), 404),
        (GOOD.replace(b"robots.txt", b"download.php?id=x"), 404),
        (GOOD.replace(b"robots.txt", b"api/v1/optimize"), 405),
        (GOOD.replace(b"GET /robots.txt", b"OPTIONS /api/v1/optimize"), 204),
        (GOOD.replace(b"GET", b"BREW"), 405),
        (POST + b"Connection: close\r\nContent-Length: 0\r\n\r\n", 401),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (GOOD[:-2] + b"X: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (GOOD[:-2] + b"X: y\r\n" * 200 + b"\r\n", 431),
        (GOOD[:-2] + b"Expect: miracles\r\n\r\n", 417),
        (b"GET /health HTTP/1.1\r\nHost: a\r\n", 408),
    ],
)
def test_every_answer_is_guarded_at_every_status(impatient, dial, heard, sent, status):
    got, headers, _ = split(heard(dial(impatient, sent)))
    assert got == status
    assert GUARDS.items() <= headers.items()
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cross-origin-resource-policy"] in ("same-origin", "cross-origin")
    assert headers["cache-control"]
    assert not re.search("[0-9/]", headers.get("server", ""))
    assert "set-cookie" not in headers


@pytest.mark.parametrize(
    "forged",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-Host": "evil.example"},
        {"Forwarded": "host=evil.example;for=9.9.9.9"},
        {"X-Forwarded-Proto": "gopher", "X-Forwarded-For": "9.9.9.9", "X-Forwarded-Prefix": "/evil.example"},
        {"X-Original-URL": "/evil.example", "X-Rewrite-URL": "/evil.example"},
    ],
)
def test_a_link_never_leads_elsewhere(impatient, photo, forged):
    headers = {"X-API-Key": impatient.key, **forged}
    form = {"files": {"image": photo}, "data": {"response": "json"}}
    answer = requests.post(impatient.endpoint, headers=headers, timeout=60, **form)
    assert answer.json()["download_url"].startswith("/download.php?id=")
    assert "evil" not in answer.text + str(answer.headers)
    log = impatient.said.read_text()
    assert "9.9.9.9" not in log


def test_an_absolute_target_means_this_server(impatient, dial, heard):
    answer = heard(dial(impatient, GOOD.replace(b"/robots.txt", b"http://evil.example/nothing")))
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"evil" not in answer


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd.png",
        'a"; filename=b.exe; x=".png',
        "a%0d%0aSet-Cookie: x=y.png",
        "\u202egnp.exe",
        "CON.png",
        "x" * 2000 + ".png",
        "写真.png",
    ],
)
def test_a_hostile_name_stays_in_its_header(site, photo, name):
    answer = site.post(photo, name=name)
    shown = answer.headers["Content-Disposition"]
    assert answer.status_code == 200
    assert shown.isascii()
    assert len(shown) < 1500
    assert not re.search(r"[\r\n\\]|\.\.|exe;", shown)
    assert "Set-Cookie" not in answer.headers


def test_no_secret_gets_into_the_log_of_a_wrong_request(impatient, dial, heard):
    key = impatient.key.encode()
    for sent in (
        b"GET /?api_key=" + key + b" HTTP/9.9\r\nHost: a\r\n\r\n",
        b"GET /x?api_key=" + key + b" HTTP/1.1\r\nHost: a\r\nX-API-Key : " + key + b"\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + key + b"\0\r\n\r\n",
        key + b"\r\n\r\n",
        GOOD.replace(b"robots.txt", b"unheard-of?api_key=" + key),
    ):
        assert heard(dial(impatient, sent)).startswith(b"HTTP/1.1 4")
    log = impatient.said.read_text()
    assert "/unheard-of" in log
    first, *others = [line for line in log.splitlines() if impatient.key in line] or [""]
    assert not others
    assert not first.startswith("{")
