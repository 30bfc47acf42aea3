"""Guesses at URLs, queries and headers that make us fetch: nothing inside is reached by any spelling of its address."""

from __future__ import annotations

import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Accept, MultiDict

from imgsvc.dialects import proxy
from imgsvc.engine.recipe import parse
from imgsvc.errors import BadParameter, UrlNotAllowed
from imgsvc.fetch import Fetcher, Rules
from imgsvc.fetch.freshness import LONGEST as LONGEST_LIFE
from imgsvc.fetch.freshness import lifetime
from imgsvc.fetch.target import follow
from imgsvc.remote import LONGEST, Order
from tests.safety.guesses import fuzzed

RULES = Rules()
EVERYTHING = Rules((ip_network("0.0.0.0/0"), ip_network("::/0")))
FETCHER = Fetcher(RULES, "0a1b2c3d")
OWN = "1.1 imgsvc-0a1b2c3d"
INSIDE = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
    *("198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "169.254.169.254/32", "100.100.100.200/32", "127.0.0.1/32"),
]
SECRETS = [IPv4Address(text) for text in ("169.254.169.254", "100.100.100.200", "168.63.129.16", "169.254.170.2")]


def within(network: str) -> st.SearchStrategy[IPv4Address]:
    found = ip_network(network)
    return st.integers(int(found[0]), int(found[-1])).map(IPv4Address)


PRIVATE = st.sampled_from(INSIDE).flatmap(within)


def number(value: int, base: str) -> str:
    return {"dec": f"{value}", "oct": f"0{value:o}", "hex": f"0x{value:x}", "long": f"0x{value:012X}"}[base]


def parts(address: IPv4Address, count: int, bases: list[str]) -> str:
    """The forms of inet_aton: one to four numbers, of which the last holds all the bytes that are left."""
    octets = address.packed
    values = [*octets[: count - 1], int.from_bytes(octets[count - 1 :], "big")]
    return ".".join(number(value, base) for value, base in zip(values, bases, strict=False))


BASES = st.lists(st.sampled_from(["dec", "dec", "oct", "hex", "long"]), min_size=4, max_size=4)


def disguised(text: str, way: str) -> str:
    """The same address as a careless reader may take it."""
    wide = {ord(c): ord(c) - 0x20 + 0xFF00 for c in "0123456789abcdefxABCDEFX"}
    ways = {
        "plain": text,
        "dot": text + ".",
        "dots": text.replace(".", "。"),
        "wide": text.translate(wide),
        "circled": text.replace("1", "①").replace("2", "②"),
        "percent": "".join(f"%{ord(c):02x}" for c in text),
        "user": f"example.org@{text}",
        "password": f"a:b@{text}",
        "backslash": f"{text}\\@example.org",
        "hash": f"{text}#@example.org",
        "question": f"{text}?@example.org",
        "port": f"{text}:80",
        "zero port": f"{text}:00080",
        "tab": text[:1] + "\t" + text[1:],
        "soft": text[:1] + "\u00ad" + text[1:],
        "space": text + " ",
        "null": text + "\0.example.org",
        "brackets": f"[{text}]",
    }
    return ways[way]


WAYS = st.sampled_from(
    [
        *("plain", "dot", "dots", "wide", "circled", "percent", "user", "password", "backslash", "hash", "question"),
        *("port", "zero port", "tab", "soft", "space", "null", "brackets"),
    ]
)
SCHEMES = st.sampled_from(["http://", "https://", "HTTP://", "//", "http:/", "http:", "http:\\\\", "ftp://", ""])


def embedded(address: IPv4Address, way: str) -> IPv6Address:
    """An IPv6 address that some mechanism reads the IPv4 address out of."""
    inside = int(address)
    ways = {
        "mapped": 0xFFFF << 32 | inside,
        "compatible": inside,
        "translated": 0xFFFF0000 << 32 | inside,
        "6to4": 0x2002 << 112 | inside << 80 | 1,
        "nat64": 0x0064FF9B << 96 | inside,
        "nat64 local": 0x0064FF9B0001 << 80 | inside,
        "teredo": 0x20010000 << 96 | inside ^ 0xFFFFFFFF,
        "teredo server": 0x20010000 << 96 | inside << 64,
        "isatap": 0x2A00 << 112 | 0x5EFE << 32 | inside,
    }
    return IPv6Address(ways[way])


