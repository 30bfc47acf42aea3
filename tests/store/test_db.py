"""Transactions, forks, locks, and what a database's failures turn into."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from sqlalchemy import exc, text

from imgsvc.errors import Busy, StorageFull
from imgsvc.settings import SettingsError
from imgsvc.store import db as module
from imgsvc.store import usage
from imgsvc.store.db import Database


def hits(db: Database) -> int:
    with db.read() as connection:
        return connection.execute(text("SELECT coalesce(sum(hits), 0) FROM usage")).scalar_one()


def test_write_commits(db):
    usage.count(db, "a", window=60, now=0.0)
    db.close()
    assert hits(db) == 1


def test_write_rolls_back_when_its_block_raises(db):
    def work() -> None:
        with db.write() as connection:
            connection.execute(text("INSERT INTO usage VALUES ('a', 60, 0, 1)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert hits(db) == 0


def test_read_keeps_no_change(db):
    with db.read() as connection:
        connection.execute(text("INSERT INTO usage VALUES ('a', 60, 0, 1)"))
    assert hits(db) == 0


def test_a_long_lock_is_busy(db, monkeypatch):
    monkeypatch.setattr(module, "LOCK_SECONDS", 1)
    other = Database(db.url.render_as_string(hide_password=False))
    with db.write() as connection:
        connection.execute(text("INSERT INTO usage VALUES ('a', 60, 0, 1)"))
        with pytest.raises(Busy) as caught:
            usage.count(other, "a", window=60, now=0.0)
    other.close()
    assert caught.value.retry_after == 1
    assert hits(db) == 1


def test_no_free_connection_is_busy(sqlite, monkeypatch):
    monkeypatch.setattr(module, "LOCK_SECONDS", 1)
    monkeypatch.setattr(module, "CONNECTIONS", 1)
    sqlite.close()
    with sqlite.read(), pytest.raises(Busy), sqlite.read():
        pass


def test_a_full_disk_is_storage_full(sqlite):
    with sqlite.write() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1")
    with pytest.raises(StorageFull):
        usage.count(sqlite, "a" * 1_000_000, window=60, now=0.0)
    assert hits(sqlite) == 0


def test_a_server_that_does_not_answer_is_busy():
    pytest.importorskip("psycopg", reason="PostgreSQL needs the package psycopg")
    with pytest.raises(Busy), Database("postgresql+psycopg://nobody@127.0.0.1:1/none").read():
        pass


def test_faults_of_ours_stay_what_they_are(db):
    with pytest.raises(exc.DBAPIError), db.read() as connection:
        connection.execute(text("SELECT nothing FROM nowhere"))


def test_connections_never_cross_a_fork(db, race):
    with db.read() as connection:
        parents = connection.connection.dbapi_connection

    def work() -> bool:
        with db.write() as connection:
            mine = connection.connection.dbapi_connection
            connection.execute(text("UPDATE usage SET hits = hits + 1"))
        return mine is not parents

    usage.count(db, "a", window=60, now=0.0)
    assert race(4, work) == [True] * 4
    assert hits(db) == 5


def test_a_fork_within_a_transaction_leaves_it_alone(sqlite, race):
    with sqlite.read() as connection:
        before = connection.execute(text("SELECT count(*) FROM usage")).scalar_one()
        race(2, lambda: usage.count(sqlite, "a", window=60, now=0.0).hits)
        assert connection.execute(text("SELECT count(*) FROM usage")).scalar_one() == before
    assert hits(sqlite) == 2


def test_sqlite_is_set_up_to_keep_what_it_promised(sqlite):
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000, "mmap_size": 0}
    with sqlite.read() as connection:
        found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in wanted}
    assert found == wanted


def test_the_file_is_its_owners_only(tmp_path: Path):
    db = Database(f"sqlite:///{tmp_path / 'new' / 'a.sqlite3'}")
    db.upgrade()
    usage.count(db, "a", window=60, now=0.0)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    db.close()
    assert "a.sqlite3-wal" in modes
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_a_relative_file_stays_where_it_was(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    db = Database("sqlite:///here.sqlite3")
    monkeypatch.chdir("/")
    db.upgrade()
    db.close()
    assert (tmp_path / "here.sqlite3").stat().st_size > 0


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://u:hunter2@h/d", "postgresql+asyncpg://u:hunter2@h/d"],
)
def test_other_urls_are_refused_without_repeating_them(url):
    with pytest.raises(SettingsError, match="IMGSVC_DATABASE_URL") as caught:
        Database(url)
    assert "hunter2" not in str(caught.value)


def test_version_and_concern(db, monkeypatch):
    assert db.version().startswith(("SQLite 3.", "PostgreSQL 1"))
    monkeypatch.setattr(module, "SQLITE_SOUND", (99, 0, 0))
    assert (db.concern() is not None) == db.version().startswith("SQLite")
    monkeypatch.setattr(module, "SQLITE_SOUND", (3, 0, 0))
    assert db.concern() is None
