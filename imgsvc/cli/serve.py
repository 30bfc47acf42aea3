"""`imgsvc serve`: the server, and the key that a first start makes."""

from __future__ import annotations

import time
from dataclasses import replace

import click

from imgsvc import front
from imgsvc.app import check
from imgsvc.cli.fences import fences
from imgsvc.cli.state import opened
from imgsvc.settings import Settings, load
from imgsvc.store import keys

FIRST_KEY = "default"
WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  what is bound, and what to dial


@click.command(short_help="Serve the page and the APIs.")
@click.option("--host", help="Address to listen on, instead of IMGSVC_HOST.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on, instead of IMGSVC_PORT.")
def serve(host: str | None, port: int | None) -> None:
    """Serve the page and the API until SIGTERM or Ctrl-C; the first start makes a key and prints it once."""
    settings = load()
    # What is wrong would otherwise be found by each worker, after the fork.
    check(settings)
    host = settings.host if host is None else host
    settings = replace(settings, host=host, port=settings.port if port is None else port)
    front.probe(settings)
    click.echo(greeting(settings, first_key(settings)))
    click.echo(f"  fences around the decoders: {'; '.join(f'{name} {state}' for name, state, _ in fences())}\n")
    front.run(settings)


def first_key(settings: Settings) -> str | None:
    """The secret of a new key named 'default' where the database holds no key yet, otherwise None."""
    with opened(settings) as database:
        if keys.every(database):
            return None
        _, secret = keys.issue(database, FIRST_KEY, max_bytes=None, max_width=None, max_height=None, now=time.time())
        return secret


def greeting(settings: Settings, secret: str | None) -> str:
    """What a start prints: where the page is and, for a new key, the key and a line to try it with."""
    address = base_url(settings)
    lines = ["", f"  imgsvc  {address}/", ""]
    if secret:
        lines += [
            "  A first API key was made. It is shown only this once:",
            "",
            f"      {secret}",
            "",
            "  Try it:",
            "",
            f'      curl -H "X-API-Key: {secret}" -F "image=@photo.jpg" -o smaller.jpg {address}/api/v1/optimize',
            "",
        ]
    return "\n".join(lines)


def base_url(settings: Settings) -> str:
    """The address a browser on this machine uses, without a slash at its end."""
    host = WILDCARDS.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
