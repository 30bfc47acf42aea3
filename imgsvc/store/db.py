"""The database: where it is, how a transaction opens and ends, and how its schema is brought up to date."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Connection, Engine, Insert, Table, create_engine, event, exc, make_url
from sqlalchemy.dialects import postgresql, sqlite

from imgsvc.settings import SettingsError
from imgsvc.store.faults import translated
from imgsvc.store.locks import opened, waited

# The interpreter's own SQLite is often old; the wheel carries a current one.
DRIVER: Any = import_module("pysqlite3" if find_spec("pysqlite3") else "sqlite3")
SQLITE_SOUND = (3, 51, 3)
LOCK_SECONDS = 5
# Transactions last milliseconds: a few connections serve many threads, and the others queue for them in fair order.
CONNECTIONS = 8
MIGRATIONS = Path(__file__).parent / "migrations"
UPGRADE_LOCK = 0x696D67737663  # PostgreSQL's advisory locks are numbers: "imgsvc" in ASCII
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA mmap_size=0",
)


class Database:
    """A database by its SQLAlchemy URL. Threads and forked processes may share the object, never a connection."""

    def __init__(self, url: str) -> None:
        """Opens nothing. SettingsError for a URL that names neither a SQLite file nor a PostgreSQL server."""
        self.url = _checked(url)
        self._engines: dict[int, Engine] = {}

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the data (on SQLite) and whose changes are thrown away.

        Raises Busy(retry_after=1) when the database cannot be had within LOCK_SECONDS.
        """
        with translated(), self._engine().connect() as connection:
            if self._file:
                connection.exec_driver_sql("BEGIN")
            yield connection

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """A connection for one statement that reads, without the cost of a transaction around it; raises as `read`."""
        with translated(), self._engine().connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: committed when the block ends, rolled back when it raises.

        Raises Busy(retry_after=1) when a lock lasts longer than LOCK_SECONDS, StorageFull when the disk is full.
        """
        with translated(), self._engine().connect() as connection:
            if self._file:
                # A deferred transaction fails at once when it turns into a writing one and another was faster.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()

    def upgrade(self) -> None:
        """Bring the schema to the newest step, wholly or not at all; several processes may call it at once."""
        if self._file:
            # Switching a new file to WAL does not wait for locks, so that too happens under ours.
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with waited(self._file.with_name(self._file.name + ".lock")):
                # Made by us, so that it and the files SQLite puts beside it are nobody else's to read.
                os.close(opened(self._file))
                with self.write() as connection:
                    _climb(connection)
            return
        with self.write() as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})")
            _climb(connection)

    def close(self) -> None:
        """Close this process's connections; the next use opens new ones."""
        engine = self._engines.pop(os.getpid(), None)
        if engine:
            engine.dispose()

    def version(self) -> str:
        """The database's name and version: "SQLite 3.53.4" or "PostgreSQL 15.20" (which asks the server)."""
        if self._file:
            return f"SQLite {DRIVER.sqlite_version}"
        with self.read() as connection:
            number = connection.exec_driver_sql("SHOW server_version").scalar_one()
        return f"PostgreSQL {number.split()[0]}"

    def concern(self) -> str | None:
        """A sentence for the operator when this SQLite can damage its file (https://sqlite.org/wal.html), or None."""
        if not self._file or DRIVER.sqlite_version_info >= SQLITE_SOUND:
            return None
        wanted = ".".join(map(str, SQLITE_SOUND))
        return f"SQLite {DRIVER.sqlite_version} can corrupt a WAL database; install pysqlite3 with {wanted} or newer."

    @property
    def _file(self) -> Path | None:
        return Path(self.url.database or "") if self.url.get_backend_name() == "sqlite" else None

    def _engine(self) -> Engine:
        # A parent's engine stays listed in its child: collecting it would close connections the parent still uses.
        pid = os.getpid()
        return self._engines.get(pid) or self._engines.setdefault(pid, _made(self.url))


def insert(connection: Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT, which every dialect of SQLAlchemy keeps to itself."""
    kinds: dict[str, type[Insert]] = {"sqlite": sqlite.Insert, "postgresql": postgresql.Insert}
    return kinds[connection.dialect.name](table)


def _checked(url: str) -> URL:
    # The value is never repeated: it may hold a password.
    wanted = "expected sqlite+pysqlite:////PATH/FILE or postgresql+psycopg://USER@HOST/NAME"
    try:
        parsed = make_url(url)
    except (exc.ArgumentError, ValueError):
        raise SettingsError(f"IMGSVC_DATABASE_URL: not a URL, {wanted}") from None
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        if parsed.database in (None, "", ":memory:") or parsed.query:
            raise SettingsError(f"IMGSVC_DATABASE_URL: got SQLite without a plain file, {wanted}")
        return parsed.set(database=str(Path(parsed.database or "").absolute()))
    if parsed.drivername not in ("postgresql", "postgresql+psycopg"):
        raise SettingsError(f"IMGSVC_DATABASE_URL: got the scheme {parsed.drivername!r}, {wanted}")
    if find_spec("psycopg") is None:
        raise SettingsError("IMGSVC_DATABASE_URL: PostgreSQL needs the package psycopg, which is not installed")
    return parsed.set(drivername="postgresql+psycopg")


def _made(url: URL) -> Engine:
    options: dict[str, Any] = {"pool_size": CONNECTIONS, "max_overflow": 0, "pool_timeout": LOCK_SECONDS}
    if url.get_backend_name() == "sqlite":
        plain = {"isolation_level": None, "timeout": LOCK_SECONDS}
        engine = create_engine(url, module=DRIVER, connect_args=plain, **options)
        event.listen(engine, "connect", _tune_sqlite)
        return engine
    engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": LOCK_SECONDS}, **options)
    event.listen(engine, "connect", _tune_postgres)
    return engine


def _tune_sqlite(connection: Any, _record: object) -> None:
    for pragma in PRAGMAS:
        connection.execute(pragma).fetchall()


def _tune_postgres(connection: Any, _record: object) -> None:
    connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    connection.commit()


def _climb(connection: Connection) -> None:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")
