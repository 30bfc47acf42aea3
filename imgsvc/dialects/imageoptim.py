"""The ImageOptim API: `/im/ACCOUNT/OPTIONS/URL` fetches a picture by GET or POST, or takes it as an upload by POST."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from flask import Blueprint, Response, jsonify, request

from imgsvc import delivery, names, signature, web
from imgsvc.dialects import imageoptim_options
from imgsvc.dialects.imageoptim_options import Options
from imgsvc.dialects.imageoptim_path import PLACE, PREFIX, Place, arrive
from imgsvc.engine.recipe import AUTO
from imgsvc.engine.result import Result
from imgsvc.errors import (
    BadParameter,
    BadSignature,
    HostNotAllowed,
    ImgsvcError,
    InputError,
    NotFound,
    TooSlow,
    Unfinished,
    UnknownAccount,
)
from imgsvc.fetch import hosts
from imgsvc.gate import Admission, Gate
from imgsvc.remote import LONGEST, Keep, Order
from imgsvc.service import Service, facts
from imgsvc.store import secret
from imgsvc.store.accounts import Account
from imgsvc.upload import Upload

LEAST = 4 * 3600.0
"""Seconds that a result is kept at least, whatever its source says."""
BRIEF = 60.0
"""Seconds that clients may keep an answer which more time might make better."""
QUEUE = 10.0
"""Seconds that waiting for a helper may take besides fetching and work."""
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


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as its path tells it, after it was let in."""

    place: Place
    account: Account
    admission: Admission
    options: Options
    until: float
    """Until when its signature holds, in seconds since 1970: no cache may answer by it any longer."""


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


def routes(service: Service, gate: Gate) -> Blueprint:
    """The one path of the API, whose parts come from `imageoptim_path`."""
    settings = service.settings
    server = secret.load(settings)
    blueprint = Blueprint("imageoptim", __name__)

    def entered(*, upload: bool = False) -> Asked:
        place = request.environ.get(PLACE)
        if place is None:
            raise NotFound
        account, admission = gate.admit_account(place.name)
        web.note(account=account.name)
        options, until = place.options, math.inf
        signed = bool(signature.split(options)[1])
        if signed or (account.signed and not (upload and account.uploads)):
            key = signature.key(server, account.name, account.salt)
            options = signature.verify(key, place.account, options, place.source, service.clock())
            until = signature.end(place.options)
        # What is signed for a picture by URL stands in pages, and is no leave to upload.
        if upload and not account.uploads and (place.source or not signed):
            raise BadSignature("file: this account takes uploads only with a signature made for them.")
        return Asked(place, account, admission, imageoptim_options.read(unquote(options), account.presets), until)

    @blueprint.get(PREFIX)
    @blueprint.get(f"{PREFIX}/<path:_rest>")
    def fetch(_rest: str = "") -> Response:
        return by_url(entered())

    @blueprint.post(PREFIX)
    @blueprint.post(f"{PREFIX}/<path:_rest>")
    def give(_rest: str = "") -> Response:
        place = request.environ.get(PLACE)
        if place and place.source and request.mimetype != "multipart/form-data":
            return by_url(entered())
        return uploaded(entered(upload=True))

    def by_url(asked: Asked) -> Response:
        if not asked.place.source:
            raise BadParameter("url: missing, expected the URL of a picture behind the options.", name="url")
        options = asked.options
        order = service.order(
            asked.place.url,
            imageoptim_options.recipe(options, request.accept_mimetypes),
            api="imageoptim",
            hosts=hosts(asked.account.hosts, "hosts"),
            hops=web.hops(),
            work=_work(options),
        )
        if held := _held(order):
            return _kept(Response(status=304), asked, order.tag(held), min(held, asked.until) - service.clock())
        try:
            return made(order, asked)
        except Unfinished:
            return _brief(_redirected(order), asked, service.clock())

    def made(order: Order, asked: Asked) -> Response:
        remote, work = service.find(order), _work(asked.options)
        if remote is None:
            gate.charge_account(request.remote_addr or "")
            seconds = settings.fetch_seconds + work + QUEUE
            keep = _keeping(in_full=work >= settings.deadline)
            remote = service.obtain(order, asked.admission, seconds=seconds, keep=keep, gone=web.gone())
        web.note(known=remote.known, **facts(remote.result))
        response = _written(remote.result, names.of_url(order.url, remote.result.format))
        now = service.clock()
        if remote.result.hurried:
            return _brief(response, asked, now)
        response.headers["Age"] = str(max(0, int(now - remote.made_at)))
        tag = order.tag(remote.expires_at)
        return _kept(response, asked, tag, min(remote.expires_at, asked.until) - remote.made_at)

    def uploaded(asked: Asked) -> Response:
        gate.charge_account(request.remote_addr or "")
        upload = web.read_upload(service, asked.admission, (), part="file")
        recipe = imageoptim_options.recipe(asked.options, request.accept_mimetypes)
        try:
            result = service.optimize(upload.data, recipe, asked.admission, web.gone(), seconds=_work(asked.options))
        except TooSlow:
            return _returned(upload)
        web.note(**facts(result))
        return _varied(_written(result, names.safe(upload.filename, result.format)), asked.options)

    def _work(options: Options) -> float:
        return min(options.seconds, settings.deadline)

    def _held(order: Order) -> float | None:
        tags = request.if_none_match.as_set(include_weak=True)
        return next((order.end(tag) for tag in tags if order.holds(tag, service.clock())), None)

    @blueprint.route(PREFIX, methods=["OPTIONS"])
    @blueprint.route(f"{PREFIX}/<path:_rest>", methods=["OPTIONS"])
    def preflight(_rest: str = "") -> Response:
        return web.preflight("GET, POST")

    return blueprint


