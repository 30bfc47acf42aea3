"""Accounts of the ImageOptim API: whose pictures may be asked for, by whom, and under which names of options.

The name of an account stands in every URL and is no secret: what an account may do is what anybody may do who knows it.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Row, delete, select, update

from imgsvc.errors import BadParameter
from imgsvc.store.db import Database, insert
from imgsvc.store.schema import ACCOUNTS

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Account:
    """What an account may do."""

    name: str
    hosts: str = ""
    """Names of hosts as `imgsvc.fetch.hosts` reads them; empty: any."""
    any_host: bool = False
    """Whether to fetch from anywhere for anybody: what has neither hosts nor signatures needs it said."""
    signed: bool = False
    """Whether every URL needs a signature."""
    uploads: bool = False
    """Whether pictures may be uploaded without one."""
    presets: Mapping[str, str] = field(default_factory=dict)
    """Names that stand for options."""
    salt: str = field(default_factory=lambda: secrets.token_hex(16))
    """What a signing key is derived from besides the server's secret: a new one makes the old key useless."""
    created_at: float = 0.0


def check(account: Account) -> Account:
    """The account; BadParameter where it would let anybody fetch anything without having been told to."""
    if not _NAME.fullmatch(account.name):
        raise BadParameter.of("NAME", account.name, "1 to 64 of A-Z a-z 0-9 _ -")
    named = account.hosts.replace(",", " ").strip()
    if not (named or account.signed or account.any_host):
        raise BadParameter(
            "account: got neither hosts nor signatures, which lets anybody have any picture of the internet made; "
            "expected --host, --signed, or --any-host to mean it."
        )
    if named and account.any_host:
        raise BadParameter("account: got hosts and --any-host, expected one of both.")
    return account


def add(db: Database, account: Account) -> None:
    """Keep a new account; BadParameter where there is one of its name, or `check` raises it."""
    check(account)
    with db.write() as connection:
        statement = insert(connection, ACCOUNTS).values(**_row(account)).on_conflict_do_nothing()
        if connection.execute(statement.returning(ACCOUNTS.c.name)).one_or_none() is None:
            raise BadParameter.of("NAME", account.name, "the name of a new account")


def find(db: Database, name: str) -> Account | None:
    """The account of a name, None where there is none."""
    if not _NAME.fullmatch(name):
        return None
    with db.read() as connection:
        row = connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.name == name)).one_or_none()
    return None if row is None else _account(row)


def every(db: Database) -> list[Account]:
    """All accounts by name."""
    with db.read() as connection:
        rows = connection.execute(select(ACCOUNTS).order_by(ACCOUNTS.c.name)).all()
    return [_account(row) for row in rows]


def change(db: Database, account: Account) -> bool:
    """Put an account in the place of the one of its name; False where there is none. BadParameter as for `add`."""
    check(account)
    with db.write() as connection:
        statement = update(ACCOUNTS).where(ACCOUNTS.c.name == account.name).values(**_row(account))
        return bool(connection.execute(statement).rowcount)


def remove(db: Database, name: str) -> bool:
    """End an account; False where there is none of that name."""
    with db.write() as connection:
        return bool(connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.name == name)).rowcount)


def _row(account: Account) -> dict[str, Any]:
    return asdict(account) | {"presets": json.dumps(dict(account.presets))}


def _account(row: Row[Any]) -> Account:
    return Account(**{**row._mapping, "presets": json.loads(row.presets)})
