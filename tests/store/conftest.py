"""Databases of both kinds for the store's tests, and a way to let real processes race."""

from __future__ import annotations

import multiprocessing
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, create_engine, exc, make_url

from imgsvc.store.blobs import Blobs
from imgsvc.store.db import Database
from imgsvc.store.results import DatabaseShelf, Shelf
from imgsvc.store.results_redis import RedisShelf

REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/test")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database that only this test uses."""
    if request.param == "sqlite":
        yield f"sqlite+pysqlite:///{tmp_path / 'instance' / 'test.sqlite3'}"
    else:
        yield from _schema()


def _schema() -> Iterator[str]:
    pytest.importorskip("psycopg", reason="PostgreSQL needs the package psycopg")
    name = f"imgsvc_test_{secrets.token_hex(6)}"
    try:
        _run(f"CREATE SCHEMA {name}")
    except exc.OperationalError:
        pytest.skip("no PostgreSQL answers at TEST_POSTGRES_URL")
    inside: URL = make_url(POSTGRES).update_query_dict({"options": f"-csearch_path={name}"})
    yield inside.render_as_string(hide_password=False)
    _run(f"DROP SCHEMA {name} CASCADE")


def _run(statement: str) -> None:
    engine = create_engine(POSTGRES, connect_args={"connect_timeout": 2})
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql", "redis"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., Shelf]]:
    """Opens the same shelf of each kind, again and again; with `room` bytes where that is given."""
    if request.param == "redis":
        yield from _redis()
        return
    urls = iter([f"sqlite+pysqlite:///{tmp_path / 'test.sqlite3'}"]) if request.param == "sqlite" else _schema()
    database = Database(next(urls))
    database.upgrade()
    yield lambda room=10**8: DatabaseShelf(database, Blobs(tmp_path / "blobs"), room=room)
    database.close()
    next(urls, None)


def _redis() -> Iterator[Callable[..., Shelf]]:
    redis = pytest.importorskip("redis", reason="Redis needs the package redis")
    client = redis.Redis.from_url(REDIS, socket_connect_timeout=2)
    try:
        client.ping()
    except redis.ConnectionError:
        pytest.skip("no Redis answers at TEST_REDIS_URL")
    place = f"imgsvc-test:{{{secrets.token_hex(6)}}}:"
    yield lambda room=10**8: RedisShelf(REDIS, room=room, place=place)
    for key in client.scan_iter(f"{place}*"):
        client.delete(key)


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    """A database of each kind with the newest schema."""
    database = Database(url)
    database.upgrade()
    yield database
    database.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """A SQLite database with the newest schema, where the file itself is looked at."""
    database = Database(f"sqlite+pysqlite:///{tmp_path / 'test.sqlite3'}")
    database.upgrade()
    yield database
    database.close()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


@pytest.fixture
def race() -> Callable[[int, Callable[[], Any]], list[Any]]:
    """race(n, work): what `work` gave in each of n forked processes that began it at the same moment."""
    return _race


def _race(processes: int, work: Callable[[], Any]) -> list[Any]:
    fork = multiprocessing.get_context("fork")
    barrier, runners = fork.Barrier(processes), []
    for _ in range(processes):
        reader, writer = fork.Pipe(duplex=False)
        runner = fork.Process(target=_runner, args=(barrier, writer, work))
        runner.start()
        writer.close()
        runners.append((runner, reader))
    results = [reader.recv() for _, reader in runners]
    for runner, _ in runners:
        runner.join()
    return results


def _runner(barrier: Any, writer: Any, work: Callable[[], Any]) -> None:
    barrier.wait()
    writer.send(work())
