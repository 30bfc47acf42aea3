"""`imgsvc doctor`: what this installation can do, and what a missing part costs."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields

import click

from imgsvc import __version__
from imgsvc.cli.fences import MISSING, fences
from imgsvc.cli.text import table
from imgsvc.engine.codec import Codec
from imgsvc.engine.codecs import CODECS
from imgsvc.engine.tools import Tool, inventory
from imgsvc.errors import ImgsvcError
from imgsvc.settings import PREFIX, Settings, cores, load
from imgsvc.store.db import Database

SECRETS = ("database_url", "redis_url", "secret")
"""Settings whose values are or may hold secrets."""


@click.command(short_help="Say what is here, and what a missing tool costs.")
def doctor() -> None:
    """Say which codecs, tools and database are here, and which settings are not the defaults.

    The status is 1 when a tool is missing or the database cannot be used as it is.
    """
    settings = load()
    tools = inventory()
    database, sound = store(settings)
    sections: dict[str, Sequence[Sequence[str]]] = {
        "Tools": [(tool.name, tool.version or MISSING, tool.brings) for tool in tools],
        "Formats": [(codec.name, abilities(codec)) for codec in CODECS],
        "Database": [(database,)],
        "Processes": [(processes(settings),)],
        "Fences": fences(),
        "Settings": list(changed(settings)) or [("all as by default",)],
    }
    click.echo(f"imgsvc {__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}")
    for title, rows in sections.items():
        click.echo(f"\n{title}")
        click.echo("\n".join(f"  {line}" for line in table(rows).splitlines()))
    click.echo(f"\n{verdict(tools, sound)}")
    if not sound or missing(tools):
        sys.exit(1)


def abilities(codec: Codec) -> str:
    """What a format's passes can do here, in their order; those whose tool is missing are marked."""
    if not codec.passes:
        return f"read only, becomes {codec.becomes}" if codec.becomes else "read only"
    return ", ".join(one.name if one.available() else f"{one.name} ({MISSING})" for one in codec.passes)


def store(settings: Settings) -> tuple[str, bool]:
    """The database in one line, and whether it can be used as it is. Makes nothing."""
    database = Database(settings.database)
    try:
        words = f"{database.version()} at {database.url}"
    except ImgsvcError as error:
        return f"{database.url} does not answer: {error}", False
    finally:
        database.close()
    concern = database.concern()
    return (f"{words}. {concern}", False) if concern else (words, True)


def processes(settings: Settings) -> str:
    """How the cores are used."""
    workers, helpers = settings.worker_processes, settings.worker_helpers
    return f"cores {cores()}, workers {workers}, threads a worker {settings.threads}, helpers a worker {helpers}"


def changed(settings: Settings) -> Iterable[tuple[str, str, str]]:
    """Each setting that is not its default: variable, value, default."""
    for field in fields(Settings):
        value = getattr(settings, field.name)
        if value != field.default:
            shown = "(set)" if field.name in SECRETS else str(value)
            yield PREFIX + field.name.upper(), shown, f"default {str(field.default) or 'none'}"


def missing(tools: Iterable[Tool]) -> list[str]:
    """Names of the tools that should be here and are not."""
    return [tool.name for tool in tools if tool.version is None and not tool.extra]


def verdict(tools: Iterable[Tool], sound: bool) -> str:
    """The last line."""
    absent = missing(tools)
    if absent:
        return f"Missing: {', '.join(absent)}."
    return "Everything is here." if sound else "The database needs attention."
