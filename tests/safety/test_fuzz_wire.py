"""Guesses at what a helper or a shelf may say: a result that can be shown, logged and kept, or nothing."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsvc.dialects import klema, proxy
from imgsvc.engine.result import Result, Step
from imgsvc.errors import BadPicture, ImgsvcError, InputError, StorageFull, from_wire
from imgsvc.sandbox import fence, wire
from imgsvc.service import facts
from tests.safety.guesses import fuzzed

STEPS = (Step("png.oxipng", "kept", 70, 100.0, 0.1, ""), Step("png.coarser", "skipped", note="lossy"))
GOOD = Result(b"x" * 70, "png", "image/png", 3, 2, 1, 100.0, 90, "bmp", 3, 2, 0.2, STEPS).to_wire()
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**53, 2**64, 10**400, -1, float("nan"), float("inf"), -0.0, 1e308]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["image/png", "image/png\r\nX: y", "../../x", "text/html", "1-0a.data"]),
)
JSON = st.recursive(
    PLAIN, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner))
)
SPOILT = st.dictionaries(st.sampled_from([*GOOD, "more"]), JSON, max_size=3).map(lambda change: GOOD | change)
SPOILT_STEP = st.dictionaries(st.sampled_from([*GOOD["steps"][0], "more"]), JSON, min_size=1, max_size=2).map(
    lambda change: GOOD | {"steps": [GOOD["steps"][0] | change]}
)
WITHOUT = st.sampled_from(list(GOOD)).map(lambda name: {key: value for key, value in GOOD.items() if key != name})
RESULTS = st.one_of(SPOILT, SPOILT_STEP, WITHOUT, st.dictionaries(st.text(max_size=8), JSON))


def shown(app, result: Result) -> None:
    """What is done with every result: a log line, the headers and the JSON of the APIs, a place in the cache."""
    assert json.loads(json.dumps(facts(result), allow_nan=False))
    assert wire.read_result(json.loads(json.dumps(result.to_wire(), allow_nan=False)), result.data) == result
    with app.test_request_context():
        answer = proxy.write(result, "picture.webp")
    assert answer.content_type == result.mime
    assert answer.headers.to_wsgi_list()


@pytest.fixture(scope="session")
def app(site):
    return site.app


@fuzzed(500)
@given(RESULTS)
def test_any_description_is_a_result_that_can_be_shown_or_none(app, said):
    with suppress(ValueError):
        shown(app, wire.read_result(said, b"x" * 70))


def test_a_good_description_is_a_result(app):
    shown(app, wire.read_result(GOOD, b"x" * 70))


LINES = st.one_of(
    JSON.map(lambda value: json.dumps(value).encode()),
    RESULTS.map(lambda said: json.dumps({"file": "1-0a.data", "result": said}).encode()),
    st.binary(max_size=60),
    st.sampled_from([b"[" * 5000, b'{"a":' * 5000, b"1" * 5000, b"\xff\xfe{}", b"NaN"]),
)


@fuzzed(300)
@given(LINES)
def test_any_answer_names_a_plain_file_or_is_refused(text):
    with suppress(ValueError):
        name, said = wire.read_answer(text)
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
        assert ".." not in name
        assert isinstance(said, dict)


@fuzzed(300)
@given(LINES, st.integers(1, 50), st.booleans())
def test_any_line_is_one_message_or_refused(text, piece, whole):
    said = text.replace(b"\n", b" ") + (b"\n" if whole else b"")
    pieces = iter([said[at : at + piece] for at in range(0, len(said), piece)])
    with suppress(ValueError):
        message = wire.hear(lambda most: next(pieces, b"")[:most])
        assert message is None or (whole and isinstance(message, dict))


ERRORS = st.fixed_dictionaries(
    {},
    optional={
        "code": st.one_of(PLAIN, st.sampled_from(["bad_picture", "internal", "busy", "not_found", "storage_full"])),
        "message": JSON,
        "retry_after": JSON,
    },
)


@fuzzed(300)
@given(st.fixed_dictionaries({}, optional={"error": st.one_of(ERRORS, JSON), "detail": JSON, "last": JSON}))
def test_a_helper_decides_no_more_than_what_is_wrong_with_its_picture(reply):
    error, detail = wire.read_reply(reply)
    assert error is None or isinstance(error, InputError | StorageFull)
    assert isinstance(detail, str)
    if error is not None:
        assert error.retry_after is None
        body, status = klema.failure(error)
        assert json.dumps(body)
        assert 400 <= status < 500 or isinstance(error, StorageFull)


@fuzzed(200)
@given(ERRORS)
def test_any_error_that_was_kept_is_one_of_ours(said):
    error = from_wire(said)
    assert isinstance(error, ImgsvcError)
    assert isinstance(error.message, str)


@fuzzed(200)
@given(JSON)
def test_any_greeting_tells_of_fences_or_is_refused(said):
    with suppress(ValueError):
        assert all(isinstance(one.name, str) for one in fence.from_wire(said))


def test_an_error_of_another_kind_is_a_bad_picture():
    assert type(wire.read_reply({"error": {"code": "internal"}})[0]) is BadPicture
