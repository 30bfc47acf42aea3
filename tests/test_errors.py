"""The error tree: what each failure is called, and that nothing is lost on the way between processes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsvc import errors
from imgsvc.errors import LONGEST_ECHO, BadParameter, ImgsvcError, InputError, echo, from_wire

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ImgsvcError)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_drawing_of_the_tree_tells_the_truth(kind):
    assert f"{kind.__name__} " in errors.__doc__
    (line,) = [line for line in errors.__doc__.splitlines() if f" {kind.__name__} " in f" {line.strip(' ├└─│')} "]
    assert f" {kind.status} {kind.code}" in line


def test_every_code_is_one_errors_own():
    codes = [kind.code for kind in KINDS]
    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_the_input_is_4xx_and_says_a_sentence(kind):
    assert (400 <= kind.status < 500) or not issubclass(kind, InputError)
    assert kind().message.endswith(".")
    assert str(kind("Another sentence.")) == "Another sentence."


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("retry_after", [None, 7])
def test_an_error_survives_the_wire(kind, retry_after):
    sent = json.loads(json.dumps(kind("What happened.", retry_after=retry_after).to_wire()))
    read = from_wire(sent)
    assert (type(read), read.message, read.retry_after) == (kind, "What happened.", retry_after)


@pytest.mark.parametrize("wire", [{}, {"code": "unheard_of"}, {"code": None, "message": ""}, {"message": "Odd."}])
def test_an_unknown_error_is_the_servers(wire):
    read = from_wire(wire)
    assert type(read) is ImgsvcError
    assert read.message == (wire.get("message") or ImgsvcError.sentence)


def test_a_bad_parameter_names_itself_its_value_and_what_was_expected():
    error = BadParameter.of("quality", "11", "a whole number from 1 to 10")
    assert error.message == "quality: got '11', expected a whole number from 1 to 10."
    assert error.name == "quality"


@given(st.one_of(st.text(), st.integers(), st.none(), st.binary()))
def test_an_echo_is_short_and_shows_no_control_characters(value):
    shown = echo(value)
    assert len(shown) <= LONGEST_ECHO + 3
    assert shown.isprintable()
    assert (shown[0], shown[-1]) == ("'", "'")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a", "'a'"),
        ("", "''"),
        (5, "'5'"),
        ("a\nb\x1b", "'a�b�'"),
        ("x" * 60, f"'{'x' * 60}'"),
        ("x" * 61, f"'{'x' * 60}…'"),
    ],
)
def test_an_echo_repeats_a_value(value, shown):
    assert echo(value) == shown
