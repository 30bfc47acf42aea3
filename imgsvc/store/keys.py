"""API keys: issue, find, list, revoke. A secret is shown once and kept only as its digest."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select, update

from imgsvc.errors import BadParameter
from imgsvc.store.db import Database
from imgsvc.store.schema import KEYS
from imgsvc.store.tokens import digest, fresh

MARK = "opt_"
SHOWN = len(MARK) + 6
ID_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # none that a reader takes for another
ID_LENGTH = 8
LONGEST_NAME = 100
LARGEST_LIMIT = 2**53
_COLUMNS = [column for column in KEYS.columns if column.name != "digest"]


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key. Limits: bytes and pixels, None where the service's own apply."""

    id: str
    name: str
    prefix: str
    active: bool
    max_bytes: int | None
    max_width: int | None
    max_height: int | None
    created_at: float


def issue(
    db: Database,
    name: str,
    *,
    max_bytes: int | None = None,
    max_width: int | None = None,
    max_height: int | None = None,
    now: float,
) -> tuple[Key, str]:
    """A new active key and its secret: "opt_" and 43 characters, which cannot be had again.

    BadParameter for a name that is not 1 to 100 printable characters, or a limit below 1.
    """
    _check_name(name)
    limits = {"max_bytes": max_bytes, "max_width": max_width, "max_height": max_height}
    for label, limit in limits.items():
        _check_limit(label, limit)
    secret = MARK + fresh()
    key = Key(id=_new_id(), name=name, prefix=secret[:SHOWN], active=True, created_at=now, **limits)
    row = {column.name: getattr(key, column.name) for column in _COLUMNS}
    with db.write() as connection:
        connection.execute(insert(KEYS).values(digest=digest(secret), **row))
    return key, secret


def find(db: Database, secret: str) -> Key | None:
    """The key of a secret, also a revoked one (active=False); None for any text that is nobody's secret."""
    with db.read() as connection:
        row = connection.execute(select(*_COLUMNS).where(KEYS.c.digest == digest(secret))).one_or_none()
    return None if row is None else _key(row)


def every(db: Database) -> list[Key]:
    """All keys, the oldest first."""
    with db.read() as connection:
        rows = connection.execute(select(*_COLUMNS).order_by(KEYS.c.created_at, KEYS.c.id)).all()
    return [_key(row) for row in rows]


def revoke(db: Database, id: str) -> Key | None:  # noqa: A002  (it is the key's id, and callers name it so)
    """Make a key useless for good; the key as it is now, or None when there is none of that id."""
    with db.write() as connection:
        statement = update(KEYS).where(KEYS.c.id == id).values(active=False).returning(*_COLUMNS)
        row = connection.execute(statement).one_or_none()
    return None if row is None else _key(row)


def _key(row: Row[Any]) -> Key:
    return Key(**row._mapping)


def _new_id() -> str:
    return "".join(secrets.choice(ID_LETTERS) for _ in range(ID_LENGTH))


def _check_name(name: str) -> None:
    if not (1 <= len(name) <= LONGEST_NAME and name.isprintable() and name.strip()):
        raise BadParameter.of("name", name, f"1 to {LONGEST_NAME} printable characters")


def _check_limit(label: str, limit: int | None) -> None:
    if limit is not None and not 1 <= limit <= LARGEST_LIMIT:
        raise BadParameter.of(label, limit, "a whole number from 1 on")
