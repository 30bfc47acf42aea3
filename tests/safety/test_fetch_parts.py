"""What a fetch counts and reads: time, speed and bytes; lifetimes; names within a time."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsvc.errors import SourceFailed, SourceSlow, TooManyBytes
from imgsvc.fetch import hosts
from imgsvc.fetch.freshness import LONGEST, lifetime
from imgsvc.fetch.meter import FRAMING, GLANCE, SPEED, WINDOW, Meter
from imgsvc.fetch.resolver import Resolver
from imgsvc.settings import SettingsError

NOON = "Thu, 01 Jan 2026 12:00:00 GMT"


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def arriving(meter: Meter, clock: Clock, *pieces: tuple[float, int]) -> None:
    """Each piece arrives some seconds after the one before, and belongs to the picture."""
    for seconds, size in pieces:
        clock.now += seconds
        meter.arrive(size)
        meter.take(size)


@pytest.mark.parametrize(
    "pieces",
    [
        [(50.0, 1)],
        [(50.0, 1), (2.9, 1)],
        [(0.0, 30_000), (3.0, 1), (2.9, 1)],
        [(0.0, 30_000), (3.0, 30_000), (3.0, 30_000)],
        [(0.0, 1), *[(0.01, 101)] * 1000],
    ],
    ids=["late", "within the window", "at once", "steadily", "in small pieces"],
)
def test_who_is_fast_enough_may_go_on(pieces):
    clock = Clock()
    arriving(Meter(100.0, 10**6, clock=clock), clock, *pieces)


@pytest.mark.parametrize(
    "pieces",
    [
        [(0.0, 1), (3.0, 1)],
        [(0.0, 29_998), (3.0, 1)],
        [(0.0, 900_000), (3.0, 1), (3.0, 1)],
        [(0.0, 1), *[(0.01, 99)] * 1000],
    ],
    ids=["a drop", "nearly", "fast at first", "in small pieces"],
)
def test_who_is_too_slow_is_left(pieces):
    clock = Clock()
    meter = Meter(100.0, 10**6, clock=clock)
    with pytest.raises(SourceSlow):
        arriving(meter, clock, *pieces)


def test_silence_is_looked_at_as_soon_as_it_is_due():
    clock = Clock()
    meter = Meter(100.0, 10**6, clock=clock)
    assert meter.patience() == GLANCE
    meter.arrive(SPEED * 3)
    clock.now += WINDOW - 0.125
    assert meter.patience() == 0.125
    clock.now += meter.patience()
    meter.look()
    clock.now += WINDOW
    with pytest.raises(SourceSlow):
        meter.look()


def test_time_ends_whatever_arrives():
    clock = Clock()
    meter = Meter(2.0, 10**6, clock=clock)
    meter.arrive(1000)
    clock.now += 1.5
    meter.restart()
    assert meter.left() == 0.5
    clock.now += 0.25
    assert meter.left() == meter.patience() == 0.25
    clock.now += 0.25
    for ask in (meter.left, meter.patience, lambda: meter.take(1)):
        with pytest.raises(SourceSlow):
            ask()


@given(st.lists(st.integers(1, 1000), max_size=30), st.integers(1, 20_000))
def test_bytes_are_counted_to_the_last(sizes, most):
    meter = Meter(10.0, most)
    total = 0
    for size in sizes:
        total += size
        if total > most:
            with pytest.raises(TooManyBytes):
                meter.take(size)
            return
        meter.take(size)
    meter.announce(most)
    with pytest.raises(TooManyBytes):
        meter.announce(most + 1)


def test_what_surrounds_a_picture_has_bounds():
    meter = Meter(10.0, 10**7)
    meter.arrive(FRAMING)
    meter.arrive(1)
    with pytest.raises(SourceFailed):
        meter.arrive(1)
    meter.take(4)
    meter.arrive(1)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"cache-control": ""}, None),
        ({"cache-control": "public"}, None),
        ({"cache-control": "max-age=600"}, 600),
        ({"cache-control": 'Public , MAX-AGE="600"'}, 600),
        ({"cache-control": "max-age=600, s-maxage=60"}, 60),
        ({"cache-control": "max-age=600", "age": "100"}, 500),
        ({"cache-control": "max-age=600", "age": "700"}, 0),
        ({"cache-control": "max-age=600", "age": "old"}, 600),
        ({"cache-control": "max-age=600", "expires": NOON}, 600),
        ({"cache-control": "max-age=600, no-store"}, 0),
        ({"cache-control": "no-cache"}, 0),
        ({"cache-control": "private, max-age=600"}, 0),
        ({"cache-control": "max-age=-1"}, 0),
        ({"cache-control": "max-age=soon"}, 0),
        ({"cache-control": "max-age"}, 0),
        ({"cache-control": "max-age=" + "9" * 19}, LONGEST),
        ({"expires": "Thu, 01 Jan 2026 13:00:00 GMT", "date": NOON}, 3600),
        ({"expires": NOON, "date": "Thu, 01 Jan 2026 13:00:00 GMT"}, 0),
        ({"expires": NOON}, 0),
        ({"expires": "0"}, 0),
        ({"expires": "-1", "date": NOON}, 0),
        ({"expires": "Fri, 31 Dec 9999 23:59:59 GMT", "date": NOON}, LONGEST),
    ],
)
def test_a_lifetime_is_read_as_a_shared_cache_reads_it(headers, seconds):
    assert lifetime(headers) == seconds


@given(st.dictionaries(st.sampled_from(["cache-control", "expires", "date", "age"]), st.text()))
def test_any_headers_give_a_lifetime_within_a_year_or_none(headers):
    seconds = lifetime(headers)
    assert seconds is None or 0 <= seconds <= LONGEST


def test_a_name_has_the_systems_addresses():
    assert ip_address("127.0.0.1") in Resolver()("localhost", 10.0)


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "\ud800", "a..b"])
def test_what_is_no_name_has_no_addresses(name):
    assert Resolver()(name, 10.0) == ()


def test_a_lookup_that_hangs_is_left_and_holds_its_place_until_it_ends(monkeypatch):
    ended = threading.Event()
    asked: list[str] = []

    def getaddrinfo(host: str, *_: object, **__: object) -> list[object]:
        asked.append(host)
        ended.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    resolve = Resolver(lookups=1)
    for name in ("first", "second"):
        with pytest.raises(TimeoutError):
            resolve(name, 0.1)
    assert asked == ["first"]
    ended.set()
    while threading.active_count() > 1 and any(one.name == "imgsvc-lookup" for one in threading.enumerate()):
        time.sleep(0.01)
    assert resolve("third", 10.0) == ()
    assert asked == ["first", "third"]


@pytest.mark.parametrize(
    ("names", "allowed", "refused"),
    [
        ("", ("example.org", "127.0.0.1", "2001:db8::1"), ()),
        ("example.org", ("example.org",), ("www.example.org", "example.org.evil.test", "notexample.org", "org", "")),
        ("*.example.org", ("www.example.org", "a.b.example.org"), ("example.org", "wwwexample.org", "example.org.a")),
        ("Example.ORG., *.b.test c.test", ("example.org", "a.b.test", "c.test"), ("b.test", "a.c.test")),
        ("bücher.example", ("xn--bcher-kva.example",), ("bcher.example",)),
        ("192.0.2.7", ("192.0.2.7",), ("192.0.2.70", "1.192.0.2.7")),
    ],
)
def test_hosts_are_named_one_by_one_or_with_all_below(names, allowed, refused):
    among = hosts(names, "IMGSVC_HOSTS")
    assert [one for one in allowed if not among(one)] == []
    assert [one for one in refused if among(one)] == []


@pytest.mark.parametrize(
    "names",
    ["http://example.org", "example.org/a", "example.org:80", "a@b", "*", "a.*.b", "*.", "a..b", "0x7f.1", "a;b"],
)
def test_what_is_no_host_is_told(names):
    with pytest.raises(SettingsError, match=r"IMGSVC_HOSTS: got .* expected names such as") as raised:
        hosts(names, "IMGSVC_HOSTS")
    assert names in str(raised.value)
