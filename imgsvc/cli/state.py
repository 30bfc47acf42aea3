"""The database, opened for one command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from imgsvc.settings import Settings
from imgsvc.store.db import Database


@contextmanager
def opened(settings: Settings) -> Iterator[Database]:
    """The database, made where it is missing and brought up to date; closed afterwards, so that none of it forks."""
    database = Database(settings.database)
    try:
        database.upgrade()
        yield database
    finally:
        database.close()
