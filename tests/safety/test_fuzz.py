"""Guesses at everything that parses what a stranger sends: the answer is a value or a refusal, never another error.

`python -m bench fuzz` makes other guesses, and many more, for as long as it is told to.
"""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from io import BytesIO
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug import Request

from bench.soak.mutants import WAYS, mutant
from bench.soak.seeds import seeds
from imgsvc import names, upload
from imgsvc.dialects import klema
from imgsvc.engine.bounds import check
from imgsvc.engine.budget import Limits
from imgsvc.engine.pipeline import sniff
from imgsvc.engine.pixels import decoding
from imgsvc.engine.recipe import parse
from imgsvc.errors import InputError, echo
from imgsvc.observe import request_id
from tests.safety.guesses import fuzzed

# Pillow speaks of damage that it passes over.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

SEEDS = seeds()
LARGEST = 5000
"""Bytes of the largest file that the multipart tests allow."""
MAGIC = (
    b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x20\0\0\0WEBP", b"\0\0\0\x20ftypavif",
    b"BM", b"II*\0", b"MM\0*", b"<svg ", b"\xff\xfe<\0s\0v\0g\0", b"<!DOCTYPE svg [", b"\x1f\x8b",
)  # fmt: skip


PIECES = st.sampled_from(
    [
        *(b"\r\n", b"\n", b"\r", b"--", b"--e", b"--e\r\n", b"\r\n--e--\r\n", b"\r\n--e\r\n", b"\r\n\r\n"),
        *(b";", b'"', b"\\", b"=", b"\0", b"\xff\xfe", b"\xc3\x28", b"A" * 3000, b"\r" * 500, b"\r\n" * 300),
        b'Content-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n',
        *(b"Content-Disposition: form-data", b"; name=image", b'; name="quality"', b"; name*=utf-8''image"),
        *(b"; filename=", b"; filename*=UTF-8''%2e%2e%2f", b"Content-Type: image/png\r\n"),
        *(b"Content-Type: text/plain; charset=nonsense\r\n", b"Content-Transfer-Encoding: base64\r\n"),
        b"Content-Length: 99999999999999999999\r\n",
    ]
)
"""What means something to who parses headers and multipart bodies."""
SOUP = st.lists(st.one_of(PIECES, st.binary(max_size=40)), max_size=24).map(b"".join)
PART = st.builds(
    lambda head, body: b"--e\r\nContent-Disposition: form-data" + head + b"\r\n\r\n" + body + b"\r\n",
    SOUP.filter(lambda text: b"\r\n\r\n" not in text),
    SOUP,
)
BODIES = st.one_of(SOUP, st.lists(PART, max_size=6).map(lambda parts: b"".join(parts) + b"--e--\r\n"))
TYPES = st.one_of(
    st.just("multipart/form-data; boundary=e"),
    st.text(st.characters(codec="latin-1"), max_size=60).map("multipart/form-data; boundary={}".format),
    st.text(st.characters(codec="latin-1"), max_size=60),
    st.sampled_from(
        ["multipart/form-data; boundary*=utf-8''e", 'multipart/form-data; boundary="e', "multipart/form-data"]
    ),
)
GOOD = b'--e\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nbytes\r\n--e--\r\n'


@fuzzed(150)
@given(body=BODIES, kind=TYPES, announced=st.one_of(st.none(), st.integers(0, 2 * LARGEST), st.just(10**18)))
def test_a_body_is_an_upload_or_refused(body, kind, announced):
    length = str(len(body) if announced is None else announced)
    environ = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": kind, "CONTENT_LENGTH": length, "wsgi.input": BytesIO(body)}
    taken: list[int] = []
    with suppress(InputError):
        read = upload.read(Request(environ), max_bytes=LARGEST, parameters=klema.PARAMETERS, grow=taken.append)
        assert read.data in body
        assert isinstance(read.filename, str)
        assert all(isinstance(text, str) for text in read.form.values())
    assert sum(taken) <= len(body)


def test_a_good_body_is_an_upload():
    environ = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "multipart/form-data; boundary=e", "wsgi.input": BytesIO(GOOD)}
    request = Request(environ | {"CONTENT_LENGTH": str(len(GOOD))})
    assert upload.read(request, max_bytes=LARGEST, parameters=()).data == b"bytes"


NUMBER = st.one_of(st.integers(-1, 10**6).map(str), st.text(max_size=4))


@fuzzed(200)
@given(
    st.dictionaries(
        st.sampled_from(klema.PARAMETERS),
        st.one_of(
            st.text(max_size=30), st.tuples(NUMBER, NUMBER).map("x".join), st.sampled_from(["10", "webp", "JPG"])
        ),
    )
)
def test_a_form_is_a_recipe_or_refused(form):
    with suppress(InputError):
        recipe = klema.read(form)
        assert parse(recipe.key) == recipe


