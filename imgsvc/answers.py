"""What every answer gets: its id, headers and log line; and every failure, the shape of the API that it is in."""

from __future__ import annotations

import errno
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from imgsvc.connection import LINGERS
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
from imgsvc.observe import Log, request_id
from imgsvc.pace import Pace
from imgsvc.room import Share
from imgsvc.web import Dialect, connection, note

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
            with suppress(SlowUpload), pace.reading(connection()):
                _drain(app.config["MAX_CONTENT_LENGTH"])
        log.write("request", level="error" if g.get("broken") else "info", **_line(response))
        response.call_on_close(pace.sending(connection()))
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
