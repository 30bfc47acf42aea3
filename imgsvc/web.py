"""Where Flask meets us: what an API is made of, the key of a request and its upload, facts for its log line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, g, jsonify, request

from imgsvc import upload
from imgsvc.connection import departure
from imgsvc.errors import (
    ImgsvcError,
)
from imgsvc.gate import Admission, Gate
from imgsvc.hops import Hops
from imgsvc.pace import Pace
from imgsvc.service import Service
from imgsvc.settings import Settings
from imgsvc.upload import Upload

Failure = Callable[[ImgsvcError], tuple[dict[str, Any], int]]


@dataclass(frozen=True, slots=True)
class Dialect:
    """An API: the paths it owns, its routes, and the words and status of its failures."""

    name: str
    prefixes: tuple[str, ...]
    routes: Callable[[Service, Gate], Blueprint]
    failure: Failure
    render: Callable[[dict[str, Any]], Response] = jsonify
    """Writes the words of a failure."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """What every answer says."""
    arrive: Callable[[Settings], Callable[[dict[str, Any]], None]] | None = None
    """Makes of the settings what changes the WSGI environment of a request before anybody reads it."""

    def owned(self, path: str) -> int:
        """How many characters of the path are this dialect's; 0: the path is not its own."""
        return max((len(p) for p in self.prefixes if path == p or path.startswith(p + "/")), default=0)


def key() -> str | None:
    """The API key of this request: X-API-Key, else a bearer token, else the query's api_key; None without any."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    bearer = token if scheme.lower() == "bearer" else ""
    offers = (request.headers.get("X-API-Key", ""), bearer, request.args.get("api_key", ""))
    return next((offer.strip() for offer in offers if offer.strip()), None)


def admit(gate: Gate) -> Admission:
    """The admission of this request; the errors of `Gate.admit`."""
    admission = gate.admit(key(), request.remote_addr or "")
    note(key_id=admission.key_id)
    return admission


def read_upload(service: Service, admission: Admission, parameters: Sequence[str], *, part: str = "image") -> Upload:
    """The picture and the text fields of this request; the errors of `upload.read` and SlowUpload.

    Busy and StorageFull where there is no use in reading it.
    """
    g.share = service.expect()
    with _pace().reading(connection()):
        return upload.read(request, max_bytes=admission.max_bytes, parameters=parameters, grow=g.share.grow, part=part)


def read_body(service: Service, admission: Admission) -> bytes:
    """The picture that is the body of this request; the errors of `upload.read_raw` and SlowUpload.

    Busy and StorageFull where there is no use in reading it.
    """
    g.share = service.expect()
    with _pace().reading(connection()):
        return upload.read_raw(request, max_bytes=admission.max_bytes, grow=g.share.grow)


def gone() -> Callable[[], bool]:
    """Tells whether the client of this request has left."""
    return departure(connection())


def hops() -> Hops:
    """The servers that this request came through."""
    return Hops(request.headers.get("Via", ""), request.headers.get("CDN-Loop", ""))


def note(**facts: Any) -> None:
    """Facts for the log line of this request."""
    g.facts = {**g.get("facts", {}), **facts}


def preflight(methods: str) -> Response:
    """The answer to a browser that asks whether a page from elsewhere may call."""
    response = Response(status=204)
    response.headers["Access-Control-Allow-Methods"] = methods
    response.headers["Access-Control-Allow-Headers"] = "X-API-Key, Authorization, Content-Type, X-Request-Id"
    response.headers["Access-Control-Max-Age"] = "86400"
    return response


def connection() -> Any:
    """The socket that this request came by, where the server tells; else None."""
    return request.environ.get("gunicorn.socket")


def _pace() -> Pace:
    pace: Pace = g.pace
    return pace
