"""`/im/ACCOUNT/OPTIONS/SOURCE` as it was sent: what Flask sees of a path is decoded, and a URL inside is lost by that.

A request is read before anybody else does, and what follows goes on under a path that holds no source and no signature.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, unquote_to_bytes

from imgsvc import signature
from imgsvc.fetch import hosts
from imgsvc.settings import Settings

PREFIX = "/im"
PLACE = "imgsvc.imageoptim"
"""The key of the WSGI environment under which the place is found."""
RAW = ("RAW_URI", "REQUEST_URI")
"""Where servers leave the target of a request as it was sent: gunicorn, uWSGI and others."""

_ORIGIN = re.compile(r"\A[A-Za-z][A-Za-z0-9+.-]*://[^/?]*")
_COMMA = re.compile(r"(multipart/form-data)\s*,\s*(boundary=)", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# Encoded in part, or with its slashes merged by a server on the way.
_BEGIN = re.compile(r"\A(https?)(?::|%3A)(?:/|%2F)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """The three parts of a path as they were sent; the last with its query, empty where there is none."""

    account: str
    options: str
    source: str

    @property
    def name(self) -> str:
        """The account's name, decoded."""
        return unquote(self.account)

    @property
    def url(self) -> str:
        """The URL of the source: decoded once where all of it came percent-encoded, http where it names no scheme."""
        path, mark, query = self.source.partition("?")
        if "/" not in path:
            path = unquote(path, errors="surrogateescape")
            # The query of a source that came encoded is inside of it, and what follows adds to that.
            mark = mark and ("&" if "?" in path else "?")
        path = _BEGIN.sub(r"\1://", path).lstrip("/")
        return f"{path if _SCHEME.match(path) else f'http://{path}'}{mark}{query}"


def arrive(settings: Settings) -> Callable[[dict[str, Any]], None]:
    """What reads the path of every request, under the prefix and at the root of the hosts that the settings name.

    SettingsError where these cannot be read.
    """
    ours = hosts(settings.imageoptim_hosts, "IMGSVC_IMAGEOPTIM_HOSTS")

    def read(environ: dict[str, Any]) -> None:
        root = bool(ours) and ours(_host(environ))
        path, query = _target(environ)
        parts = path.split("/", 3 if root else 4)[1:]
        if not root and unquote(parts.pop(0) if parts else "") != PREFIX[1:]:
            return
        account, options, source = (*parts, "", "", "")[:3]
        environ[PLACE] = Place(account, options, source + query)
        shown = "/".join(part for part in (PREFIX, account, signature.split(options)[0]) if part)
        environ["PATH_INFO"] = shown.encode("utf-8", "surrogateescape").decode("latin-1")
        environ["QUERY_STRING"] = ""
        # One client writes a comma where a semicolon belongs, and is as it is since 2016.
        environ["CONTENT_TYPE"] = _COMMA.sub(r"\1; \2", environ.get("CONTENT_TYPE") or "")

    return read


def _host(environ: dict[str, Any]) -> str:
    return str(environ.get("HTTP_HOST", "")).partition(":")[0].lower().removesuffix(".")


def _target(environ: dict[str, Any]) -> tuple[str, str]:
    """Path and query of a request as they were sent, the query with its question mark."""
    script, info = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
    for name in RAW:
        path, mark, query = _ORIGIN.sub("", str(environ.get(name, "")), count=1).partition("?")
        # Another path than the one that is served says that something between us and the server has changed it.
        if unquote_to_bytes(path.encode("latin-1", "replace")) == (script + info).encode("latin-1", "replace"):
            return _text(path.removeprefix(script)), _text(mark + query)
    query = environ.get("QUERY_STRING", "")
    return quote(info.encode("latin-1", "replace"), safe="/:@!$&'()*+,;=~"), _text("?" + query if query else "")


def _text(raw: str) -> str:
    """What WSGI hands over as Latin-1 is UTF-8."""
    return raw.encode("latin-1", "replace").decode("utf-8", "surrogateescape")
