"""`imgsvc sign`: a URL of the ImageOptim API with its signature."""

from __future__ import annotations

import re
import time
from urllib.parse import quote

import click

from imgsvc import signature
from imgsvc.cli.accounts import known, signing_key
from imgsvc.cli.state import opened
from imgsvc.dialects.imageoptim_path import PREFIX
from imgsvc.errors import BadParameter
from imgsvc.settings import load

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(r"([0-9]{1,9})([smhd]?)")
_URL = re.compile(r"(https?://[^/?#]*)?(/[^#]*)", re.IGNORECASE)
_PATH_SAFE = "%/?:@!$&'()*+,;=~-._[]|"


@click.command(short_help="Print a URL with its signature.")
@click.argument("url")
@click.option("--expires", help="How long the URL holds: 90s, 15m, 12h, 30d; without it, for ever.")
def sign(url: str, expires: str | None) -> None:
    """Print URL with a signature: https://HOST/im/ACCOUNT/OPTIONS/SOURCE, or without /im/ where IMGSVC_IMAGEOPTIM_HOSTS
    names the host; HOST may be left out. SOURCE is empty for an upload.
    """
    found = _URL.fullmatch(url)
    start, path = (found[1] or "", quote(found[2], safe=_PATH_SAFE)) if found else ("", "")
    prefix = PREFIX if path.startswith(f"{PREFIX}/") else ""
    parts = path.removeprefix(prefix).split("/", 3)[1:]
    if len(parts) < len(("account", "options")) or not parts[1]:
        raise BadParameter.of("URL", url, f"https://HOST{PREFIX}/ACCOUNT/OPTIONS/SOURCE")
    account, options, source = (*parts, "")[:3]
    if expires is not None:
        options += f",expires={int(time.time()) + _span(expires)}"
    settings = load()
    with opened(settings) as database:
        key = signing_key(settings, known(database, account))
    click.echo(f"{start}{prefix}/{account}/{signature.sign(key, account, options, source)}/{source}")


def _span(text: str) -> int:
    found = _SPAN.fullmatch(text)
    if not found:
        raise BadParameter.of("--expires", text, "a number of seconds, or one with s, m, h or d behind it")
    return int(found[1]) * UNITS[found[2] or "s"]
