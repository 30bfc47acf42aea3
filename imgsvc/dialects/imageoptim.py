"""The ImageOptim API: `/im/ACCOUNT/OPTIONS/URL` fetches a picture by GET or POST, or takes it as an upload by POST."""

from __future__ import annotations

import math
from dataclasses import dataclass
from urllib.parse import unquote

from flask import Blueprint, Response, request

from imgsvc import names, signature, web
from imgsvc.dialects import imageoptim_options
from imgsvc.dialects.imageoptim_answers import (
    BRIEF,
    VIA,
    failure,
    kept,
    redirected,
    render,
    returned,
    shared,
    varied,
    written,
)
from imgsvc.dialects.imageoptim_options import Options
from imgsvc.dialects.imageoptim_path import PLACE, PREFIX, Place, arrive
from imgsvc.engine.result import Result
from imgsvc.errors import (
    BadParameter,
    BadSignature,
    NotFound,
    TooSlow,
    Unfinished,
)
from imgsvc.fetch import hosts
from imgsvc.gate import Admission, Gate
from imgsvc.remote import LONGEST, Keep, Order
from imgsvc.service import Service, facts
from imgsvc.store import secret
from imgsvc.store.accounts import Account

LEAST = 4 * 3600.0
"""Seconds that a result is kept at least, whatever its source says."""
QUEUE = 10.0
"""Seconds that waiting for a helper may take besides fetching and work."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as its path tells it, after it was let in."""

    place: Place
    account: Account
    admission: Admission
    options: Options
    until: float
    """Until when its signature holds, in seconds since 1970: no cache may answer by it any longer."""


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
        web.note(source=order.host)
        if held := order.held(request.if_none_match.as_set(include_weak=True), service.clock()):
            return kept(Response(status=304), options, order.tag(held), min(held, asked.until) - service.clock())
        try:
            return made(order, asked)
        except Unfinished:
            return shared(redirected(order), options, min(BRIEF, asked.until - service.clock()))

    def made(order: Order, asked: Asked) -> Response:
        remote, work = service.find(order), _work(asked.options)
        if remote is None:
            gate.charge_account(request.remote_addr or "")
            seconds = settings.fetch_seconds + work + QUEUE
            keep = _keeping(in_full=work >= settings.deadline)
            remote = service.obtain(order, asked.admission, seconds=seconds, keep=keep, gone=web.gone())
        web.note(known=remote.known, **facts(remote.result, known=remote.known))
        response = written(remote.result, names.of_url(order.url, remote.result.format))
        now = service.clock()
        if remote.result.hurried:
            return shared(response, asked.options, min(BRIEF, asked.until - now))
        response.headers["Age"] = str(max(0, int(now - remote.made_at)))
        tag = order.tag(remote.expires_at)
        return kept(response, asked.options, tag, min(remote.expires_at, asked.until) - remote.made_at)

    def uploaded(asked: Asked) -> Response:
        gate.charge_account(request.remote_addr or "")
        upload = web.read_upload(service, asked.admission, (), part="file")
        recipe = imageoptim_options.recipe(asked.options, request.accept_mimetypes)
        try:
            result = service.optimize(upload.data, recipe, asked.admission, web.gone(), seconds=_work(asked.options))
        except TooSlow:
            return returned(upload)
        web.note(**facts(result))
        return varied(written(result, names.safe(upload.filename, result.format)), asked.options)

    def _work(options: Options) -> float:
        return min(options.seconds, settings.deadline)

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


DIALECT = web.Dialect("imageoptim", (PREFIX,), routes, failure, render, VIA, arrive)
