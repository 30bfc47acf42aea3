"""Guesses at URLs and redirects: nothing inside is reached by any spelling of its address."""

from __future__ import annotations

import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsvc.errors import UrlNotAllowed
from imgsvc.fetch import Fetcher, Rules
from imgsvc.fetch.target import follow
from tests.safety.guesses import fuzzed

RULES = Rules()
EVERYTHING = Rules((ip_network("0.0.0.0/0"), ip_network("::/0")))
FETCHER = Fetcher(RULES, "0a1b2c3d")
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


@pytest.mark.parametrize("url", ["http://1.1.1.1/", "http://[2606:4700::1111]/", "http://８.８.８.８/"])
def test_open_addresses_are_let_through(url):
    assert judged(FETCHER.read(url).host)