EMBEDDED = st.sampled_from(
    ["mapped", "compatible", "translated", "6to4", "nat64", "nat64 local", "teredo", "teredo server", "isatap"]
)


def spelled(address: IPv6Address, way: int) -> str:
    """The address in brackets: shortest, whole, or with its end as an IPv4 address."""
    end = IPv4Address(int(address) & 0xFFFFFFFF)
    words = address.exploded.split(":")
    return ["[" + text + "]" for text in (str(address), address.exploded.upper(), ":".join(words[:6]) + f":{end}")][way]


def meant(host: str) -> IPv4Address | IPv6Address | None:
    """What the C library takes a host for without asking anybody: an address, or None for a name."""
    with suppress(OSError):
        return IPv6Address(socket.inet_pton(socket.AF_INET6, host))
    with suppress(OSError):
        return IPv4Address(socket.inet_aton(host))
    return None


def is_open(address: IPv4Address | IPv6Address) -> bool:
    """Whether Python's own table takes an address, and whatever is inside of it, for one of the open internet."""
    if isinstance(address, IPv6Address):
        hidden = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if any(one is not None and not is_open(one) for one in hidden):
            return False
    return address.is_global and not address.is_multicast


def judged(host: str, rules: Rules = RULES) -> bool:
    """Whether an address as it stands in a URL would be connected to; a name is looked up first and judged then."""
    return rules.admit(ip_address(host))


@fuzzed(400)
@given(SCHEMES, PRIVATE, st.integers(1, 4), BASES, WAYS, st.sampled_from(["", "/", "/x.png", "?x", ":80/", ":0x50/"]))
def test_no_spelling_of_an_inner_address_is_let_through(scheme, address, count, bases, way, rest):
    url = scheme + disguised(parts(address, count, bases), way) + rest
    with suppress(UrlNotAllowed):
        target = FETCHER.read(url)
        assert meant(target.host) == address
        assert not judged(target.host)


@fuzzed(300)
@given(PRIVATE, EMBEDDED, st.integers(0, 2))
def test_no_address_within_an_address_is_let_through(address, way, spelling):
    host = spelled(embedded(address, way), spelling)
    target = FETCHER.read(f"http://{host}/")
    assert meant(target.host) == embedded(address, way)
    assert not judged(target.host)


@fuzzed(200)
@given(st.sampled_from(SECRETS), EMBEDDED.filter(lambda way: way not in ("isatap", "translated")), st.integers(0, 2))
def test_the_addresses_of_secrets_stay_shut_where_all_networks_are_open(address, way, spelling):
    assert not judged(str(address), EVERYTHING)
    target = FETCHER.read(f"http://{spelled(embedded(address, way), spelling)}/")
    assert not judged(target.host, EVERYTHING)


@fuzzed(300)
@given(
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6), st.integers(0x2000 << 112, 0x3FFF << 112).map(IPv6Address))
)
def test_no_address_is_let_through_that_python_knows_to_be_special(address):
    if judged(str(address)):
        assert is_open(address)


PIECES = [
    *(
        "http://",
        "//",
        "/",
        "@",
        ":",
        "?",
        "#",
        "[",
        "]",
        "%",
        ".",
        "0x",
        "127",
        "1",
        "0177",
        "2130706433",
        "localhost",
    ),
    *("example.org", "::1", "::ffff:", "１", "。", "\u200d", "\u2044", "ß", "xn--", "\ud800", " ", "\t", "\\", "80"),
]
URLS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=10).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=8).map(lambda some: "http://" + "".join(some)),
    st.text(max_size=80),
    st.text(max_size=40).map("http://{}/".format),
)


@fuzzed(600)
@given(URLS, st.booleans())
def test_any_text_is_refused_or_names_one_host_in_one_spelling(url, redirect):
    start = FETCHER.read("https://example.org/a/b?c")
    try:
        target = follow(start, url, RULES.ports) if redirect else FETCHER.read(url)
    except UrlNotAllowed:
        return
    assert FETCHER.read(target.url) == target
    address = meant(target.host)
    if address is not None:
        # What a resolver would take for a number stands there as the address that is judged, in its own spelling.
        assert str(address) == target.host
        assert not judged(target.host) or is_open(address)
    assert target.host == target.host.lower().strip(". ")
    assert target.host.isascii()


