"""The attacks' own tools: bombs that are real, mutants that come again, checks that see what is wrong."""

from __future__ import annotations

from io import BytesIO
from itertools import pairwise
from random import Random

import pytest
from PIL import Image

from bench.soak.bombs import avif_grid, svg_use, webp_solid
from bench.soak.checks import BY_WORDS, Case, complaints
from bench.soak.client import Answer
from bench.soak.mutants import WAYS, mutants, pieces
from bench.soak.rows.leak import History
from bench.soak.seeds import seeds
from imgsvc.engine.codecs import svg

SEEDS = seeds()
NAMED = 'inline; filename="a.{}"'
SANDBOX = "default-src 'none'; sandbox"


def answer(body: bytes, mime: str = "image/jpeg", shown: str | None = None, policy: str = SANDBOX) -> Answer:
    ending = {"image/jpeg": "jpg", "image/svg+xml": "svg"}.get(mime, mime.partition("/")[2])
    shown = NAMED.format(ending) if shown is None else shown
    return Answer(200, {"content-type": mime, "content-disposition": shown, "content-security-policy": policy}, body)


@pytest.mark.parametrize(
    ("data", "size"), [(webp_solid(100), (100, 100)), (avif_grid(64), (1024, 1024))], ids=["webp", "avif"]
)
def test_a_small_bomb_of_the_same_make_is_a_picture(opened, data, size):
    image = opened(data)
    assert image.size == size
    assert len(image.getcolors()) == 1


def test_a_small_tower_of_uses_is_drawn():
    assert svg.CODEC.decode(svg_use(2), None).alpha


def test_mutants_come_again_and_differ_from_their_seeds():
    first, again = (list(mutants(Random(7), SEEDS, 300)) for _ in range(2))
    assert first == again
    assert {name.split()[1] for name, _ in first} == set(WAYS)
    assert {name.split()[2] for name, _ in first} == set(SEEDS)
    assert sum(data in SEEDS.values() for _, data in first) < 15


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_the_pieces_of_a_file_follow_each_other(name):
    found = pieces(SEEDS[name])
    assert len(found) >= 2
    assert all(end == start for (_, end), (start, _) in pairwise(found))


SVG = '<svg xmlns="http://www.w3.org/2000/svg">{}</svg>'
PHP = b"<?php phpinfo(); ?>"
JPEG = SEEDS["gray.jpg"]


def turned() -> bytes:
    out = BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "a description"
    Image.new("RGB", (8, 8)).save(out, "JPEG", exif=exif)
    return out.getvalue()


@pytest.mark.parametrize(
    ("words", "sent", "got", "wrong"),
    [
        ("decodable", b"", answer(JPEG), False),
        ("decodable", b"", answer(JPEG[:200]), True),
        ("decodable", b"", answer(JPEG, "image/png"), True),
        ("decodable", b"", answer(JPEG, "text/html"), True),
        ("decodable", b"", answer(webp_solid(2001), "image/webp"), True),
        ("stored or returned name", b"", answer(JPEG, shown='inline; filename="a.jpg.php"'), True),
        ("name never reaches", b"", answer(JPEG, shown='inline; filename="../a.jpg"'), True),
        ("name never reaches", b"", answer(JPEG, shown="inline; filename=a b.jpg"), True),
        ("200 with only image data", JPEG + PHP, answer(JPEG), False),
        ("200 with only image data", JPEG + PHP, answer(JPEG + PHP), True),
        ("200 with metadata dropped", b"", answer(turned()), True),
        ("treated as orientation 1", JPEG, answer(JPEG), False),
        ("treated as orientation 1", JPEG, answer(SEEDS["baseline.jpg"]), True),
        ("format taken from the content", SEEDS["colour.png"], answer(JPEG), True),
        *(
            ("output has no script/foreignObject", b"", answer(SVG.format(inside).encode(), "image/svg+xml"), wrong)
            for inside, wrong in (
                ('<use href="#a"/><rect fill="url(#b)"/>', False),
                ('<image href="data:image/png;base64,AA"/>', False),
                ("<script/>", True),
                ('<a:script xmlns:a="http://www.w3.org/2000/svg"/>', True),
                ("<text> onload= javascript: &lt;script> </text>", False),
                ('<?xml-stylesheet href="x"?>', True),
                ("<style>@font-face{src:url(data:font/woff2;base64,AA)}</style>", False),
                ("<rect", True),
                ("<?php x ?>", True),
                ('<set attributeName="onclick" to="x"/>', True),
                ("<style>@\\69mport 'x'</style>", True),
                ('<rect onload="x"/>', True),
                ('<a href="javascript:x"/>', True),
                ('<image href="/etc/passwd"/>', True),
                ("<style>@import 'x'</style>", True),
                ("<rect style=\"fill:url('//evil')\"/>", True),
                ('<image href="data:text/html,x"/>', True),
            )
        ),
        ("output has no script", b"", answer(SVG.encode(), "image/svg+xml", policy="default-src 'none'"), True),
        ("JSON error body", b"", Answer(400, {}, b'{"error": "image: no."}'), False),
        ("JSON error body", b"", Answer(400, {}, b"<h1>Bad Request</h1>"), True),
        ("JSON error body", b"", Answer(400, {}, b'{"error": "Traceback (most recent call last)"}'), True),
    ],
)
def test_a_check_sees_what_is_wrong_and_nothing_else(words, sent, got, wrong):
    assert bool(complaints(words, Case(sent, "", got))) is wrong


def test_no_two_kinds_of_checks_begin_alike():
    assert not [(one, other) for one in BY_WORDS for other in BY_WORDS if one != other and one.startswith(other)]


@pytest.mark.parametrize(
    ("counts", "change"),
    [
        ([9, 9, 5, 6, 5, 5, 7, 5, 6, 6, 5, 6], 0),
        ([9, 9, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6], 1),
        ([5, 5, 5, 5, 5, 5, 5, 5, 4, 4, 4, 4], -1),
    ],
)
def test_what_is_open_for_a_moment_is_no_leak_and_what_stays_open_is_one(counts: list[int], change: int) -> None:
    assert History(span=3).change(counts) == change
