"""URLs are read strictly: what is accepted has one meaning, and nothing but a refusal comes of the rest."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imgsvc.errors import UrlNotAllowed
from imgsvc.fetch.target import LONGEST, Target, follow, read

PORTS = {80, 443, 8080}
PARTS = [
    *("http://", "HTTPS://", "//", "/", "\\", "@", ":", "?", "#", ".", "%", "[", "]", "::1", "localhost", "127.0.0.1"),
    *("0x7f", "2130706433", "example.org", "bücher", "。", "１", "\t", "\n", "\0", " ", "80", "\u00ad", "\ud800"),
]
URLS = st.one_of(st.text(), st.lists(st.sampled_from(PARTS), max_size=12).map("".join))


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("http://example.org", "http://example.org/"),
        ("HTTP://Example.ORG:80/A?b=C", "http://example.org/A?b=C"),
        ("https://example.org:443/", "https://example.org/"),
        ("https://example.org:80/", "https://example.org:80/"),
        ("http://example.org:8080/x", "http://example.org:8080/x"),
        ("http://example.org./x", "http://example.org/x"),
        ("http://example.org?x", "http://example.org/?x"),
        ("http://example.org:/x#y", "http://example.org/x"),
        ("http://example.org#/x@y", "http://example.org/"),
        ("http://bücher.example/ü?ö", "http://xn--bcher-kva.example/%C3%BC?%C3%B6"),
        ("http://BÜCHER。example/", "http://xn--bcher-kva.example/"),
        ("http://ｅｘａｍｐｌｅ.org/", "http://example.org/"),
        ("http://１.１.１.１/", "http://1.1.1.1/"),
        ("http://under_score.example.org/", "http://under_score.example.org/"),
        ("http://1.1.1.1/", "http://1.1.1.1/"),
        ("http://1and1.example/", "http://1and1.example/"),
        ("http://[2606:4700:0::1111]/", "http://[2606:4700::1111]/"),
        ("https://[2606:4700::1111]:8080/", "https://[2606:4700::1111]:8080/"),
        ("http://example.org/a b|c^d%20%ff", "http://example.org/a%20b%7Cc%5Ed%20%ff"),
        ("http://example.org/http://other.example/p.png?w=1", "http://example.org/http://other.example/p.png?w=1"),
        ("http://example.org//a/../b", "http://example.org//a/../b"),
        ("http://example.org/@x:y@z", "http://example.org/@x:y@z"),
    ],
)
def test_a_good_url_means_one_thing(url, meant):
    assert read(url, PORTS).url == meant


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "//example.org/",
        "/x",
        "http:/example.org/",
        "http:///x",
        "ftp://example.org/",
        "file:///etc/passwd",
        "httpx://example.org/",
        " http://example.org/",
        "http://example.org/\n",
        "http://exa\tmple.org/",
        "http://example.org/\x7f",
        "http://example.org\\x",
        "http://example.org/\\x",
        "http://a@example.org/",
        "http://a:b@example.org/",
        "http://@example.org/",
        "http://example.org:81/",
        "http://example.org:0/",
        "http://example.org:000080/",
        "http://example.org:+80/",
        "http://example.org:80x/",
        "http://exa%6dple.org/",
        "http://exa mple.org/",
        "http://example..org/",
        "http://.example.org/",
        "http://example.org../",
        "http://-a.example/",
        "http://a-.example/",
        f"http://{'a' * 64}.example/",
        f"http://{'a.' * 127}example/",
        f"http://example.org/{'a' * LONGEST}",
        "http://1.1.1/",
        "http://1/",
        "http://0x1010101/",
        "http://01.1.1.1/",
        "http://1.1.1.256/",
        "http://1.1.1.1.1/",
        "http://example.0x/",
        "http://example.1/",
        "http://[1.1.1.1]/",
        "http://[::1",
        "http://[fe80::1%25eth0]/",
        "http://[::1]x/",
        "http://::1/",
        "http://xn--/\ud800",
        "http://\ud800.example/",
        "http://a\u200d.example/",
        "http://%00/",
    ],
)
def test_anything_else_is_refused_with_one_sentence(url):
    with pytest.raises(UrlNotAllowed) as caught:
        read(url, PORTS)
    assert caught.value.message == UrlNotAllowed.sentence


@given(URLS)
@example("http://example.org:" + "9" * 5)
@example("http://[::1]:80/")
def test_any_text_is_a_target_that_means_itself_or_is_refused(url):
    try:
        target = read(url, PORTS)
    except UrlNotAllowed:
        return
    assert target.url.isascii()
    assert target.url.isprintable()
    assert not set(target.host) & set("@/\\?#%[] ")
    assert target.path.startswith("/")
    assert read(target.url, PORTS) == target


@given(URLS)
def test_any_redirect_is_a_target_or_refused(location):
    try:
        target = follow(read("http://example.org/a/b?c", PORTS), location, PORTS)
    except UrlNotAllowed:
        return
    assert read(target.url, PORTS) == target


@pytest.mark.parametrize(
    ("location", "meant"),
    [
        ("x", "https://example.org/a/x"),
        ("/x?y", "https://example.org/x?y"),
        ("?y", "https://example.org/a/b?y"),
        ("../x", "https://example.org/x"),
        ("//other.example/x", "https://other.example/x"),
        ("http://other.example:8080/x#y", "http://other.example:8080/x"),
        ("/ü x", "https://example.org/%C3%BC%20x"),
    ],
)
def test_a_redirect_is_followed_from_where_it_was_told(location, meant):
    assert follow(Target("https", "example.org", 443, "/a/b?c"), location, PORTS).url == meant


@pytest.mark.parametrize("location", ["\\x", "/\\x", "http://other.example:22/", "//a@b/", "/x\ty", "//[::1"])
def test_a_redirect_is_judged_as_a_url_is(location):
    with pytest.raises(UrlNotAllowed):
        follow(Target("https", "example.org", 443, "/a/b?c"), location, PORTS)
