"""Accounts: added, found, changed and removed, and never open to all without having been told so."""

from __future__ import annotations

import stat
from dataclasses import replace

import pytest

from imgsvc.errors import BadParameter
from imgsvc.settings import Settings, SettingsError
from imgsvc.store import accounts, secret
from imgsvc.store.accounts import Account

ACME = Account("acme", hosts="example.org,*.cdn.test", presets={"hero": "100x50,crop"}, created_at=1.5)


def test_an_account_is_found_as_it_was_added(db):
    accounts.add(db, ACME)
    assert accounts.find(db, "acme") == ACME
    accounts.add(db, other := Account("A-b_9", signed=True, uploads=True))
    assert accounts.every(db) == sorted([ACME, other], key=lambda account: account.name)


@pytest.mark.parametrize("name", ["", "Acme", "acme ", "a\0", "ö\ud800", "' OR 1=1 --", "x" * 100_000])
def test_any_other_name_finds_nothing(db, name):
    accounts.add(db, ACME)
    assert accounts.find(db, name) is None
    assert not accounts.remove(db, "nobody")
    assert not accounts.change(db, replace(ACME, name="nobody"))
    assert accounts.every(db) == [ACME]


@pytest.mark.parametrize("name", ["", "a b", "ä", "a/b", "a,b", "a.b", "a%41", "x" * 65, "a\n"])
def test_a_name_is_plain(db, name):
    with pytest.raises(BadParameter, match="NAME: got "):
        accounts.add(db, replace(ACME, name=name))


def test_a_name_is_taken_once(db):
    accounts.add(db, ACME)
    with pytest.raises(BadParameter, match="NAME: got 'acme', expected the name of a new account"):
        accounts.add(db, replace(ACME, hosts="elsewhere.test"))
    assert accounts.find(db, "acme") == ACME


@pytest.mark.parametrize(
    "bad",
    [
        Account("a"),
        Account("a", uploads=True),
        Account("a", hosts=" , "),
        Account("a", hosts="b.test", any_host=True),
    ],
)
def test_what_is_open_to_all_has_to_be_meant(db, bad):
    with pytest.raises(BadParameter, match="account: got "):
        accounts.add(db, bad)
    accounts.add(db, Account("a", any_host=True))
    with pytest.raises(BadParameter, match="account: got "):
        accounts.change(db, bad)


def test_an_account_is_changed_and_removed(db):
    accounts.add(db, ACME)
    changed = replace(ACME, signed=True, hosts="", presets={}, salt="f" * 32)
    assert accounts.change(db, changed)
    assert accounts.find(db, "acme") == changed
    assert accounts.remove(db, "acme")
    assert accounts.find(db, "acme") is None
    assert not accounts.remove(db, "acme")


def test_each_account_has_a_salt_of_its_own():
    assert len({Account("a").salt for _ in range(10)}) == 10


def test_a_secret_is_made_once_and_is_its_owners_alone(tmp_path):
    settings = Settings(instance=tmp_path / "new")
    made = secret.load(settings)
    assert len(made) == 64
    assert secret.load(settings) == made
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in settings.instance.iterdir()}
    assert modes == {"secret": 0o600, "secret.lock": 0o600}
    assert secret.load(Settings(instance=tmp_path / "another")) != made


def test_processes_that_start_at_once_have_one_secret(tmp_path, race):
    settings = Settings(instance=tmp_path / "new")
    assert len(set(race(8, lambda: secret.load(settings)))) == 1


def test_a_secret_that_is_set_is_taken_and_nothing_is_kept(tmp_path):
    settings = Settings(instance=tmp_path / "new", secret="s" * 32)
    assert secret.load(settings) == b"s" * 32
    assert not settings.instance.exists()
    with pytest.raises(SettingsError, match="IMGSVC_SECRET: got 31 characters") as refused:
        secret.load(replace(settings, secret="hush" * 7 + "abc"))
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("kept", [b"", b"hush\n", b" " * 64])
def test_a_file_that_holds_no_secret_is_told(tmp_path, kept):
    (tmp_path / "secret").write_bytes(kept)
    with pytest.raises(SettingsError, match=r"secret in IMGSVC_INSTANCE: got [04] characters") as refused:
        secret.load(Settings(instance=tmp_path))
    assert "hush" not in str(refused.value)