VALUE = st.one_of(
    st.text(max_size=40),
    st.integers(-(10**30), 10**30).map(str),
    st.sampled_from(
        ["auto", "avif", "WEBP", "1e9", "0x10", "１", "+5", " 5", "9" * 1001, "-0", "50 http://x/", "5;quick"]
    ),
)
QUERIES = st.lists(st.tuples(st.sampled_from([*proxy.PARAMETERS, "W", "url ", "x", "w\n"]), VALUE), max_size=5)
ACCEPTS = st.lists(st.tuples(st.text(max_size=12), st.floats(0, 1)), max_size=4).map(Accept)


@fuzzed(300)
@given(QUERIES, ACCEPTS)
def test_any_query_is_a_recipe_or_refused(pairs, accept):
    with suppress(BadParameter):
        recipe = proxy.read(MultiDict(pairs), accept)
        assert parse(recipe.key) == recipe
        assert len(recipe.key) < 100


PATHS = st.text(st.characters(codec="utf-8"), max_size=40)
RECIPES = st.tuples(st.integers(-5, 200), st.integers(0, 20_000), st.sampled_from(["webp", "avif", "auto"]))


@fuzzed(300)
@given(PATHS, PATHS, RECIPES, RECIPES)
def test_two_orders_share_a_key_only_where_they_are_one(one, other, first, second):
    def order(path, recipe):
        quality, width, form = recipe
        query = MultiDict({"q": str(quality), "w": str(width), "format": form})
        target = FETCHER.read("http://example.org/" + quote(path, safe=" %/?&=;"))
        return Order(target.url, proxy.read(query, Accept()), "proxy", lambda host: True)

    with suppress(UrlNotAllowed):
        a, b = order(one, first), order(other, second)
        assert (a.key == b.key) == (a == b)
        version, api, recipe, url = a.key.split(" ")
        assert (api, recipe, url) == ("proxy", a.recipe.key, a.url)
        assert version


HOPS = st.lists(
    st.one_of(st.text(max_size=30), st.sampled_from(["1.1 a", "HTTP/2 b (c)", "1.0 imgsvc-ffffffff"])), max_size=5
)


@fuzzed(200)
@given(HOPS, HOPS)
def test_our_own_name_is_seen_among_any_hops(before, after):
    others = ",".join([*before, *after])
    assert FETCHER.is_own(others) == ("imgsvc-0a1b2c3d" in others.replace(",", " ").split())
    assert FETCHER.is_own(",".join([*before, OWN, *after]))


ORDER = Order("http://example.org/", proxy.read(MultiDict(), Accept()), "proxy", lambda host: True)
TAG, _, END = ORDER.tag(2e9).partition("-")
NOW = 2e9 - 1000
ENDS = st.one_of(
    st.text(max_size=20),
    st.text(st.sampled_from("0123456789abcdefx_+- \u0661\xa0"), max_size=24),
    st.floats(0, 4e9).map(lambda end: f"{round(end * 1000):x}"),
)


@fuzzed(300)
@given(ENDS)
def test_any_tag_is_one_that_we_may_have_written_or_none(end):
    if ORDER.holds(f"{TAG}-{end}", NOW):
        assert end.isascii()
        assert 0 < int(end, 16) / 1000 - NOW <= LONGEST
        assert ORDER.tag(int(end, 16) / 1000) == f"{TAG}-{end.lstrip('0')}"


def test_its_own_tag_holds():
    assert ORDER.holds(f"{TAG}-{END}", NOW)


TOLD = st.dictionaries(
    st.sampled_from(["cache-control", "expires", "date", "age"]),
    st.one_of(
        st.text(max_size=60),
        st.lists(st.sampled_from(["max-age", "s-maxage", "=", "1", "-1", "9" * 30, ",", '"', "no-store", " "])).map(
            "".join
        ),
        st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT")),
    ),
)


@fuzzed(300)
@given(TOLD)
def test_any_headers_give_a_lifetime_within_a_year(headers):
    seconds = lifetime(headers)
    assert seconds is None or 0 <= seconds <= LONGEST_LIFE


@pytest.mark.parametrize("url", ["http://1.1.1.1/", "http://[2606:4700::1111]/", "http://８.８.８.８/"])
def test_open_addresses_are_let_through(url):
    assert judged(FETCHER.read(url).host)
