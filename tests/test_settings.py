"""Settings: each declared once, read from IMGSVC_* alone, and told in the README."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgsvc.settings import PREFIX, Settings, SettingsError, cores, load, table

README = Path(__file__).resolve().parent.parent / "README.md"
FIELDS = fields(Settings)
NUMBERS = [field for field in FIELDS if type(field.default) in (int, float)]


def test_an_empty_environment_gives_the_defaults():
    assert load({}) == Settings()
    assert load({"PATH": "/bin", "HOME": "/root", "imgsvc_port": "1"}) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("INSTANCE", "/srv/imgsvc", "instance", Path("/srv/imgsvc")),
        ("PORT", " 9000 ", "port", 9000),
        ("PUBLIC", "on", "public", True),
        ("PUBLIC", "TRUE", "public", True),
        ("API_ENABLED", "false", "api_enabled", False),
        ("API_ENABLED", "0", "api_enabled", False),
        ("DEADLINE", "2.5", "deadline", 2.5),
        ("HOST", "0.0.0.0", "host", "0.0.0.0"),
        ("DATABASE_URL", "postgresql+psycopg://a@b/c", "database_url", "postgresql+psycopg://a@b/c"),
    ],
)
def test_a_variable_sets_its_field(name, text, field, value):
    assert getattr(load({PREFIX + name: text}), field) == value


@pytest.mark.parametrize("name", ["IMGSVC_PROT", "IMGSVC_", "IMGSVC_port", "IMGSVC_MAX_BYTE"])
def test_an_unknown_name_fails_and_the_known_are_told(name):
    with pytest.raises(SettingsError, match=f"unknown setting {name}; known are .*IMGSVC_PORT"):
        load({name: "1"})


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("PORT", "http", "a whole number"),
        ("PORT", "", "a whole number"),
        ("PORT", "80.5", "a whole number"),
        ("PORT", "-1", "at least 0"),
        ("MAX_BYTES", "0", "at least 1"),
        ("MAX_BYTES", "2MB", "a whole number"),
        ("PUBLIC", "maybe", "on or off"),
        ("PUBLIC", "", "on or off"),
        ("DEADLINE", "soon", "a number"),
        ("DEADLINE", "0", "at least 0.1"),
    ],
)
def test_a_bad_value_fails_by_name_value_and_expectation(name, text, expected):
    with pytest.raises(SettingsError, match=f"^IMGSVC_{name}: got '{text}', expected {expected}"):
        load({PREFIX + name: text})


@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: field.name)
def test_every_number_has_a_least_value_and_a_default_above_it(field):
    least = field.metadata["least"]
    assert least is not None
    assert field.default >= least
    with pytest.raises(SettingsError):
        load({PREFIX + field.name.upper(): str(least - 1)})


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_a_number_of_seconds_is_finite(text):
    with pytest.raises(SettingsError, match="IMGSVC_DEADLINE"):
        load({"IMGSVC_DEADLINE": text})


@given(st.sampled_from([field.name for field in FIELDS]), st.text(st.characters(exclude_characters="\0"), max_size=8))
def test_any_text_is_a_setting_or_a_sentence_that_names_it(name, text):
    variable = PREFIX + name.upper()
    try:
        made = load({variable: text})
    except SettingsError as error:
        made = str(error)
    assert isinstance(made, Settings) or made.startswith(f"{variable}: got ")


def test_settings_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Settings().port = 1


def test_the_database_is_in_the_instance_unless_named(tmp_path):
    assert Settings(instance=tmp_path).database == f"sqlite+pysqlite:///{tmp_path}/imgsvc.sqlite3"
    assert Settings(database_url="postgresql+psycopg://h/n").database == "postgresql+psycopg://h/n"


def test_the_database_does_not_move_with_the_working_folder():
    assert f"{Path.cwd()}/instance" in Settings().database


@pytest.mark.parametrize(
    ("workers", "helpers", "each"), [(1, 4, 4), (2, 4, 2), (3, 4, 1), (8, 2, 1), (1, 0, cores()), (cores(), 0, 1)]
)
def test_helpers_are_shared_out_among_the_workers(workers, helpers, each):
    settings = Settings(workers=workers, helpers=helpers)
    assert (settings.worker_processes, settings.worker_helpers) == (workers, each)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_setting_is_explained(field):
    (row,) = [row for row in table().splitlines() if f"`{PREFIX}{field.name.upper()}`" in row]
    assert len(field.metadata["help"]) > 10
    assert field.metadata["help"] in row


def test_the_readme_holds_the_table():
    assert table() in README.read_text(encoding="utf-8")
