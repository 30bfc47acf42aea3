"""SVG: what is taken for one, how large it is, what is made harmless, and that minifying keeps the picture."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgsvc.engine.budget import Budget, Limits
from imgsvc.engine.codec import Shape, Work
from imgsvc.engine.codecs.svg import CODEC, alike, draw, shrink
from imgsvc.engine.recipe import LooksLike, Lossless, Resize
from imgsvc.engine.sanitise import sanitise
from imgsvc.engine.vector import SVG, Node, parse
from imgsvc.errors import BadPicture, InputError

NAMESPACES = f'xmlns="{SVG}" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:h="http://www.w3.org/1999/xhtml"'


def svg(body: str, attributes: str = 'width="40" height="40"', before: str = "") -> bytes:
    return f"{before}<svg {NAMESPACES} {attributes}>{body}</svg>".encode()


BOX = '<rect width="40" height="40" fill="#3a7"/>'
PLAIN = svg(BOX)

SNIFFED = {
    "plain": (PLAIN, True),
    "utf-8 mark": (b"\xef\xbb\xbf" + PLAIN, True),
    "utf-16": (PLAIN.decode().encode("utf-16"), True),
    "utf-16 big": (PLAIN.decode().encode("utf-16-be"), True),
    "declaration": (b'<?xml version="1.0"?>\n' + PLAIN, True),
    "long comment": (b"<!-- <html> " + b"x" * 5000 + b" -->" + PLAIN, True),
    "doctype": (b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/x.dtd">' + PLAIN, True),
    "entities": (b'<!DOCTYPE svg [<!ENTITY ns "http://x"> <!-- > -->]>' + PLAIN, True),
    "prefix": (f'<s:svg xmlns:s="{SVG}"/>'.encode(), True),
    "stylesheet": (b'<?xml-stylesheet href="x.css"?>' + PLAIN, True),
    "html": (b"<html><body>" + PLAIN, False),
    "html doctype": (b"<!DOCTYPE html><html>" + PLAIN, False),
    "json": (b'{"svg": "<svg>"}', False),
    "other xml": (b"<rss><svg/></rss>", False),
    "longer name": (b"<svgx/>", False),
    "gzip": (b"\x1f\x8b\x08\x00", False),
    "picture before": (b"\x89PNG\r\n\x1a\n" + PLAIN, False),
    "open comment": (b"<!-- <svg>", False),
    "empty": (b"", False),
}


@pytest.mark.parametrize("name", SNIFFED)
def test_sniff(name: str) -> None:
    data, expected = SNIFFED[name]
    assert CODEC.sniff(data) is expected


SIZES = {
    'width="24" height="12"': (24, 12),
    'width="24px" height="12.4px"': (24, 12),
    'width="72pt" height="6pc"': (96, 96),
    'width="1in" height="25.4mm"': (96, 96),
    'width="2.54cm" height="101.6Q"': (96, 96),
    'width="2em" height="1e2"': (32, 100),
    'viewBox="0 0 80 60"': (80, 60),
    'viewBox="0,0,80,60" width="100%" height="100%"': (80, 60),
    'viewBox="0 0 80 60" width="40"': (40, 30),
    'viewBox="0 0 80 60" height="30"': (40, 30),
    'viewBox="0 0 80 60" width="auto" height="auto"': (80, 60),
    'viewBox="0 0 0 60"': (300, 150),
    "": (300, 150),
    'width="10"': (10, 150),
    'width="0.2" height="0.2"': (1, 1),
    'width="5400" height="3240"': (5400, 3240),
    'width="5000mm" height="5000mm"': (18898, 18898),
}


@pytest.mark.parametrize("attributes", SIZES)
def test_size(attributes: str) -> None:
    info = CODEC.inspect(svg(BOX, attributes), Limits())
    assert (info.width, info.height, info.frames) == (*SIZES[attributes], 1)


@pytest.mark.parametrize("attributes", ['width="0" height="5"', 'width="-3" height="5"', 'width="1e400" height="1"'])
def test_a_size_not_above_zero_is_refused(attributes: str) -> None:
    with pytest.raises(BadPicture, match=r"^image: the SVG's width is '.*', expected a length above 0\.$"):
        CODEC.inspect(svg(BOX, attributes), Limits())


@pytest.mark.parametrize(
    ("attributes", "box", "size", "reshaped"),
    [
        ('width="40" height="20"', None, (40, 20), False),
        ('width="40" height="20"', Resize(20, 20), (20, 10), True),
        ('width="40" height="20"', Resize(400, 400), (40, 20), False),
        ('width="30000" height="30000"', Resize(50, 50), (50, 50), True),
        ('width="8000" height="2"', None, (2000, 1), True),
        ('viewBox="0 0 1000000000 500000000"', Resize(64, 64), (64, 32), True),
    ],
)
def test_drawn_at_its_own_size_or_the_box(
    attributes: str, box: Resize | None, size: tuple[int, int], reshaped: bool
) -> None:
    picture = CODEC.decode(svg('<rect width="100%" height="100%" fill="red"/>', attributes), Shape(box))
    assert (picture.width, picture.height, picture.reshaped) == (*size, reshaped)
    assert picture.pixels.shape[2] == 3
    assert (picture.pixels == (255, 0, 0)).all()


def test_alpha_is_straight() -> None:
    picture = CODEC.decode(svg('<rect width="20" height="40" fill="#f00" fill-opacity=".5"/>'), None)
    assert picture.alpha
    assert picture.pixels[20, 10].tolist() == pytest.approx([255, 0, 0, 128], abs=1)
    assert picture.pixels[20, 30].tolist() == [0, 0, 0, 0]


def test_own_size_with_a_fraction_is_not_scaled() -> None:
    edge = CODEC.decode(svg('<rect x="10" width="10" height="9" fill="red"/>', 'viewBox="0 0 40.5 9"'), None)
    assert edge.pixels[4, 9:11, 3].tolist() == [0, 255]
    assert edge.pixels[4, 19:21, 3].tolist() == [255, 0]


def test_units_count_inside_too() -> None:
    inch = CODEC.decode(svg('<rect width=".25in" height="18pt" fill="red"/>'), None).pixels[..., 3]
    assert inch[12].tolist() == [255] * 24 + [0] * 16
    assert inch[:, 12].tolist() == [255] * 24 + [0] * 16


def test_text_is_drawn_with_the_font_that_ships_along() -> None:
    def words(family: str) -> np.ndarray:
        text = f'<text x="2" y="28" font-size="24" font-family="{family}">Äжq</text>'
        return np.asarray(CODEC.decode(svg(text), None).pixels)

    assert words("Noto Sans")[..., 3].any()
    for family in ("serif", "sans-serif", "monospace", "cursive", "No Such Font"):
        assert np.array_equal(words(family), words("Noto Sans")), family


@pytest.mark.parametrize(
    "data",
    [
        b"<svg/>",
        b'<svg xmlns="http://www.w3.org/1999/xhtml"/>',
        b"<html/>",
        b'<?xml version="1.0" encoding="utf-7"?>' + PLAIN,
        b'<?xml version="1.0" encoding="nothing"?>' + PLAIN,
        PLAIN[: len(PLAIN) // 2],
        b"",
    ],
)
def test_what_is_no_svg_is_refused(data: bytes) -> None:
    for read in (lambda: CODEC.inspect(data, Limits()), lambda: CODEC.decode(data, None), lambda: CODEC.safe(data)):
        with pytest.raises(BadPicture, match=r"^image: .*expected"):
            read()


@pytest.mark.parametrize(
    "data",
    [
        svg(BOX, before='<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/svg11.dtd">'),
        b'<!DOCTYPE svg [<!ENTITY ns "http://www.w3.org/2000/svg"><!ENTITY c "#3a7">]>'
        b'<svg xmlns="&ns;" width="40" height="40"><rect width="40" height="40" fill="&c;"/></svg>',
        svg(BOX).decode().encode("utf-16"),
        b'<?xml version="1.0" encoding="iso-8859-1"?>' + svg(BOX + "<title>\xe9</title>").decode().encode("latin-1"),
        f'<s:svg xmlns:s="{SVG}" width="40" height="40"><s:rect width="40" height="40" fill="#3a7"/></s:svg>'.encode(),
        svg(BOX + '<use id="a" href="#a" display="none"/>'),
    ],
)
def test_odd_but_honest_files_are_drawn(data: bytes) -> None:
    assert (CODEC.decode(data, None).pixels == (0x33, 0xAA, 0x77)).all()


def minified(data: bytes, exact: bool = False) -> bytes:
    goal = Lossless() if exact else LooksLike(70.0)
    work = Work(
        data,
        CODEC.decode(data, None),
        goal,
        Budget(),
        judge=lambda _: 100.0,
        read=lambda made: CODEC.decode(made, None),
    )
    offer = CODEC.passes[0].run(work)
    assert offer is not None
    assert offer.score == 100.0
    return offer.data


PICTURES = {
    "shapes": '<g id="a"><rect width="9.0001" height="9" style="fill:#ff0000"/></g><circle cx="20" cy="20" r="5.25"/>',
    "path": '<path d="M 2.00001 2 L 20 20 L 20 30.5 C 3 4 5 6 7 8 Z" fill="none" stroke="red" stroke-width="0.5"/>',
    "spans": '<text x="2" y="20"><tspan fill="red">a</tspan><tspan>b</tspan><tspan>c<tspan>d</tspan></tspan></text>',
    "space": '<text x="2" y="20" xml:space="preserve">a    b</text>',
    "style sheet": '<style><![CDATA[g > rect{fill:#a00}]]></style><g><rect width="20" height="20"/></g>',
    "use": '<defs><g id="unit"><rect width="9" height="9"/></g></defs><use xlink:href="#unit" x="9" fill="blue"/>',
}


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("name", PICTURES)
def test_minifying_keeps_the_picture_and_twice_is_once(name: str, exact: bool) -> None:
    data = svg(PICTURES[name])
    small = minified(data, exact)
    assert len(small) <= len(CODEC.safe(data))
    assert alike(parse(CODEC.safe(data)), parse(small), exact)
    assert minified(small, exact) == small


WAVE = " ".join(f"L {n * 0.39217} {20 + 15 * np.sin(n / 7):.7f}" for n in range(100))


def test_lossless_keeps_more_digits() -> None:
    data = svg(f'<!-- wave --><path d="M 0 20 {WAVE}" fill="none" stroke="#000" stroke-width="0.5"/>')
    rough, exact = minified(data), minified(data, exact=True)
    assert len(rough) < len(exact) < len(CODEC.safe(data))
    assert np.array_equal(draw(parse(CODEC.safe(data)), (400, 400)), draw(parse(exact), (400, 400)))


def test_alike() -> None:
    def wide(width: float, attributes: str = 'width="40" height="40"') -> Node:
        return parse(svg(f'<rect x="5" y="5" width="{width}" height="9" fill="red"/>', attributes))

    assert alike(wide(9), wide(9.0), exact=True)
    assert alike(wide(9), wide(9.02), exact=False)
    assert not alike(wide(9), wide(9.02), exact=True)
    assert not alike(wide(9), wide(9.3), exact=False)
    assert not alike(wide(9), wide(9, 'width="80" height="80"'), exact=False)


def test_a_sheet_of_symbols_keeps_them() -> None:
    text = minified(svg('<symbol id="home" viewBox="0 0 9 9"><path d="M0 0h9v9z"/></symbol>'))
    assert b'id="home"' in text


def test_the_viewbox_stays() -> None:
    assert b"viewBox" in minified(svg(BOX, 'width="40" height="40" viewBox="0 0 40 40"'))


def test_no_offer_for_a_conversion() -> None:
    work = Work(
        None,
        CODEC.decode(PLAIN, None),
        LooksLike(70.0),
        Budget(),
        judge=lambda _: 100.0,
        read=lambda made: CODEC.decode(made, None),
    )
    assert CODEC.passes[0].run(work) is None


def test_without_time_the_sanitised_text_is_offered() -> None:
    text = CODEC.safe(svg(f'<g id="x">{BOX}</g>'))
    assert shrink(text, False, Budget(seconds=0)) == text


numbers = st.floats(-50, 90, allow_nan=False).map(lambda value: f"{value:.6g}")
colours = st.sampled_from(
    ["red", "#00FF00", "rgb(0,0,255)", "url(#a)", "url(http://x.invalid/)", "none", "currentColor"]
)
shapes = st.one_of(
    st.builds("<rect x='{}' y='{}' width='30' height='9' fill='{}' onclick='x'/>".format, numbers, numbers, colours),
    st.builds("<circle cx='{}' cy='{}' r='7' style='fill:{};stroke:red'/>".format, numbers, numbers, colours),
    st.builds("<path d='M {} {} l 9 3 C {} 2 4 9 8 8 z' fill='{}'/>".format, numbers, numbers, numbers, colours),
    st.builds(
        "<text x='{}' y='20'>{}<tspan> é </tspan></text>".format, numbers, st.text("a b&lt;;é\u4e00", max_size=4)
    ),
    st.builds("<use href='#{}' x='{}'/><script>{}</script>".format, st.sampled_from("abü"), numbers, numbers),
)
groups = st.recursive(
    shapes,
    lambda inner: st.builds(
        "<g id='{}' transform='rotate({})' class='c'>{}</g>".format,
        st.sampled_from("abü"),
        numbers,
        st.lists(inner, min_size=1, max_size=3).map("".join),
    ),
    max_leaves=6,
)


@settings(max_examples=30, deadline=None)
@given(
    body=groups, sheet=st.sampled_from(["", "<style>.c{opacity:.5}</style>", "<style>@import 'x';#a{fill:red}</style>"])
)
def test_sanitising_and_minifying_twice_is_once(body: str, sheet: str) -> None:
    data = svg(sheet + body.replace("&lt;;", "&lt;").replace("&", "&amp;"))
    try:
        text = sanitise(data)
        small = shrink(text, False, Budget())
    except InputError:
        return
    assert sanitise(text) == text
    assert len(small) <= len(text)
    assert shrink(sanitise(small), False, Budget()) == small
