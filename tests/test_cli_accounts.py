"""`imgsvc accounts` and `imgsvc sign`: what they keep, print and refuse."""

from __future__ import annotations

import json
import os
import time

import pytest

from imgsvc import signature
from imgsvc.cli import main
from imgsvc.errors import BadSignature


@pytest.fixture
def imgsvc(tmp_path, monkeypatch, capsys):
    for name in [name for name in os.environ if name.startswith("IMGSVC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("IMGSVC_INSTANCE", str(tmp_path / "instance"))

    def run(line: str) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main(line.split())
        said = capsys.readouterr()
        return said.out.strip() if not end.value.code else f"failed: {said.err}{said.out}"

    return run


def listed(imgsvc):
    return {account["name"]: account for account in json.loads(imgsvc("accounts list --json"))}


def test_an_account_is_added_listed_changed_and_removed(imgsvc):
    assert "No accounts yet" in imgsvc("accounts list")
    said = imgsvc("accounts add acme --host Example.org --host *.cdn.test --preset hero=1200x600,crop=auto,2x")
    assert said == "Account 'acme' was added: /im/acme/OPTIONS/URL"
    account = listed(imgsvc)["acme"]
    assert account | {"created_at": ""} == {
        "name": "acme",
        "hosts": ["example.org", "*.cdn.test"],
        "any_host": False,
        "signed": False,
        "uploads": False,
        "presets": {"hero": "1200x600,crop=auto,2x"},
        "created_at": "",
    }
    assert "hero=1200x600,crop=auto,2x" in imgsvc("accounts list")
    imgsvc("accounts change acme --drop-host example.org --host new.test --signed --uploads --preset thumb=50")
    changed = listed(imgsvc)["acme"]
    assert (changed["hosts"], changed["signed"], changed["uploads"]) == (["*.cdn.test", "new.test"], True, True)
    assert changed["presets"] == {"hero": "1200x600,crop=auto,2x", "thumb": "50"}
    imgsvc("accounts change acme --host b.test,New.test")
    assert listed(imgsvc)["acme"]["hosts"] == ["*.cdn.test", "new.test", "b.test"]
    imgsvc("accounts change acme --drop-host b.test")
    imgsvc("accounts change acme --no-signed --no-uploads --drop-preset hero")
    assert listed(imgsvc)["acme"] == changed | {"signed": False, "uploads": False, "presets": {"thumb": "50"}}
    imgsvc("accounts remove acme")
    assert listed(imgsvc) == {}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("add other", "account: got neither hosts nor signatures"),
        ("add other --uploads", "account: got neither hosts nor signatures"),
        ("add other --host ,", "account: got neither hosts nor signatures"),
        ("add other --any-host --host a.test", "account: got hosts and --any-host"),
        ("add a/b --signed", "NAME: got 'a/b'"),
        ("add acme --signed", "NAME: got 'acme'"),
        ("add other --host http://a.test/", "--host: got 'http://a.test/'"),
        ("add other --signed --preset full=2x", "preset: got 'full'"),
        ("add other --signed --preset hero=foo", "options: got 'foo'"),
        ("add other --signed --preset hero", "options: got ''"),
        ("change acme --drop-host example.org", "account: got neither hosts nor signatures"),
        ("change acme --drop-host b.test", "--drop-host: got 'b.test', expected one of example.org"),
        ("change acme --drop-preset hero", "--drop-preset: got 'hero', expected one of none"),
        ("change nobody --signed", "NAME: got 'nobody'"),
        ("remove nobody", "NAME: got 'nobody'"),
        ("key nobody", "NAME: got 'nobody'"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_changes_nothing(imgsvc, line, says):
    imgsvc("accounts add acme --host example.org")
    before = listed(imgsvc)
    assert f"failed: imgsvc: {says}" in imgsvc(f"accounts {line}")
    assert listed(imgsvc) == before


def test_an_open_account_has_to_be_meant(imgsvc):
    assert "--any-host" in imgsvc("accounts add open")
    imgsvc("accounts add open --any-host")
    assert listed(imgsvc)["open"]["any_host"] is True
    assert "open resizer" in " ".join(imgsvc("accounts add --help").split())


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        (
            "https://img.test/im/acme/300x200/https://x.test/a.jpg?v=1",
            "https://img.test/im/acme/300x200{}/https://x.test/a.jpg?v=1",
        ),
        ("https://img.test/acme/300x200/https://x.test/a.jpg", "https://img.test/acme/300x200{}/https://x.test/a.jpg"),
        ("/im/acme/full/x.test/ä.jpg", "/im/acme/full{}/x.test/%C3%A4.jpg"),
        ("/im/acme/full/x.test/a%20b.jpg", "/im/acme/full{}/x.test/a%20b.jpg"),
        ("/im/acme/full/", "/im/acme/full{}/"),
        ("/im/acme/full", "/im/acme/full{}/"),
    ],
)
def test_a_url_is_signed_in_its_place(imgsvc, url, signed):
    imgsvc("accounts add acme --signed")
    said = imgsvc(f"sign {url}")
    start, _, end = signed.partition("{}")
    assert said.startswith(start + ",sig=")
    assert said.endswith(end)
    key = imgsvc("accounts key acme")
    options, _, source = said.partition("/acme/")[2].partition("/")
    assert signature.verify(key, "acme", options, source, 0) == signature.split(options)[0]


@pytest.mark.parametrize(
    ("span", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000)]
)
def test_a_signature_may_end(imgsvc, span, seconds):
    imgsvc("accounts add acme --signed")
    options = imgsvc(f"sign /im/acme/full/x.test --expires {span}").split("/")[3]
    key, now = imgsvc("accounts key acme"), time.time()
    assert signature.verify(key, "acme", options, "x.test", now + seconds - 60) == "full"
    with pytest.raises(BadSignature, match="expires"):
        signature.verify(key, "acme", options, "x.test", now + seconds)


def test_a_new_key_ends_what_was_signed(imgsvc):
    imgsvc("accounts add acme --signed")
    before = imgsvc("accounts key acme")
    assert imgsvc("accounts key acme") == before
    imgsvc("accounts change acme --new-key")
    assert imgsvc("accounts key acme") != before
    imgsvc("accounts remove acme")
    imgsvc("accounts add acme --signed")
    assert imgsvc("accounts key acme") != before


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("sign x.test", "URL: got 'x.test'"),
        ("sign /im/acme", "URL: got '/im/acme'"),
        ("sign /im/acme//x.test", "URL: got "),
        ("sign /im/nobody/full/x.test", "NAME: got 'nobody'"),
        ("sign /im/acme/full/x.test --expires soon", "--expires: got 'soon'"),
    ],
)
def test_what_cannot_be_signed_is_refused(imgsvc, line, says):
    imgsvc("accounts add acme --signed")
    assert f"failed: imgsvc: {says}" in imgsvc(line)


def test_doctor_tells_that_there_is_a_secret_and_not_which(imgsvc, monkeypatch):
    monkeypatch.setenv("IMGSVC_SECRET", "whisper" * 8)
    said = imgsvc("doctor")
    assert "whisper" not in said
    assert "IMGSVC_SECRET" in said
