"""`imgsvc serve`: the first key, the address it shows, and what stops a start."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass

import pytest

from imgsvc.cli import main
from imgsvc.cli.serve import base_url, first_key, greeting
from imgsvc.settings import Settings
from imgsvc.store import keys
from imgsvc.store.db import Database


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


@pytest.fixture
def instance(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("IMGSVC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("IMGSVC_INSTANCE", str(tmp_path / "instance"))
    return tmp_path / "instance"


@pytest.fixture
def serve(instance, capsys):
    def run(*arguments: object) -> Done:
        with pytest.raises(SystemExit) as end:
            main(["serve", *(str(argument) for argument in arguments)])
        said = capsys.readouterr()
        return Done(end.value.code or 0, said.out, said.err)

    return run


@pytest.fixture
def database(instance):
    made = Database(Settings(instance=instance).database)
    yield made
    made.close()


def test_the_first_start_makes_a_key_and_the_second_does_not(instance, database):
    settings = Settings(instance=instance, port=8123)
    secret = first_key(settings)
    assert secret
    assert keys.find(database, secret).name == "default"
    assert first_key(settings) is None
    said = greeting(settings, secret)
    assert f"      {secret}\n" in said
    assert f'curl -H "X-API-Key: {secret}" -F "image=@photo.jpg"' in said
    assert "http://127.0.0.1:8123/api/v1/optimize" in said
    assert "opt_" not in greeting(settings, None)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("IMAGE_PROXY_HOSTS", "http://example.org"),
        ("FETCH_PORTS", "http"),
        ("FETCH_NETWORKS", "inside"),
        ("REDIS_URL", "http://example.org"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_setting_stops_the_start_before_anything_is_made(serve, instance, monkeypatch, name, text):
    monkeypatch.setenv(f"IMGSVC_{name}", text)
    done = serve("--port", 0)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"imgsvc: IMGSVC_{name}: ")
    assert not instance.exists()


def test_a_port_in_use_stops_the_start_before_a_key_is_made(serve, instance):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = serve("--host", "127.0.0.1", "--port", port)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"imgsvc: IMGSVC_HOST, IMGSVC_PORT: cannot listen on 127.0.0.1, port {port}: ")
    assert not instance.exists()


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1", "2001:db8::1"])
def test_an_address_of_another_machine_stops_the_start(serve, instance, host):
    done = serve("--host", host, "--port", 0)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"imgsvc: IMGSVC_HOST, IMGSVC_PORT: cannot listen on {host}, port 0: ")
    assert not instance.exists()


def test_a_revoked_key_is_not_replaced_by_a_new_first_one(instance, database):
    database.upgrade()
    key, _ = keys.issue(database, "only", now=time.time())
    keys.revoke(database, key.id)
    assert first_key(Settings(instance=instance)) is None


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:80"), ("0.0.0.0", "http://127.0.0.1:80"), ("::", "http://[::1]:80")],
)
def test_the_address_shown_is_one_that_can_be_opened(host, url):
    assert base_url(Settings(host=host, port=80)) == url
