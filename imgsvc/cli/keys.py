"""`imgsvc keys`: who may use the API, and with what limits."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import click

from imgsvc.cli.state import opened
from imgsvc.cli.text import table
from imgsvc.errors import BadParameter, NotFound, echo
from imgsvc.settings import load
from imgsvc.store import keys as store


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command()
@click.argument("name")
@click.option("--max-bytes", type=click.IntRange(min=1), help="Largest upload, instead of IMGSVC_MAX_BYTES.")
@click.option("--max-width", type=click.IntRange(min=1), help="Widest picture, instead of IMGSVC_MAX_WIDTH.")
@click.option("--max-height", type=click.IntRange(min=1), help="Highest picture, instead of IMGSVC_MAX_HEIGHT.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: the key's row and the key itself.")
def create(name: str, max_bytes: int | None, max_width: int | None, max_height: int | None, as_json: bool) -> None:
    """Make a key called NAME and print it; it is stored as a hash and cannot be shown again."""
    settings = load()
    if max_bytes is not None and max_bytes > settings.max_body:
        raise BadParameter.of("--max-bytes", max_bytes, f"at most IMGSVC_MAX_BODY, which is {settings.max_body}")
    with opened(settings) as database:
        key, secret = store.issue(
            database, name, max_bytes=max_bytes, max_width=max_width, max_height=max_height, now=time.time()
        )
    if as_json:
        click.echo(json.dumps(row(key) | {"key": secret}))
        return
    click.echo(f"Key {key.id} '{key.name}' was made. It is shown only this once:\n\n    {secret}\n")


@keys.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of objects.")
def every(as_json: bool) -> None:
    """List all keys, by their id and the first characters of the secret."""
    with opened(load()) as database:
        rows = [row(key) for key in store.every(database)]
    if as_json:
        click.echo(json.dumps(rows))
    elif rows:
        click.echo(table([list(rows[0]), *([shown(value) for value in one.values()] for one in rows)]))
    else:
        click.echo("No keys yet: `imgsvc keys create NAME` makes one.")


@keys.command()
@click.argument("id")
def revoke(id: str) -> None:  # noqa: A002  (the argument's name is what the user reads)
    """Switch the key with this ID off; requests with it are answered 403 from now on."""
    with opened(load()) as database:
        key = store.revoke(database, id)
    if key is None:
        raise NotFound(f"ID: got {echo(id)}, expected the id of a key; `imgsvc keys list` shows them.")
    click.echo(f"Key {key.id} '{key.name}' is revoked.")


def row(key: store.Key) -> dict[str, Any]:
    """A key as JSON values; limits it does not set itself are null."""
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "active": key.active,
        "max_bytes": key.max_bytes,
        "max_width": key.max_width,
        "max_height": key.max_height,
        "created_at": datetime.fromtimestamp(key.created_at, UTC).isoformat(timespec="seconds"),
    }


def shown(value: object) -> str:
    """One cell of the list."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)
