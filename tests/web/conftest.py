"""Servers that hold the pictures which a site is asked to fetch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

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
