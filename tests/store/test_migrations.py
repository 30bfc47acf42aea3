"""The steps lead to the schema the code expects, once, wholly or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from imgsvc.store import db as module
from imgsvc.store import keys
from imgsvc.store.db import Database
from imgsvc.store.schema import METADATA

BROKEN = """
from alembic import op
from sqlalchemy import Column, Integer

revision = "broken"
down_revision = "003"


def upgrade():
    op.create_table("half", Column("id", Integer, primary_key=True))
    raise ArithmeticError
"""


def tables(db: Database) -> set[str]:
    with db.read() as connection:
        return set(inspect(connection).get_table_names())


def test_the_steps_make_the_schema(db):
    with db.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_upgrading_again_keeps_the_data(db):
    key, secret = keys.issue(db, "mine", now=1.0)
    db.upgrade()
    assert keys.find(db, secret) == key


def test_processes_may_upgrade_at_once(url, race):
    db = Database(url)

    def work() -> str:
        db.upgrade()
        return keys.issue(db, "mine", now=1.0)[0].id

    made = race(4, work)
    assert sorted(made) == sorted(key.id for key in keys.every(db))
    db.close()


def test_processes_may_make_a_new_file_at_once(tmp_path: Path, race):
    for round_ in range(12):
        db = Database(f"sqlite:///{tmp_path / str(round_)}.sqlite3")
        race(8, db.upgrade)
        assert keys.every(db) == []
        db.close()


def test_a_step_that_fails_leaves_nothing(url, tmp_path: Path, monkeypatch):
    steps = tmp_path / "100% steps"
    shutil.copytree(module.MIGRATIONS, steps)
    (steps / "versions" / "v004_broken.py").write_text(BROKEN)
    db = Database(url)
    monkeypatch.setattr(module, "MIGRATIONS", steps)
    with pytest.raises(ArithmeticError):
        db.upgrade()
    assert tables(db) == set()
    monkeypatch.undo()
    db.upgrade()
    assert tables(db) == {*METADATA.tables, "alembic_version"}
    db.close()
