"""The ImageOptim API: `/im/ACCOUNT/OPTIONS/URL` fetches a picture by GET or POST, or takes it as an upload by POST."""

from __future__ import annotations

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

    def entered() -> tuple[Place, Account, Admission, Options, bool]:
        place = request.environ.get(PLACE)
        if place is None:
            raise NotFound
        account, admission = gate.admit_account(place.name)
        web.note(account=account.name)
        options, signed = place.options, bool(signature.split(place.options)[1])
        if account.signed or signed:
            key = signature.key(server, account.name, account.salt)
            options = signature.verify(key, place.account, options, place.source, service.clock())
        read = imageoptim_options.read(unquote(options), account.presets)
        return place, account, admission, read, signed

    @blueprint.get(PREFIX)
    @blueprint.get(f"{PREFIX}/<path:_rest>")
    def fetch(_rest: str = "") -> Response:
        place, account, admission, options, _ = entered()
        return by_url(place, account, admission, options)

    @blueprint.post(PREFIX)
    @blueprint.post(f"{PREFIX}/<path:_rest>")
    def give(_rest: str = "") -> Response:
        place, account, admission, options, signed = entered()
        if request.mimetype != "multipart/form-data" and place.source:
            return by_url(place, account, admission, options)
        # What is signed for a picture by URL stands in pages, and is no leave to upload.
        if not account.uploads and (place.source or not signed):
            raise BadSignature("file: this account takes uploads only with a signature made for them.")
        return uploaded(admission, options)

    def by_url(place: Place, account: Account, admission: Admission, options: Options) -> Response:
        if not place.source:
            raise BadParameter("url: missing, expected the URL of a picture behind the options.", name="url")
        order = service.order(
            place.url,
            imageoptim_options.recipe(options, request.accept_mimetypes),
            api="imageoptim",
            hosts=hosts(account.hosts, "hosts"),
            hops=web.hops(),
            work=_work(options),
        )
        if held := _held(order):
            return _kept(Response(status=304), order, options, held, service.clock())
        try:
            return made(order, options, admission)
        except Unfinished:
            return _varied(_redirected(order), options)

    def made(order: Order, options: Options, admission: Admission) -> Response:
        remote = service.find(order)
        if remote is None:
            gate.charge_account(request.remote_addr or "")
            seconds = settings.fetch_seconds + _work(options) + QUEUE
            keep = _keeping(in_full=_work(options) >= settings.deadline)
            remote = service.obtain(order, admission, seconds=seconds, keep=keep, gone=web.gone())
        web.note(known=remote.known, **facts(remote.result))
        response = _written(remote.result, names.of_url(order.url, remote.result.format))
        if remote.result.hurried:
            return _varied(_brief(response), options)
        response.headers["Age"] = str(max(0, int(service.clock() - remote.made_at)))
        return _kept(response, order, options, remote.expires_at, remote.made_at)

    def uploaded(admission: Admission, options: Options) -> Response:
        gate.charge_account(request.remote_addr or "")
        upload = web.read_upload(service, admission, (), part="file")
        recipe = imageoptim_options.recipe(options, request.accept_mimetypes)
        try:
            result = service.optimize(upload.data, recipe, admission, web.gone(), seconds=_work(options))
        except TooSlow:
            return _returned(upload)
        web.note(**facts(result))
        return _varied(_written(result, names.safe(upload.filename, result.format)), options)

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
    return _brief(response)


def _brief(response: Response) -> Response:
    """The response, to be asked for again soon."""
    response.headers["Cache-Control"] = f"public, max-age={BRIEF:.0f}"
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


def _kept(response: Response, order: Order, options: Options, end: float, since: float) -> Response:
    """The response, to be kept by anybody from `since` to `end`."""
    response.set_etag(order.tag(end))
    response.headers["Cache-Control"] = f"public, max-age={max(0, round(end - since))}"
    return _varied(response, options)


def _varied(response: Response, options: Options) -> Response:
    if options.format == AUTO:
        response.headers["Vary"] = "Accept"
    return response


DIALECT = web.Dialect("imageoptim", (PREFIX,), routes, failure, render, VIA, arrive)
