"""A path of the ImageOptim API is read as it was sent, whoever decoded it on the way (I03, I31)."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsvc.dialects.imageoptim_path import PLACE, Place, arrive
from imgsvc.settings import Settings, SettingsError

PLAIN = arrive(Settings(instance=Path("nowhere")))
ROOTED = arrive(Settings(instance=Path("nowhere"), imageoptim_hosts="img.test,*.cdn.test"))


def environ(path="/im/acme/full/http://x.test/a", info=None, **more):
    target, _, query = path.partition("?")
    return {"PATH_INFO": target if info is None else info, "QUERY_STRING": query, "RAW_URI": path, **more}


def arrived(read, given_):
    read(given_)
    return given_


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ("http://x.test/a.png", "http://x.test/a.png"),
        ("https://x.test/a%20b.png", "https://x.test/a%20b.png"),
        ("https://x.test/a.png?v=1&w=%2F", "https://x.test/a.png?v=1&w=%2F"),
        ("https://x.test/a//b", "https://x.test/a//b"),
        ("https://x.test/a?b?c", "https://x.test/a?b?c"),
        ("https%3A%2F%2Fx.test%2Fa%2520b.png%3Fv%3D1", "https://x.test/a%20b.png?v=1"),
        ("https%3a%2f%2fx.test%2fa.png", "https://x.test/a.png"),
        ("https%3A%2F%2Fx.test%2Fa.png?w=5", "https://x.test/a.png?w=5"),
        ("https%3A%2F%2Fx.test%2Fa.png%3Fv%3D1?w=5", "https://x.test/a.png?v=1&w=5"),
        ("https%3A//x.test/a%20b.png", "https://x.test/a%20b.png"),
        ("https%3A%2F%2Fx.test/a%20b.png", "https://x.test/a%20b.png"),
        ("https:/x.test/a.png", "https://x.test/a.png"),
        ("HTTPS://x.test/a.png", "HTTPS://x.test/a.png"),
        ("x.test/a.png", "http://x.test/a.png"),
        ("x.test:8080/a.png?b", "http://x.test:8080/a.png?b"),
        ("x.test%2Fa%2520b.png", "http://x.test/a%20b.png"),
        ("x.test", "http://x.test"),
        ("//x.test/a.png", "http://x.test/a.png"),
        ("ftp://x.test/a.png", "ftp://x.test/a.png"),
        ("data:image/png;base64,AA", "http://data:image/png;base64,AA"),
    ],
)
def test_a_source_is_read_however_it_came(source, url):
    assert Place("acme", "full", source).url == url


@given(st.from_regex(r"https://x\.test/[a-z0-9/%.~-]{0,20}(\?[a-z0-9=&%/-]{0,10})?", fullmatch=True))
def test_a_whole_url_is_left_as_it_is(url):
    assert Place("acme", "full", url).url == url
    assert arrived(PLAIN, environ(f"/im/acme/full/{url}", info="/im/other"))[PLACE].source != url
    path = url.partition("?")[0]
    raw = environ(f"/im/acme/full/{url}", info=decoded(f"/im/acme/full/{path}"))
    source = arrived(PLAIN, raw)[PLACE].source
    assert source == url


def decoded(path):
    return unquote_to_bytes(path).decode("latin-1")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/im/acme/full/http://x.test/a", ("acme", "full", "http://x.test/a")),
        ("/im/acme/full/http://x.test/a?b=c", ("acme", "full", "http://x.test/a?b=c")),
        ("/im/acme/full/", ("acme", "full", "")),
        ("/im/acme/full", ("acme", "full", "")),
        ("/im/acme//http://x.test/", ("acme", "", "http://x.test/")),
        ("/im/acme/", ("acme", "", "")),
        ("/im/acme", ("acme", "", "")),
        ("/im//full/x", ("", "full", "x")),
        ("/im", ("", "", "")),
        ("/im/?x", ("", "", "?x")),
    ],
)
def test_a_path_has_three_parts(path, place):
    assert arrived(PLAIN, environ(path))[PLACE] == Place(*place)


@pytest.mark.parametrize(
    "path", ["/", "/image/acme/full/x", "/api/v1/optimize", "/imx", "//im/acme/full/x", "/x/im/a/b/c"]
)
def test_other_paths_are_nobodys(path):
    before = environ(path)
    assert arrived(PLAIN, dict(before)) == before


@pytest.mark.parametrize("host", ["img.test", "IMG.test:8080", "img.test.", "a.cdn.test"])
def test_named_hosts_have_it_at_their_root(host):
    there = arrived(ROOTED, environ("/acme/full/http://x.test/im/a?b", HTTP_HOST=host))
    assert there[PLACE] == Place("acme", "full", "http://x.test/im/a?b")
    assert there["PATH_INFO"] == "/im/acme/full"


@pytest.mark.parametrize("host", ["other.test", "cdn.test", "", "img.test.evil.test"])
def test_other_hosts_have_it_under_its_prefix_alone(host):
    assert PLACE not in arrived(ROOTED, environ("/acme/full/http://x.test/a", HTTP_HOST=host))
    assert PLACE in arrived(ROOTED, environ("/im/acme/full/http://x.test/a", HTTP_HOST=host))
    assert PLACE not in arrived(PLAIN, environ("/acme/full/http://x.test/a", HTTP_HOST=host))


@pytest.mark.parametrize("nobody", ["", " ", ",", " , "])
def test_where_no_host_is_named_it_is_at_the_root_of_none(nobody):
    read = arrive(Settings(instance=Path("nowhere"), imageoptim_hosts=nobody))
    assert PLACE not in arrived(read, environ("/acme/full/http://x.test/a", HTTP_HOST="a"))


def test_hosts_that_cannot_be_read_stop_the_start():
    with pytest.raises(SettingsError, match="IMGSVC_IMAGEOPTIM_HOSTS"):
        arrive(Settings(imageoptim_hosts="http://img.test"))


def test_what_goes_on_holds_no_source_no_query_and_no_signature():
    signed = "full,sig=" + "A" * 43
    gone_on = arrived(PLAIN, environ(f"/im/acme/{signed}/http://x.test/secret?token=1"))
    assert (gone_on["PATH_INFO"], gone_on["QUERY_STRING"]) == ("/im/acme/full", "")
    assert gone_on[PLACE].options == signed


@pytest.mark.parametrize(
    ("given_", "source"),
    [
        ({"RAW_URI": "http://any.test/im/acme/full/http://x.test/a%20b"}, "http://x.test/a%20b"),
        ({"RAW_URI": "", "REQUEST_URI": "/im/acme/full/http://x.test/a%20b"}, "http://x.test/a%20b"),
        ({"RAW_URI": "/rewritten"}, "http://x.test/a%20b"),
        ({"RAW_URI": "/im/acme/full/http://x.test/a%20b?c=%20", "QUERY_STRING": "c=%20"}, "http://x.test/a%20b?c=%20"),
        ({"RAW_URI": "/rewritten", "QUERY_STRING": "c=%20"}, "http://x.test/a%20b?c=%20"),
        ({"SCRIPT_NAME": "/sub", "RAW_URI": "/sub/im/acme/full/http://x.test/a%20b"}, "http://x.test/a%20b"),
    ],
)
def test_the_raw_target_is_found_or_made_up_for(given_, source):
    place = arrived(PLAIN, environ(info="/im/acme/full/http://x.test/a b") | given_)[PLACE]
    assert place == Place("acme", "full", source)


def test_what_is_no_ascii_stays_what_it_is():
    raw = "/im/acme/ü/http://x.test/ä".encode().decode("latin-1")
    there = arrived(PLAIN, environ(raw))
    assert there[PLACE] == Place("acme", "ü", "http://x.test/ä")
    assert there["PATH_INFO"].encode("latin-1").decode() == "/im/acme/ü"


@given(st.text(alphabet=st.characters(max_codepoint=255)), st.text(alphabet=st.characters(max_codepoint=255)))
def test_whatever_comes_is_read(path, raw):
    there = arrived(PLAIN, environ("/im/" + path, RAW_URI=raw))
    there["PATH_INFO"].encode("latin-1")


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("multipart/form-data, boundary=XXX1", "multipart/form-data; boundary=XXX1"),
        ("Multipart/Form-Data,boundary=XXX1", "Multipart/Form-Data; boundary=XXX1"),
        ("multipart/form-data; boundary=a,b", "multipart/form-data; boundary=a,b"),
        ("text/plain, boundary=XXX1", "text/plain, boundary=XXX1"),
        ("", ""),
    ],
)
def test_a_comma_before_the_boundary_is_a_semicolon(sent, read):
    assert arrived(PLAIN, environ(CONTENT_TYPE=sent))["CONTENT_TYPE"] == read
    other = environ("/api/v1/optimize", CONTENT_TYPE=sent)
    assert arrived(PLAIN, other)["CONTENT_TYPE"] == sent
