"""Keys: issued once, found by their secret, revoked for good."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imgsvc.errors import BadParameter
from imgsvc.store import keys

NOW = 1_700_000_000.25


def test_a_key_is_found_by_its_secret(db):
    key, secret = keys.issue(db, "shop", max_bytes=5_000_000_000, max_width=10, max_height=20, now=NOW)
    assert re.fullmatch(r"opt_[A-Za-z0-9_-]{43}", secret)
    assert re.fullmatch(r"[a-z2-9]{8}", key.id)
    assert key == keys.Key(key.id, "shop", secret[:10], True, 5_000_000_000, 10, 20, NOW)
    assert keys.find(db, secret) == key


def test_limits_are_optional(db):
    key, secret = keys.issue(db, "Käse & Söhne 🧀", now=NOW)
    assert (key.max_bytes, key.max_width, key.max_height) == (None, None, None)
    assert keys.find(db, secret) == key


@pytest.mark.parametrize("wrong", ["", "opt_", "x" * 100_000, "\0", "ö\ud800", "' OR 1=1 --"])
def test_any_other_text_finds_nothing(db, wrong):
    _, secret = keys.issue(db, "a", now=NOW)
    assert keys.find(db, wrong) is None
    assert keys.find(db, secret + wrong[:1]) is None or wrong == ""
    assert keys.find(db, secret.swapcase()) is None


def test_a_revoked_key_is_found_inactive(db):
    kept, _ = keys.issue(db, "kept", now=NOW)
    key, secret = keys.issue(db, "gone", now=NOW + 1)
    revoked = keys.revoke(db, key.id)
    assert revoked is not None
    assert not revoked.active
    assert keys.find(db, secret) == revoked == keys.revoke(db, key.id)
    assert keys.every(db) == [kept, revoked]


def test_revoking_an_unknown_key_changes_nothing(db):
    key, _ = keys.issue(db, "a", now=NOW)
    assert keys.revoke(db, "nobody") is None
    assert keys.every(db) == [key]


def test_every_lists_the_oldest_first(db):
    for age in (3, 1, 2):
        keys.issue(db, str(age), now=NOW - age)
    assert [key.name for key in keys.every(db)] == ["3", "2", "1"]


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\0b", "x" * 101])
def test_a_name_must_be_readable(db, name):
    with pytest.raises(BadParameter, match=r"^name: got "):
        keys.issue(db, name, now=NOW)
    assert keys.every(db) == []


@pytest.mark.parametrize("label", ["max_bytes", "max_width", "max_height"])
@pytest.mark.parametrize("limit", [0, -1, 2**63])
def test_a_limit_must_be_positive(db, label, limit):
    with pytest.raises(BadParameter, match=f"^{label}: got '{limit}', expected "):
        keys.issue(db, "a", **{label: limit}, now=NOW)
    assert keys.every(db) == []


def test_the_secret_is_in_no_file(sqlite, tmp_path: Path):
    key, secret = keys.issue(sqlite, "seen-in-the-file", now=NOW)
    keys.find(sqlite, secret)
    keys.revoke(sqlite, key.id)
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert (tmp_path / "test.sqlite3-wal").stat().st_size > 0
    assert b"seen-in-the-file" in raw
    assert secret[keys.SHOWN :].encode() not in raw
