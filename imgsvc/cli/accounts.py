"""`imgsvc accounts`: who may use the ImageOptim API, and for which pictures."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import click

from imgsvc import signature
from imgsvc.cli.state import opened
from imgsvc.cli.text import table
from imgsvc.dialects.imageoptim_options import check_preset
from imgsvc.dialects.imageoptim_path import PREFIX
from imgsvc.errors import BadParameter, NotFound, echo
from imgsvc.fetch import hosts
from imgsvc.settings import Settings, load
from imgsvc.store import accounts as store
from imgsvc.store import secret
from imgsvc.store.accounts import Account
from imgsvc.store.db import Database

HOST = click.option(
    "--host", "named", multiple=True, help="Fetch from this host, or *.HOST from all below; repeatable."
)
PRESET = click.option(
    "--preset", multiple=True, metavar="NAME=OPTIONS", help="A name that stands for options; repeatable."
)


@click.group()
def accounts() -> None:
    """Add, list, change and remove accounts of the ImageOptim API.

    An account's name stands in every URL and is no secret. So an account fetches from named hosts, or makes only what a
    URL with a signature asks for, or both; without either, anybody who sees the name may have any picture of the
    internet made, which --any-host allows.
    """


@accounts.command()
@click.argument("name")
@HOST
@click.option("--any-host", is_flag=True, help="Fetch from any public host for anybody: an open resizer.")
@click.option("--signed", is_flag=True, help="Every URL needs a signature; `imgsvc sign` and `accounts key` make them.")
@click.option(
    "--uploads", is_flag=True, help="Anybody may upload pictures too; without it an upload needs a signature."
)
@PRESET
def add(
    name: str, named: tuple[str, ...], any_host: bool, signed: bool, uploads: bool, preset: tuple[str, ...]
) -> None:
    """Add an account called NAME."""
    account = Account(name, _hosts(named), any_host, signed, uploads, presets=_presets(preset), created_at=time.time())
    with opened(load()) as database:
        store.add(database, account)
    click.echo(f"Account '{name}' was added: {PREFIX}/{name}/OPTIONS/URL")


@accounts.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of objects.")
def every(as_json: bool) -> None:
    """List all accounts."""
    with opened(load()) as database:
        rows = [row(account) for account in store.every(database)]
    if as_json:
        click.echo(json.dumps(rows))
    elif rows:
        click.echo(table([list(rows[0]), *([shown(value) for value in one.values()] for one in rows)]))
    else:
        click.echo("No accounts yet: `imgsvc accounts add NAME --host example.org` makes one.")


@accounts.command()
@click.argument("name")
@HOST
@click.option("--drop-host", multiple=True, help="Fetch from this host no longer; repeatable.")
@click.option("--any-host/--no-any-host", default=None, help="Whether to fetch from any public host for anybody.")
@click.option("--signed/--no-signed", default=None, help="Whether every URL needs a signature.")
@click.option("--uploads/--no-uploads", default=None, help="Whether uploads need none.")
@PRESET
@click.option("--drop-preset", multiple=True, metavar="NAME", help="End this preset; repeatable.")
@click.option("--new-key", is_flag=True, help="Make another signing key; URLs signed so far hold no longer.")
def change(
    name: str,
    named: tuple[str, ...],
    drop_host: tuple[str, ...],
    any_host: bool | None,
    signed: bool | None,
    uploads: bool | None,
    preset: tuple[str, ...],
    drop_preset: tuple[str, ...],
    new_key: bool,
) -> None:
    """Change what is named of the account NAME; hosts and presets are added to those it has."""
    with opened(load()) as database:
        account = known(database, name)
        changed = replace(
            account,
            hosts=_hosts([*_left(account.hosts.split(","), drop_host, "--drop-host"), *named]),
            presets={key: account.presets[key] for key in _left(account.presets, drop_preset, "--drop-preset")}
            | _presets(preset),
            any_host=account.any_host if any_host is None else any_host,
            signed=account.signed if signed is None else signed,
            uploads=account.uploads if uploads is None else uploads,
            salt=Account(name).salt if new_key else account.salt,
        )
        store.change(database, changed)
    click.echo(f"Account '{name}' was changed.")


@accounts.command()
@click.argument("name")
def remove(name: str) -> None:
    """End the account NAME; requests with it are answered 403 from now on."""
    with opened(load()) as database:
        if not store.remove(database, name):
            raise unknown(name)
    click.echo(f"Account '{name}' was removed.")


@accounts.command()
@click.argument("name")
def key(name: str) -> None:
    """Print the key of the account NAME for a site that signs URLs itself; docs/imageoptim.md says how."""
    settings = load()
    with opened(settings) as database:
        click.echo(signing_key(settings, known(database, name)))


def signing_key(settings: Settings, account: Account) -> str:
    """The key that URLs of an account are signed with."""
    return signature.key(secret.load(settings), account.name, account.salt)


def known(database: Database, name: str) -> Account:
    """The account of that name; NotFound where there is none."""
    account = store.find(database, name)
    if account is None:
        raise unknown(name)
    return account


def unknown(name: str) -> NotFound:
    """The error for a name that is no account's."""
    return NotFound(f"NAME: got {echo(name)}, expected an account; `imgsvc accounts list` shows them.")


def row(account: Account) -> dict[str, Any]:
    """An account as JSON values."""
    return {
        "name": account.name,
        "hosts": account.hosts.split(",") if account.hosts else [],
        "any_host": account.any_host,
        "signed": account.signed,
        "uploads": account.uploads,
        "presets": dict(account.presets),
        "created_at": datetime.fromtimestamp(account.created_at, UTC).isoformat(timespec="seconds"),
    }


def shown(value: object) -> str:
    """One cell of the list."""
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return " ".join(value) or "-"
        case dict():
            return " ".join(f"{name}={text}" for name, text in value.items()) or "-"
    return str(value)


def _hosts(names: Iterable[str]) -> str:
    words = ",".join(names).lower().replace(",", " ").split()
    hosts(" ".join(words), "--host")
    return ",".join(dict.fromkeys(words))


def _presets(texts: Iterable[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        name, _, options = text.partition("=")
        check_preset(name, options)
        found[name] = options
    return found


def _left(all_: Iterable[str], dropped: Iterable[str], option: str) -> list[str]:
    names = list(all_)
    for name in dropped:
        if name not in names:
            raise BadParameter.of(option, name, f"one of {', '.join(names) or 'none'}")
    return [name for name in names if name not in set(dropped)]
