"""What the image proxy remembers, who shares it, and who may ask it how often (P02, P09-P11)."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import pytest
from imgsvc_origins import moved, page
from sqlalchemy import select, update

from imgsvc.store.db import Database
from imgsvc.store.schema import RESULTS

DAY = 24 * 3600


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


@pytest.mark.parametrize("spoilt", [{"frames": None}, {"mime": "text/html\r\nX: y"}, {"steps": [{}]}])
def test_a_result_that_another_build_wrote_is_made_anew(proxied, png, spoilt):
    proxy = proxied(page(png))
    first = proxy.get()
    database = Database(proxy.site.settings.database)
    with database.write() as connection:
        note = json.loads(connection.execute(select(RESULTS.c.note)).scalar_one())
        connection.execute(update(RESULTS).values(note=json.dumps(note | spoilt)))
    database.close()
    answer = proxy.get()
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/webp", first.data)
    assert proxy.fetched == 2


def test_it_is_off_until_it_is_switched_on(proxied, refused, png, site):
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


@pytest.mark.parametrize(("names", "status", "fetched"), [("localhost", 400, 1), ("localhost,127.0.0.1", 200, 2)])
def test_a_redirect_is_followed_to_named_hosts_alone(proxied, png, names, status, fetched):
    def speak(connection, path):
        there = f"http://127.0.0.1:{connection.getsockname()[1]}/there"
        connection.sendall(page(png) if path == "/there" else moved(there))

    proxy = proxied(speak, image_proxy_hosts=names, fetch_networks="127.0.0.0/8,::1/128")
    assert proxy.get(proxy.url.replace("127.0.0.1", "localhost")).status_code == status
    assert proxy.fetched == fetched


def test_new_pictures_are_limited_by_address_and_minute(proxied, refused, png):
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


def test_a_request_of_our_own_is_refused_even_for_what_is_known(proxied, refused, png):
    proxy = proxied(page(png))
    proxy.get(options={"headers": {"Via": "1.1 elsewhere"}})
    told = dict(line.split(": ", 1) for line in proxy.origin.heads[0].split("\r\n")[1:] if line)
    assert told["Via"].startswith("1.1 elsewhere, 1.1 imgsvc-")
    for name in ("Via", "CDN-Loop"):
        assert refused(proxy.get(options={"headers": {name: told[name]}}), 400)
        assert refused(proxy.get(w=5, options={"headers": {name: told[name]}}), 400)
    assert proxy.fetched == 1
