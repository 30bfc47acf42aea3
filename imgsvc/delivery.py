"""How a picture is handed over: harmless to whoever opens it, and a kept one only once."""

from __future__ import annotations

import errno
import select
import time
from collections.abc import Callable
from typing import Any

from werkzeug import Request, Response

from imgsvc import names
from imgsvc.connection import abandon, unsent
from imgsvc.downloads import Claim, Downloads, Offer
from imgsvc.errors import Forbidden

HARMLESS = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""The policy of a picture somebody uploaded: an SVG opened in a tab runs nothing and loads nothing."""
PEEKING = ("prefetch", "preview")
PREVIEWERS = (
    "bingpreview",
    "discordbot",
    "embedly",
    "facebookexternalhit",
    "google-pagerenderer",
    "iframely",
    "linkedinbot",
    "mastodon",
    "mattermost-bot",
    "pinterestbot",
    "redditbot",
    "rocket.chat",
    "signal-desktop",
    "skypeuripreview",
    "slackbot",
    "slack-imgproxy",
    "teamsbot",
    "telegrambot",
    "twitterbot",
    "vkshare",
    "whatsapp",
)
"""Programs that open a link because somebody was told of it; lower case, as found in User-Agent."""

MOMENT = 0.01
STALLED = 10.0
"""Seconds without any progress after which a client counts as gone."""


def attach(response: Response, name: str, *, kind: str) -> None:
    """Make the response a picture to show (`inline`) or to save (`attachment`) under a name, harmless in either way."""
    response.headers["Content-Disposition"] = names.disposition(kind, name)
    response.headers["Content-Security-Policy"] = HARMLESS


def deliver(request: Request, downloads: Downloads, token: str) -> Response:
    """The file behind a link, which is gone once its last byte was sent; HEAD and previews take nothing.

    NotFound, InUse while somebody else is being sent it, Forbidden for who only looks ahead.
    """
    if _peeks(request):
        raise Forbidden("This link works once and is not for previews; open it yourself.")
    if request.method == "HEAD":
        return _offered(Response(), downloads.look(token))
    claim = downloads.claim(token)
    response = Response(downloads.send(claim, underway(request.environ.get("gunicorn.socket"))))
    # Also where the client was gone before the first byte: a generator never begun cannot clean up after itself.
    response.call_on_close(lambda: downloads.release(claim))
    return _offered(response, claim)


def _offered(response: Response, offer: Offer | Claim) -> Response:
    response.content_type = offer.mime
    response.content_length = offer.size
    response.headers["Accept-Ranges"] = "none"
    attach(response, offer.filename, kind="attachment")
    return response


def _peeks(request: Request) -> bool:
    purposes = [request.headers.get(name, "").lower() for name in ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")]
    agent = request.headers.get("User-Agent", "").lower()
    return any(word in purpose for purpose in purposes for word in PEEKING) or any(bot in agent for bot in PREVIEWERS)


def underway(connection: Any) -> Callable[[], bool]:
    """Tells, after at most MOMENT, whether the client has yet to receive bytes; ConnectionError once it is gone.

    The kernel takes megabytes at once, long before the client has them, and a file counts as sent when it arrived.
    Without a connection to look at, what was handed to the server counts as arrived.
    """
    if connection is None:
        return lambda: False
    watch = select.poll()
    watch.register(connection, 0)
    least, until = unsent(connection), time.monotonic() + STALLED

    def pending() -> bool:
        nonlocal least, until
        left = unsent(connection)
        if not left:
            return False
        if left != least:
            least, until = left, time.monotonic() + STALLED
        if watch.poll(1000 * MOMENT) or time.monotonic() > until:
            abandon(connection)
            raise ConnectionResetError(errno.ECONNRESET, "the client left before the file had arrived")
        return True

    return pending