TEXT = st.one_of(st.text(max_size=300), st.text(st.sampled_from("/\\.\"'%;\r\n\0\u202ea-ü "), max_size=60))


@fuzzed(200)
@given(TEXT, st.sampled_from(["jpg", "svg"]))
def test_any_name_becomes_one_that_is_safe_to_send_and_to_save(text, ending):
    name = names.safe(text, ending)
    assert name.endswith(f".{ending}")
    assert not set(name) & set('/\\"<>:|?*%\r\n\0')
    assert not name.startswith((".", "-", " "))
    assert re.fullmatch(
        r"inline; filename=\"[ -~]+\"(; filename\*=UTF-8''[\w.~%-]+)?", names.disposition("inline", name), re.ASCII
    )
    assert names.disposition("inline", name).count('"') == 2
    assert echo(text).isprintable()
    assert re.fullmatch(r"[\w.-]{1,64}", request_id(text), re.ASCII)


HEADERS = ("X-API-Key", "Authorization", "X-Request-Id", "Content-Type", "Content-Length", "Range", "Cookie", "Expect",
           "X-Forwarded-For", "X-Forwarded-Proto", "Accept", "If-None-Match", "Sec-Purpose", "User-Agent")  # fmt: skip
VALUES = st.one_of(
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=60),
    st.sampled_from(["Bearer x", "bearer", "-1", "0x10", "1e9", "bytes=0-0,1-1", "multipart/form-data; boundary=e"]),
)
PATHS = st.one_of(
    st.sampled_from([klema.OPTIMIZE, klema.DOWNLOAD, f"{klema.DOWNLOAD}?id=", "/", "/health", "/static/../x"]),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=40).map("/{}".format),
    st.text(max_size=60).map(lambda text: f"{klema.DOWNLOAD}?id=" + text.encode("utf-8", "ignore").hex()),
)
ANSWERS = {200, 204, 301, 308, 400, 401, 403, 404, 405, 408, 413, 415}


@fuzzed(120)
@given(
    st.sampled_from(["GET", "POST", "HEAD", "PUT", "OPTIONS"]),
    PATHS,
    st.dictionaries(st.sampled_from(HEADERS), VALUES),
    BODIES,
)
def test_any_request_gets_an_answer_that_is_no_fault_of_ours(site, method, path, headers, body):
    known = {"X-API-Key": site.key} if len(body) % 2 else {}
    answer = site.ask(method, path, headers={**headers, **known}, data=body)
    assert answer.status_code in ANSWERS
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if answer.status_code >= 400 and method != "HEAD":
        assert list(answer.json) == ["error"]


LINES = st.one_of(
    st.sampled_from([b"GET /health HTTP/1.1", b"POST /api/v1/optimize HTTP/1.1", b"GET / HTTP/0.9", b"PRI * HTTP/2.0"]),
    st.sampled_from([b"Host: a", b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Connection: close", b""]),
    st.sampled_from([b"5\r\nhello", b"0\r\n", b"CONNECT a:1 HTTP/1.1", b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2", b"\x16\3\1"]),
    st.binary(max_size=60),
    st.just(b"A" * 9000),
)


@fuzzed(40)
@given(st.lists(LINES, max_size=12), st.sampled_from([b"\r\n", b"\n", b"\r\n\r\n"]))
def test_whatever_is_no_http_leaves_the_server_well(impatient, dial, heard, lines, end):
    connection = dial(impatient, end.join(lines) + end)
    connection.shutdown(socket.SHUT_WR)
    said = heard(connection)
    connection.close()
    assert not re.search(rb"HTTP/1\.[01] 5(?!01)", said)
    assert heard(dial(impatient, b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).startswith(
        b"HTTP/1.1 200 "
    )


def inspected(data: bytes) -> None:
    """What a helper does before it decodes: a picture within the limits, or InputError."""
    codec = sniff(data)
    with decoding():
        info = codec.inspect(data, Limits())
        check(info, Limits(), codec.vector)
    assert min(info.width, info.height, info.frames) > 0


@fuzzed(400)
@given(
    st.sampled_from(sorted(SEEDS)), st.sampled_from(sorted(WAYS)), st.sampled_from(sorted(SEEDS)), st.integers(0, 2**32)
)
def test_a_damaged_header_is_read_or_refused(name, way, other, seed):
    with suppress(InputError):
        inspected(mutant(Random(seed), way, SEEDS[name], SEEDS[other]))


@fuzzed(300)
@given(st.sampled_from(MAGIC), SOUP)
def test_a_magic_number_before_nonsense_is_refused(magic, rest):
    with pytest.raises(InputError, match=r"^image: "):
        inspected(magic + rest)


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_the_seeds_are_good(name):
    inspected(SEEDS[name])
