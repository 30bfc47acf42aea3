"""The answers of the ImageOptim API: pictures, ways to their sources, failures, and who may keep them for how long."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request

from imgsvc import delivery, names
from imgsvc.dialects.imageoptim_options import Options
from imgsvc.engine.recipe import AUTO
from imgsvc.engine.result import Result
from imgsvc.errors import BadSignature, HostNotAllowed, ImgsvcError, InputError, TooSlow, UnknownAccount
from imgsvc.remote import Order
from imgsvc.upload import Upload

BRIEF = 60.0
"""Seconds that clients may keep an answer which more time might make better."""
LESS = '199 imageoptim "time ran out: less optimized than it could be"'
NOTHING = '199 imageoptim "time ran out: the source as it is"'
JSON = "application/im2+json"
ACCOUNT_CODE = "IM2ACCOUNT"
"""By this code clients know that it is the account and not the picture's server that was refused."""
VIA = {"Via": "1.1 imageoptim"}
SIGNATURES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
)


def failure(error: ImgsvcError) -> tuple[dict[str, Any], int]:
    """Clients know 400 for options and pictures, 403 for accounts and sources that refuse, 404, and 500 and above."""
    status = error.status
    match error:
        case HostNotAllowed():
            status = 403
        case TooSlow():
            status = 504
        case InputError():
            status = 400
    code = ACCOUNT_CODE if isinstance(error, UnknownAccount | BadSignature | HostNotAllowed) else error.code
    return {"status": status, "error": error.message, "code": code}, status


def render(words: dict[str, Any]) -> Response:
    """Text, or JSON for who asks for it by name."""
    if any(kind.lower() == JSON and worth > 0 for kind, worth in request.accept_mimetypes):
        response = jsonify(words)
        response.content_type = JSON
        return response
    return Response(f"{words['error']}\n", mimetype="text/plain")


def redirected(order: Order) -> Response:
    """The way to the source."""
    response = Response(f"{order.url}\n", status=302, mimetype="text/plain")
    response.headers["Location"] = order.url
    response.headers["Warning"] = NOTHING
    return response


def written(result: Result, name: str) -> Response:
    """The picture, under a safe name."""
    response = Response(result.data, content_type=result.mime)
    delivery.attach(response, name, kind="inline")
    if result.hurried:
        response.headers["Warning"] = LESS
    return response


def returned(upload: Upload) -> Response:
    """The upload as it came, of a type that its first bytes show."""
    mime = next((mime for start, mime in SIGNATURES if upload.data.startswith(start)), "application/octet-stream")
    response = Response(upload.data, content_type=mime)
    delivery.attach(response, names.safe(upload.filename, mime.rpartition("/")[2]), kind="inline")
    response.headers["Warning"] = NOTHING
    return response


def kept(response: Response, options: Options, tag: str, seconds: float) -> Response:
    """The response with its entity tag, to be kept by anybody so long."""
    response.set_etag(tag)
    return shared(response, options, seconds)


def shared(response: Response, options: Options, seconds: float) -> Response:
    """The response, to be kept by anybody so long."""
    response.headers["Cache-Control"] = f"public, max-age={max(0, round(seconds))}"
    return varied(response, options)


def varied(response: Response, options: Options) -> Response:
    """The response, which depends on what the client takes where the options leave the format open."""
    if options.format == AUTO:
        response.headers["Vary"] = "Accept"
    return response
