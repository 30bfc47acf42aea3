"""Who may ask the ImageOptim API for what, and how it may be put (I01-I04, I26, I29, I31)."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from urllib.parse import quote

import pytest
from imgsvc_origins import moved, page

from imgsvc import signature
from imgsvc.store.accounts import Account


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        ("{}", "/picture"),
        ("{}%20a.png?x=1&y=%2F", "/picture%20a.png?x=1&y=%2F"),
        ("{}//b/", "/picture//b/"),
        ("{}?a%20b#c", "/picture?a%20b"),
    ],
)
def test_the_source_is_asked_for_as_it_was_named(resizer, photo, sent, asked):
    made = resizer(page(photo))
    url = sent.format(made.url)
    plain = url.partition("#")[0]
    for path in (plain, quote(plain, safe=""), plain.removeprefix("http://")):
        assert made.get(url=path).status_code == 200
    assert [head.split(" ")[1] for head in made.origin.heads] == [asked]


def test_a_named_host_has_it_at_its_root(resizer, photo):
    made = resizer(page(photo), imageoptim_hosts="im2.test")
    for host, status in (("im2.test", 200), ("im2.test:8443", 200), ("other.test", 404)):
        answer = made.site.get(f"/acme/full/{made.url}", headers={"Host": host})
        assert answer.status_code == status
    assert made.site.get("/health", headers={"Host": "im2.test"}).status_code == HTTPStatus.FORBIDDEN
    assert made.site.get("/health").status_code == 200


def test_cookies_and_passwords_are_ignored(resizer, photo):
    made = resizer(page(photo))
    for secret in ("one", "two"):
        made.get(headers={"Cookie": f"a={secret}", "Authorization": f"Bearer {secret}", "Referer": "http://secret/"})
    (head,) = made.origin.heads
    assert not any(word in head for word in ("Cookie", "Authorization", "Referer", "one"))


def test_a_url_may_be_posted(resizer, photo):
    made = resizer(page(photo))
    answer = made.get(method="POST", url=quote(made.url, safe=""))
    assert (answer.status_code, answer.data) == (200, made.get().data)
    assert made.fetched == 1


def test_an_upload_is_made_smaller_and_kept_by_nobody(resizer, png, opened):
    made = resizer(page(png))
    answer = made.give(png, "32x32,format=same", name="über.png")
    assert (answer.status_code, opened(answer.data).size) == (200, (32, 24))
    assert answer.headers["Cache-Control"] == "no-store, private"
    assert "uber.png" in answer.headers["Content-Disposition"]
    assert "ETag" not in answer.headers
    assert made.give(png, url="http://127.0.0.1/ignored").status_code == 200
    assert made.fetched == 0


def test_an_upload_as_an_old_client_sends_it(resizer, png, opened):
    boundary = "XXX" + hashlib.md5(b"a.png", usedforsecurity=False).hexdigest()
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    ).encode()
    body += png + f"\r\n--{boundary}--".encode()
    headers = {
        "Content-MD5": boundary[3:],
        "Content-Type": f"multipart/form-data, boundary={boundary}",
        "Accept": "image/*,application/im2+json",
    }
    answer = resizer(page(png)).get("20,format=jpeg", "", method="POST", account="open", data=body, headers=headers)
    assert (answer.status_code, opened(answer.data).size) == (200, (20, 15))


def test_new_pictures_are_limited_by_address_and_minute(resizer, photo):
    made = resizer(page(photo), imageoptim_per_minute=2)

    def ask(options, address="203.0.113.9"):
        return made.get(options, environ_overrides={"REMOTE_ADDR": address})

    assert [ask(options).status_code for options in ("1", "1", "1", "2", "3")] == [200, 200, 200, 200, 429]
    assert 1 <= int(ask("3").headers["Retry-After"]) <= 60
    assert ask("2").status_code == 200
    assert (
        made.give(photo, environ_overrides={"REMOTE_ADDR": "203.0.113.9"}).status_code == HTTPStatus.TOO_MANY_REQUESTS
    )
    assert ask("3", "203.0.113.10").status_code == 200
    made.site.clock.now += 61
    assert ask("4").status_code == 200


def test_a_signed_account_makes_what_is_signed_alone(resizer, photo):
    made = resizer(page(photo))
    key = made.key("sealed")
    signed = signature.sign(key, "sealed", "20", made.url)
    assert made.get(signed, account="sealed").status_code == 200
    assert made.get("20", account="sealed").status_code == HTTPStatus.FORBIDDEN
    assert made.get(signed.replace("20,", "21,", 1), account="sealed").status_code == HTTPStatus.FORBIDDEN
    assert made.get(signed, account="acme").status_code == HTTPStatus.FORBIDDEN
    ends = signature.sign(key, "sealed", f"20,expires={int(made.site.clock()) + 60}", made.url)
    assert made.get(ends, account="sealed").status_code == 200
    made.site.clock.now += 61
    answer = made.get(ends, account="sealed")
    assert (answer.status_code, answer.text) == (403, "expires: the time of this URL is over.\n")
    assert made.fetched == 1
    assert not any("sig=" in line.get("path", "") or made.url in line.get("path", "") for line in made.site.lines())


def test_no_cache_answers_after_the_end_of_a_signature(resizer, photo):
    made = resizer(page(photo))

    def ask(span, more="", **headers):
        options = f"20,format=same{more},expires={int(made.site.clock()) + span}"
        return made.get(signature.sign(made.key("sealed"), "sealed", options, made.url), account="sealed", **headers)

    def seconds(answer):
        return int(answer.cache_control.max_age) - int(answer.headers.get("Age", 0))

    first = ask(10**9)
    assert seconds(first) == 4 * 3600
    made.site.clock.now += 100
    assert seconds(ask(10**9)) == 4 * 3600 - 100
    assert 598 <= seconds(ask(600)) <= 601
    again = ask(600, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.headers["ETag"]) == (304, first.headers["ETag"])
    assert 598 <= seconds(again) <= 601
    late = ask(30, ",timeout=0.0001,600")
    assert late.status_code == HTTPStatus.FOUND
    assert 28 <= seconds(late) <= 31
    assert made.fetched == 2


def test_uploads_need_to_be_allowed_or_signed_for_themselves(resizer, photo):
    made = resizer(page(photo))
    key = made.key("sealed")
    pages = signature.sign(key, "sealed", "20", made.url)
    uploads = signature.sign(key, "sealed", "20", "")
    assert made.give(photo, uploads, account="sealed").status_code == 200
    for account, options, url in (("acme", "20", ""), ("sealed", "20", ""), ("sealed", pages, made.url)):
        assert made.give(photo, options, account=account, url=url).status_code == HTTPStatus.FORBIDDEN
    made.add(Account("both", signed=True, uploads=True))
    assert made.give(photo, account="both").status_code == 200
    assert made.get(account="both").status_code == HTTPStatus.FORBIDDEN
    mixed = signature.sign(made.key("open"), "open", "20", "")
    assert made.give(photo, mixed).status_code == 200
    assert made.give(photo, mixed.replace("20", "21", 1)).status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(("hosts", "status"), [("127.0.0.1", 200), ("a.test,127.0.0.1", 200), ("localhost", 403)])
def test_an_account_fetches_from_its_hosts_alone(resizer, photo, hosts, status):
    made = resizer(page(photo))
    made.add(Account("other", hosts=hosts))
    answer = made.get(account="other")
    assert answer.status_code == status
    assert made.fetched == (status == HTTPStatus.OK)


def test_a_redirect_is_followed_to_its_hosts_alone(resizer, photo):
    def speak(connection, path):
        there = f"http://127.0.0.1:{connection.getsockname()[1]}/there"
        connection.sendall(page(photo) if path == "/there" else moved(there))

    made = resizer(speak, fetch_networks="127.0.0.0/8,::1/128")
    made.add(Account("narrow", hosts="localhost"))
    made.add(Account("wide", hosts="localhost,127.0.0.1"))
    url = made.url.replace("127.0.0.1", "localhost")
    assert made.get(url=url, account="narrow").status_code == HTTPStatus.BAD_REQUEST
    assert made.get(url=url, account="wide").status_code == 200
    # Nor is it served what was fetched from there for another.
    assert made.get(url=url, account="narrow").status_code == HTTPStatus.BAD_REQUEST
