"""File names that are safe to offer, whatever was uploaded."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from werkzeug.http import parse_options_header

from imgsvc.names import disposition, of_url, safe


@pytest.mark.parametrize(
    ("uploaded", "name"),
    [
        ("photo.png", "photo.webp"),
        ("photo", "photo.webp"),
        ("a.tar.gz", "a.tar.webp"),
        ("", "image.webp"),
        (".png", "image.webp"),
        ("..", "image.webp"),
        ("../../etc/passwd", "passwd.webp"),
        ("C:\\Users\\me\\a.png", "a.webp"),
        ("dir/", "image.webp"),
        ("-rf.png", "rf.webp"),
        ("  a  .png", "a.webp"),
        ("a\r\nSet-Cookie: x=y.png", "aSet-Cookie_ x=y.webp"),
        ("a\0b.png", "ab.webp"),
        ("\u202egnp.exe", "gnp.webp"),
        ('a"b<c>|d?*%41.png', "a_b_c__d___41.webp"),
        ("CON.png", "_CON.webp"),
        ("com1", "_com1.webp"),
        ("nul.tar.gz", "_nul.tar.webp"),
        ("console.png", "console.webp"),
        ("x" * 300 + ".png", "x" * 100 + ".webp"),
        ("e\u0301te\u0301.png", "\u00e9t\u00e9.webp"),
        ("写真.png", "写真.webp"),
        ("\ud800.png", "image.webp"),
    ],
)
def test_a_name_is_no_path_and_shows_what_it_is(uploaded, name):
    assert safe(uploaded, "webp") == name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://example.org/a/photo.jpg", "photo.webp"),
        ("http://example.org/a/photo.jpg?v=2/x.png", "photo.webp"),
        ("https://example.org:8443/%C3%BCber%20uns.png", "über uns.webp"),
        ("http://example.org/a%2Fb.png", "b.webp"),
        ("http://example.org/a%0D%0AX-Y%3A%20z.png", "aX-Y_ z.webp"),
        ("http://example.org/%FF%.png", "\ufffd_.webp"),
        ("http://example.org/album/", "image.webp"),
        ("http://example.org", "image.webp"),
        ("http://example.org/?photo.jpg", "image.webp"),
    ],
)
def test_a_picture_by_url_is_named_by_what_its_path_ends_in(url, name):
    assert of_url(url, "webp") == name


@given(st.text())
@example("\u0345" * 200)
def test_any_name_is_safe_twice_over_and_reads_back_from_the_header(uploaded):
    name = safe(uploaded, "jpg")
    assert name.endswith(".jpg")
    assert 5 <= len(name) <= 105
    assert not set(name) & set('/\\:*?"<>|%\r\n\0')
    assert safe(name, "jpg") == name
    kind, options = parse_options_header(disposition("attachment", name))
    assert kind == "attachment"
    assert options["filename"] == name
    disposition("attachment", name).encode("latin-1")