def _keeping(*, in_full: bool) -> Keep:
    """How long results are kept here. One that took all the time there is would need it again, and come out alike."""

    def seconds(result: Result, source: int | None) -> float:
        if result.hurried:
            return LEAST if in_full else BRIEF
        return min(max(LEAST, source or 0), LONGEST)

    return seconds


def _redirected(order: Order) -> Response:
    response = Response(f"{order.url}\n", status=302, mimetype="text/plain")
    response.headers["Location"] = order.url
    response.headers["Warning"] = NOTHING
    return response


def _written(result: Result, name: str) -> Response:
    response = Response(result.data, content_type=result.mime)
    delivery.attach(response, name, kind="inline")
    if result.hurried:
        response.headers["Warning"] = LESS
    return response


def _returned(upload: Upload) -> Response:
    """The upload as it came, of a type that its first bytes show."""
    mime = next((mime for start, mime in SIGNATURES if upload.data.startswith(start)), "application/octet-stream")
    response = Response(upload.data, content_type=mime)
    delivery.attach(response, names.safe(upload.filename, mime.rpartition("/")[2]), kind="inline")
    response.headers["Warning"] = NOTHING
    return response


def _brief(response: Response, asked: Asked, now: float) -> Response:
    """The response, to be asked for again soon."""
    return _public(response, asked, min(BRIEF, asked.until - now))


def _kept(response: Response, asked: Asked, tag: str, seconds: float) -> Response:
    """The response with its entity tag, to be kept so long."""
    response.set_etag(tag)
    return _public(response, asked, seconds)


def _public(response: Response, asked: Asked, seconds: float) -> Response:
    """The response, to be kept by anybody."""
    response.headers["Cache-Control"] = f"public, max-age={max(0, round(seconds))}"
    return _varied(response, asked.options)


def _varied(response: Response, options: Options) -> Response:
    if options.format == AUTO:
        response.headers["Vary"] = "Accept"
    return response


DIALECT = web.Dialect("imageoptim", (PREFIX,), routes, failure, render, VIA, arrive)
