"""What an installation knows of itself, on all its machines."""

from __future__ import annotations

import secrets

from sqlalchemy import select

from imgsvc.store.db import Database, insert
from imgsvc.store.schema import FACTS

NAME = "name"


def name(db: Database) -> str:
    """Eight random hexadecimal digits that tell this installation from all others, the same from the first call on."""
    with db.read() as connection:
        known = connection.execute(select(FACTS.c.value).where(FACTS.c.name == NAME)).scalar_one_or_none()
    return known or _named(db)


def _named(db: Database) -> str:
    with db.write() as connection:
        first = insert(connection, FACTS).values(name=NAME, value=secrets.token_hex(4))
        connection.execute(first.on_conflict_do_nothing())
        return str(connection.execute(select(FACTS.c.value).where(FACTS.c.name == NAME)).scalar_one())
