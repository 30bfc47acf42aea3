"""Servers that hold the pictures which a site is asked to fetch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from imgsvc import signature
from imgsvc.store import accounts, secret
from imgsvc.store.accounts import Account
from imgsvc.store.db import Database

ORIGINS = "imgsvc_origins"
PLACE = Path(__file__).parents[1] / "safety" / "origins.py"

if ORIGINS not in sys.modules:
    found_ = spec_from_file_location(ORIGINS, PLACE)
    sys.modules[ORIGINS] = module_from_spec(found_)
    found_.loader.exec_module(sys.modules[ORIGINS])
origins = sys.modules[ORIGINS]


@dataclass(frozen=True)
class Proxy:
    """A site whose image proxy may fetch from one server on this machine."""

    site: Any
    origin: Any

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.origin.port}/picture"

    @property
    def fetched(self) -> int:
        """How often the server was asked."""
        return len(self.origin.heads)

    def get(self, url: str | None = None, *, method: str = "GET", options: Any = None, **query: Any) -> TestResponse:
        text = urlencode({"url": self.url if url is None else url, **query})
        return self.site.ask(method, f"/api/proxy?{text}", **(options or {}))


@pytest.fixture
def serve() -> Iterator[Callable[..., Any]]:
    """Starts a server that says what `speak` says, a function or bytes."""
    with origins.listening() as start:
        yield start


@pytest.fixture
def proxied(found: Any, serve: Any) -> Callable[..., Proxy]:
    """Makes a proxy for a server that says what it is given; settings as named."""

    def make(speak: Any, **settings: Any) -> Proxy:
        origin = serve(speak)
        allowed = {"image_proxy": True, "fetch_networks": "127.0.0.0/8", "fetch_ports": f"80,{origin.port}"}
        return Proxy(found(**{**allowed, **settings}), origin)

    return make


CHEAP = "format=same"
"""Options for tests that look at anything but the picture: to choose a format takes a second."""


@dataclass(frozen=True)
class Resizer:
    """A site whose account `acme` may fetch from one server on this machine by the ImageOptim API."""

    site: Any
    origin: Any

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.origin.port}/picture"

    @property
    def fetched(self) -> int:
        """How often the server was asked."""
        return len(self.origin.heads)

    def get(
        self, options: str = CHEAP, url: str | None = None, *, method: str = "GET", account: str = "acme", **asked: Any
    ) -> TestResponse:
        path = f"/im/{account}/{options}/{self.url if url is None else url}"
        return self.site.ask(method, path, headers=asked.pop("headers", {}), **asked)

    def give(
        self, data: bytes, options: str = CHEAP, *, account: str = "open", url: str = "", **asked: Any
    ) -> TestResponse:
        """Uploads a picture."""
        parts = {"file": (BytesIO(data), asked.pop("name", "photo.png"))}
        return self.get(options, url, method="POST", account=account, data=parts, **asked)

    def add(self, account: Account) -> None:
        database = Database(self.site.settings.database)
        accounts.add(database, account)
        database.close()

    def key(self, name: str) -> str:
        """What URLs of an account are signed with."""
        database = Database(self.site.settings.database)
        account = accounts.find(database, name)
        database.close()
        return signature.key(secret.load(self.site.settings), name, account.salt)


@pytest.fixture
def resizer(found: Any, serve: Any) -> Callable[..., Resizer]:
    """Makes a resizer for a server that says what it is given; settings as named."""

    def make(speak: Any, **settings: Any) -> Resizer:
        origin = serve(speak)
        allowed = {"fetch_networks": "127.0.0.0/8", "fetch_ports": f"80,{origin.port}"}
        made = Resizer(found(**{**allowed, **settings}), origin)
        made.add(Account("acme", hosts="127.0.0.1", presets={"hero": "40x20,crop"}))
        made.add(Account("open", any_host=True, uploads=True))
        made.add(Account("sealed", signed=True))
        return made

    return make


@pytest.fixture(scope="session")
def png(picture: Any) -> bytes:
    """A picture of 64 by 48 pixels."""
    return picture("PNG", (64, 48))


@pytest.fixture(scope="session")
def refused() -> Callable[[TestResponse, int], bool]:
    """Whether an answer is an error of the image proxy with that status, and nobody's to keep."""

    def look(answer: TestResponse, status: int) -> bool:
        return (
            answer.status_code == status
            and answer.mimetype == "application/json"
            and answer.json == {"error": answer.json["error"], "status": status}
            and answer.headers["Cache-Control"] == "no-store, private"
            and answer.headers["Access-Control-Allow-Origin"] == "*"
            and "ETag" not in answer.headers
        )

    return look
