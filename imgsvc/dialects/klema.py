"""The main API: `POST /api/v1/optimize`, and `/download.php`, where its JSON answer points to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request
from werkzeug import Response as AnyResponse

from imgsvc import delivery, ladder, names, web
from imgsvc.engine.recipe import AUTO, Recipe, Resize
from imgsvc.engine.result import Result
from imgsvc.errors import BadParameter, ImgsvcError, InputError
from imgsvc.gate import Gate
from imgsvc.service import Service, facts
from imgsvc.store.links import Link

OPTIMIZE = "/api/v1/optimize"
DOWNLOAD = "/download.php"
PARAMETERS = ("output_format", "ratio", "quality", "response")
FORMATS = {"jpg": "jpg", "jpeg": "jpg", "png": "png", "webp": "webp", "gif": "gif", "avif": "avif", "auto": AUTO}
QUALITIES = {str(quality): quality for quality in range(1, 11)}
LESS = '199 imgsvc "time ran out: less optimized than it could be"'
_RATIO = re.compile(r"([0-9]{1,5})[xX]([0-9]{1,5})")


def read(form: Mapping[str, str]) -> Recipe:
    """The recipe of a form; BadParameter for the first field that cannot be used."""
    return Recipe(
        goal=ladder.goal(_quality(form.get("quality", "10"))),
        formats=_formats(form.get("output_format")),
        resize=_resize(form.get("ratio")),
    )


def _quality(text: str) -> int:
    if text not in QUALITIES:
        raise BadParameter.of("quality", text, "a whole number from 1 (lossless) to 10 (smallest)")
    return QUALITIES[text]


def _formats(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    if text.lower() not in FORMATS:
        raise BadParameter.of("output_format", text, "jpg, png, webp, gif, avif or auto")
    return (FORMATS[text.lower()],)


def _unkept(kind: str) -> BadParameter:
    wanted = ", ".join(sorted(set(FORMATS.values())))
    return BadParameter(f"output_format: missing, expected one of {wanted} for a {kind} picture.", name="output_format")


def _resize(text: str | None) -> Resize | None:
    if text is None:
        return None
    sides = _RATIO.fullmatch(text)
    if not sides or not int(sides[1]) or not int(sides[2]):
        raise BadParameter.of("ratio", text, "WIDTHxHEIGHT, both from 1 to 99999, such as 1000x1000")
    return Resize(int(sides[1]), int(sides[2]))


def saved(result: Result) -> float:
    """Percent saved with one decimal, cut off towards zero: 245832 bytes made 98412 are 59.9, not 60.0."""
    thousandths = 1000 * (result.original_size - result.size)
    share = abs(thousandths) // result.original_size
    return (share if thousandths >= 0 else -share) / 10


def write(result: Result, filename: str) -> Response:
    """The optimised picture itself, what is known of it in headers."""
    response = Response(result.data, content_type=result.mime)
    delivery.attach(response, filename, kind="inline")
    return _measured(response, result)


def write_json(result: Result, link: Link) -> Response:
    """What is known of the optimised picture, and where to fetch it once."""
    expires = datetime.fromtimestamp(link.expires_at, UTC)
    response = jsonify(
        success=True,
        original_size=result.original_size,
        optimized_size=result.size,
        savings_percent=saved(result),
        output_format=result.format,
        mime_type=result.mime,
        download_url=f"{DOWNLOAD}?id={link.token}",
        expires_at=expires.strftime("%Y-%m-%d %H:%M:%S"),
    )
    return _measured(response, result)


def _measured(response: Response, result: Result) -> Response:
    response.headers["X-Original-Size"] = str(result.original_size)
    response.headers["X-Optimized-Size"] = str(result.size)
    response.headers["X-Savings-Percent"] = f"{saved(result):.1f}"
    if result.score is not None:
        response.headers["X-Quality-Score"] = f"{result.score:.1f}"
    if result.hurried:
        response.headers["Warning"] = LESS
    return response


def failure(error: ImgsvcError) -> tuple[dict[str, Any], int]:
    """Every fault of the input is 400: the API's table knows no 413, 415 or 422."""
    return {"error": error.message}, 400 if isinstance(error, InputError) else error.status


def routes(service: Service, gate: Gate) -> Blueprint:
    """The two paths of the API."""
    blueprint = Blueprint("klema", __name__)

    @blueprint.post(OPTIMIZE, strict_slashes=False)
    def optimize() -> Response:
        admission = web.admit(gate)
        upload = web.read_upload(service, admission, PARAMETERS)
        recipe = read(upload.form)
        result = service.optimize(upload.data, recipe, admission, web.gone())
        web.note(**facts(result))
        if not recipe.formats and not service.settings.convert_inputs and result.format != result.original_format:
            raise _unkept(result.original_format)
        filename = names.safe(upload.filename, result.format)
        if upload.form.get("response", "").lower() == "json":
            return write_json(result, service.downloads.keep(result, filename))
        return write(result, filename)

    @blueprint.route(OPTIMIZE, methods=["OPTIONS"], strict_slashes=False)
    def preflight() -> Response:
        return web.preflight("POST")

    @blueprint.get(DOWNLOAD)
    def download() -> AnyResponse:
        return delivery.deliver(request, service.downloads, request.args.get("id", ""))

    return blueprint


DIALECT = web.Dialect("klema", (OPTIMIZE, DOWNLOAD), routes, failure)
