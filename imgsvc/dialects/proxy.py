"""The image proxy: `GET /api/proxy?url=&w=&q=&format=` fetches a picture, makes it smaller and remembers it.

By POST the picture is the body instead, and nothing is remembered.
"""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.datastructures import Accept, MultiDict

from imgsvc import delivery, names, web
from imgsvc.engine.recipe import Fixed, Recipe, Resize
from imgsvc.engine.result import Result
from imgsvc.errors import (
    BadParameter,
    BadPicture,
    ImgsvcError,
    InputError,
    MissingImage,
    SourceFailed,
    SourceMissing,
    SourceSlow,
    TooSlow,
    UnsupportedKind,
)
from imgsvc.fetch import hosts
from imgsvc.gate import Gate
from imgsvc.service import Service, facts

PATH = "/api/proxy"
PARAMETERS = ("url", "w", "q", "format")
KEPT = 24 * 3600.0
"""Seconds that a result is kept, whatever its source says."""
FOREVER = "public, max-age=31536000, immutable"
BY_ACCEPT = "auto"
QUALITY = 50
WIDEST = 16383
"""What a WebP can hold; nothing is enlarged, so that wider ones are the same picture."""
_WHOLE = re.compile(r"-?[0-9]{1,1000}")


def read(query: MultiDict[str, str], accept: Accept) -> Recipe:
    """The recipe of a query; BadParameter for the first parameter that cannot be used."""
    for name, values in query.lists():
        if name not in PARAMETERS:
            wanted = "url, w, q and format; a URL with & or # in it has to be percent-encoded"
            raise BadParameter(f"{name[:40]!a}: unknown, expected {wanted}.")
        if len(values) > 1:
            raise BadParameter(f"{name}: got {len(values)} values, expected one.", name=name)
    width = _whole("w", query.get("w", "0"), "a whole number of pixels, 0 for the original width")
    if width < 0:
        raise BadParameter.of("w", query["w"], "0 or more pixels")
    quality = _whole("q", query.get("q", str(QUALITY)), "a whole number from 1 to 100")
    return Recipe(
        goal=Fixed(min(100, max(1, quality))),
        formats=(_format(query.get("format", ""), accept),),
        resize=Resize(width) if 0 < width < WIDEST else None,
        quick=True,
    )


def _whole(name: str, text: str, expected: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise BadParameter.of(name, text, expected)
    return int(text)


def _format(text: str, accept: Accept) -> str:
    """Whatever is not known means WebP, as clients of this API are used to."""
    if text.lower() == BY_ACCEPT:
        return "avif" if any(kind.lower() == "image/avif" and worth > 0 for kind, worth in accept) else "webp"
    return "avif" if text.lower() == "avif" else "webp"


def _seconds_kept(_result: Result, _source: int | None) -> float:
    return KEPT


def write(result: Result, filename: str) -> Response:
    """The picture, to be shown where it is asked for."""
    response = Response(result.data, content_type=result.mime)
    delivery.attach(response, filename, kind="inline")
    return response


def failure(error: ImgsvcError) -> tuple[dict[str, Any], int]:
    """The API's table knows 400, 404 and 500: a source that fails or holds no picture is 500, one too large 400."""
    status, message = error.status, error.message
    match error:
        case SourceMissing():
            status = 404
        case SourceSlow() | TooSlow():
            status, message = 500, f"timeout: {message}"
        case SourceFailed() | BadPicture() | UnsupportedKind():
            status = 500
        case InputError():
            status = 400
    return {"error": message, "status": status}, status


def routes(service: Service, gate: Gate) -> Blueprint:
    """The one path of the API. SettingsError where the list of hosts cannot be read."""
    settings = service.settings
    allowed = hosts(settings.image_proxy_hosts, "IMGSVC_IMAGE_PROXY_HOSTS")
    blueprint = Blueprint("proxy", __name__)

    @blueprint.get(PATH, strict_slashes=False)
    def fetch() -> Response:
        admission = gate.admit_anyone()
        if not request.args.get("url"):
            raise MissingImage("Missing image URL")
        recipe = read(request.args, request.accept_mimetypes)
        order = service.order(request.args["url"], recipe, api="proxy", hosts=allowed, hops=web.hops())
        web.note(source=order.host)
        if held := order.held(request.if_none_match.as_set(include_weak=True), service.clock()):
            return _kept(Response(status=304), order.tag(held))
        remote = service.find(order)
        if remote is None:
            gate.charge(request.remote_addr or "")
            seconds = settings.image_proxy_seconds
            remote = service.obtain(order, admission, seconds=seconds, keep=_seconds_kept, gone=web.gone())
        web.note(known=remote.known, **facts(remote.result, known=remote.known))
        response = write(remote.result, names.of_url(order.url, remote.result.format))
        return _kept(response, order.tag(remote.expires_at))

    @blueprint.post(PATH, strict_slashes=False)
    def give() -> Response:
        admission = gate.admit_anyone()
        if "url" in request.args:
            raise BadParameter("url: given, expected none beside a picture in the body.", name="url")
        recipe = read(request.args, request.accept_mimetypes)
        gate.charge(request.remote_addr or "")
        data = web.read_body(service, admission)
        try:
            result = service.optimize(data, recipe, admission, web.gone(), seconds=settings.image_proxy_seconds)
        except (BadPicture, UnsupportedKind) as error:
            # The sender's own fault, where that of a picture's server would be 500.
            raise InputError(error.message) from error
        web.note(**facts(result))
        return write(result, names.safe("", result.format))

    @blueprint.route(PATH, methods=["OPTIONS"], strict_slashes=False)
    def preflight() -> Response:
        return web.preflight("GET, POST")

    return blueprint


def _kept(response: Response, tag: str) -> Response:
    response.set_etag(tag)
    response.headers["Cache-Control"] = FOREVER
    if request.args.get("format", "").lower() == BY_ACCEPT:
        response.headers["Vary"] = "Accept"
    return response


DIALECT = web.Dialect("proxy", (PATH,), routes, failure)
