"""Where Flask meets us: the key of a request, its upload, the shape of failures, headers and the log line."""

from __future__ import annotations

import errno
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from imgsvc import upload
from imgsvc.connection import LINGERS, departure
from imgsvc.errors import (
    Forbidden,
    ImgsvcError,
    InputError,
    NotAuthorized,
    NotFound,
    OutOfOrder,
    SlowUpload,
    StorageFull,
    TooManyBytes,
    UnsupportedKind,
    WrongMethod,
)
from imgsvc.gate import Admission, Gate
from imgsvc.hops import Hops
from imgsvc.observe import Log, request_id
from imgsvc.pace import Pace
from imgsvc.room import Share
from imgsvc.service import Service
from imgsvc.settings import Settings
from imgsvc.upload import Upload

SHOWN = (
    "Content-Disposition",
    "Retry-After",
    "Warning",
    "X-Original-Size",
    "X-Optimized-Size",
    "X-Quality-Score",
    "X-Request-Id",
    "X-Savings-Percent",
)
"""Headers that a page from elsewhere may read."""
LONGEST_PATH = 200
DRAIN_CHUNK = 64 * 1024
DRAIN_SECONDS = 30.0
"""How long the rest of a refused upload is read; a client that is slower than that may miss the refusal."""

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
    with _pace().reading(_connection()):
        return upload.read(request, max_bytes=admission.max_bytes, parameters=parameters, grow=g.share.grow, part=part)


def read_body(service: Service, admission: Admission) -> bytes:
    """The picture that is the body of this request; the errors of `upload.read_raw` and SlowUpload.

    Busy and StorageFull where there is no use in reading it.
    """
    g.share = service.expect()
    with _pace().reading(_connection()):
        return upload.read_raw(request, max_bytes=admission.max_bytes, grow=g.share.grow)


def gone() -> Callable[[], bool]:
    """Tells whether the client of this request has left."""
    return departure(_connection())


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


def install(app: Flask, log: Log, dialects: Sequence[Dialect], pace: Pace) -> None:
    """Give every answer of the app its id, headers and log line, and every failure its dialect's shape.

    Clients are kept to the pace in taking their answers.
    """

    def owner() -> Dialect | None:
        best = max(dialects, key=lambda dialect: dialect.owned(request.path), default=None)
        return best if best and best.owned(request.path) else None

    def begin() -> None:
        g.request_id = request_id(request.headers.get("X-Request-Id"))
        g.start = time.monotonic()
        g.pace = pace

    def fail(error: Exception) -> Response:
        ours = known(error)
        dialect = owner()
        body, status = (dialect.failure if dialect else plain)(ours)
        note(error=ours.code, detail="; ".join(getattr(error, "__notes__", ())) or None)
        g.broken = type(ours) in (ImgsvcError, OutOfOrder)
        if type(ours) is ImgsvcError:
            note(traceback="".join(traceback.format_exception(error)))
        response = dialect.render(body) if dialect else jsonify(body)
        response.status_code = status
        if ours.retry_after is not None:
            response.headers["Retry-After"] = str(ours.retry_after)
        if isinstance(error, MethodNotAllowed):
            response.headers["Allow"] = _allowed(error)
        if isinstance(ours, NotAuthorized):
            response.headers["WWW-Authenticate"] = "Bearer"
        return response

    def end(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.request_id
        _secure(response)
        if dialect := owner():
            _share(response)
            response.headers.update(dialect.headers)
        if not request.environ.get(LINGERS):
            with suppress(SlowUpload), pace.reading(_connection()):
                _drain(app.config["MAX_CONTENT_LENGTH"])
        log.write("request", level="error" if g.get("broken") else "info", **_line(response))
        response.call_on_close(pace.sending(_connection()))
        return response

    def leave(_error: BaseException | None) -> None:
        share: Share | None = g.pop("share", None)
        if share is not None:
            share.end()

    app.before_request(begin)
    app.register_error_handler(Exception, fail)
    app.after_request(end)
    app.teardown_request(leave)


def plain(error: ImgsvcError) -> tuple[dict[str, Any], int]:
    """A failure where no dialect owns the path."""
    return {"error": error.message}, error.status


def known(error: Exception) -> ImgsvcError:
    """Any exception as one of ours; what nobody expected becomes a plain ImgsvcError."""
    match error:
        case ImgsvcError():
            return error
        case MethodNotAllowed():
            return WrongMethod(f"Wrong HTTP method (use {_allowed(error)}).")
        case HTTPException(code=404):
            return NotFound()
        case HTTPException(code=403):
            return Forbidden()
        case HTTPException(code=413):
            return TooManyBytes()
        case HTTPException(code=415):
            return UnsupportedKind()
        case HTTPException(code=int(code)) if 400 <= code < 500:
            return InputError()
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return StorageFull()
    return ImgsvcError()


def _allowed(error: MethodNotAllowed) -> str:
    return ", ".join(sorted(set(error.valid_methods or ()) - {"OPTIONS"}))


def _drain(most: int) -> None:
    """Read what is left of the body: who still sends when the connection closes sees a reset and not the answer."""
    if "wsgi.input_terminated" not in request.environ:
        return
    body, until = request.environ["wsgi.input"], time.monotonic() + DRAIN_SECONDS
    with suppress(OSError):
        while most > 0 and time.monotonic() < until and (piece := body.read(DRAIN_CHUNK)):
            most -= len(piece)


def _connection() -> Any:
    return request.environ.get("gunicorn.socket")


def _pace() -> Pace:
    pace: Pace = g.pace
    return pace


def _secure(response: Response) -> None:
    headers = response.headers
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "no-referrer"
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Cache-Control", "no-store, private")


def _share(response: Response) -> None:
    """Pages from anywhere may call an API: its keys are sent on purpose, never by the browser on its own."""
    headers = response.headers
    headers["Access-Control-Allow-Origin"] = "*"
    headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    headers["Access-Control-Expose-Headers"] = ", ".join(name for name in SHOWN if name in headers)


def _line(response: Response) -> dict[str, Any]:
    return {
        "request_id": g.request_id,
        "method": request.method,
        "path": request.path[:LONGEST_PATH],
        "status": response.status_code,
        "seconds": round(time.monotonic() - g.start, 4),
        "address": request.remote_addr,
        **g.get("facts", {}),
    }
