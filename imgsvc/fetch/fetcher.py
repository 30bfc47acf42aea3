"""Fetches a picture: asks, follows at most three redirects, and takes the bytes as far as they may come."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from httpcore2 import (
    URL,
    ConnectionPool,
    NetworkError,
    ProtocolError,
    Response,
    TimeoutException,
    default_ssl_context,
)

from imgsvc import __version__
from imgsvc.errors import ImgsvcError, SourceDenied, SourceFailed, SourceMissing, SourceSlow, UrlNotAllowed
from imgsvc.fetch.freshness import lifetime
from imgsvc.fetch.meter import Meter
from imgsvc.fetch.network import Guard, Resolve
from imgsvc.fetch.resolver import Resolver
from imgsvc.fetch.rules import Rules
from imgsvc.fetch.target import Target, follow, read
from imgsvc.hops import NOWHERE, Hops

REDIRECTS = 3
OK = 200
MOVED = (301, 302, 303, 307, 308)
MISSING = (404, 410)
DENIED = (401, 402, 403, 407, 451)

_MIME = re.compile(r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came: bytes, the URL they came from in the end, and what its server says of them.

    `mime` is as told and not to be believed, "" for none; `fresh` are the seconds a cache may keep it, None for unsaid.
    """

    data: bytes
    url: str
    mime: str
    fresh: int | None


class Fetcher:
    """Safe to use from any thread. `name` tells this installation from others, in letters, digits and hyphens."""

    def __init__(
        self,
        rules: Rules,
        name: str,
        *,
        resolve: Resolve | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        """Opens nothing. `trust` holds the certificate authorities; by default the system's."""
        self._rules = rules
        self._name = f"imgsvc-{name}"
        self._resolve = resolve or Resolver()
        self._trust = trust or default_ssl_context()

    def is_own(self, hops: Hops) -> bool:
        """Whether a request that came through these was sent by this installation: answering would be a loop."""
        return hops.include(self._name)

    def read(self, url: str) -> Target:
        """The URL in its plainest spelling, which names its host; UrlNotAllowed for what `get` refuses by its looks."""
        return self._foreign(read(url, self._rules.ports))

    def _foreign(self, target: Target) -> Target:
        if self._rules.own and self._rules.own(target.host):
            raise UrlNotAllowed.because(f"{target.host} is in IMGSVC_IMAGEOPTIM_HOSTS, our own")
        return target

    def get(
        self,
        url: str,
        *,
        seconds: float,
        max_bytes: int,
        hops: Hops = NOWHERE,
        grow: Callable[[int], None] = lambda size: None,  # noqa: ARG005
        gone: Callable[[], bool] = lambda: False,
        hosts: Callable[[str], bool] = lambda host: True,  # noqa: ARG005
    ) -> Fetched:
        """The picture at an http or https URL, within `seconds` over all; `grow` is told the size of each piece.

        `hops` are those of the request that asks for the picture. `hosts` says of the first host, and of each that
        a redirect leads to, whether it may be asked. UrlNotAllowed for whatever is not public and not allowed, always
        with the same words; SourceMissing, SourceDenied, SourceSlow, TooManyBytes, and SourceFailed for any other fault
        of the server; ClientGone soon after `gone` says that nobody waits for it any more.
        """
        meter = Meter(seconds, max_bytes, gone)
        headers = self._headers(hops)
        target = self.read(url)
        for _ in range(REDIRECTS + 1):
            if not hosts(target.host):
                raise UrlNotAllowed.because(f"a redirect leads to {target.host}, which is not among the hosts named")
            meter.restart()
            got = self._ask(target, headers, meter, grow)
            if isinstance(got, Fetched):
                return got
            target = self._foreign(got)
        raise SourceFailed("url: the picture's server redirects too often, expected at most three times.")

    def _headers(self, hops: Hops) -> list[tuple[str, str]]:
        if self.is_own(hops):
            raise UrlNotAllowed
        return [
            ("User-Agent", f"imgsvc/{__version__}"),
            ("Accept", "image/*,*/*;q=0.5"),
            ("Accept-Encoding", "identity"),
            *hops.onward(self._name),
            ("Connection", "close"),
        ]

    def _ask(
        self, target: Target, headers: list[tuple[str, str]], meter: Meter, grow: Callable[[int], None]
    ) -> Fetched | Target:
        url = URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
        guard = Guard(self._rules.admit, self._resolve, meter)
        asked = [("Host", target.authority), *headers]
        try:
            with (
                ConnectionPool(ssl_context=self._trust, network_backend=guard) as pool,
                pool.stream("GET", url, headers=asked) as response,
            ):
                told = _told(response)
                if response.status in MOVED and "location" in told:
                    return follow(target, told["location"], self._rules.ports)
                return _taken(target, response, told, meter, grow)
        except TimeoutException:
            raise SourceSlow from None
        except (NetworkError, ProtocolError):
            raise SourceFailed from None


def _told(response: Response) -> dict[str, str]:
    """The headers by lower-case names; several of one name are one list."""
    told: dict[str, str] = {}
    for raw, value in response.headers:
        # The place of a redirect is often raw UTF-8.
        name, text = raw.decode("ascii", "replace").lower(), value.decode("utf-8", "surrogateescape")
        told[name] = f"{told[name]}, {text}" if name in told else text
    return told


def _taken(
    target: Target, response: Response, told: dict[str, str], meter: Meter, grow: Callable[[int], None]
) -> Fetched:
    if response.status != OK:
        raise _fault(response.status)
    if told.get("content-encoding", "").strip().lower() not in ("", "identity"):
        raise SourceFailed("url: the picture's server sent it compressed, which it was asked not to do.")
    if "transfer-encoding" not in told and told.get("content-length", "").isdigit():
        meter.announce(int(told["content-length"]))
    held = BytesIO()
    for piece in response.iter_stream():
        meter.take(len(piece))
        grow(len(piece))
        held.write(piece)
    return Fetched(held.getvalue(), target.url, _mime(told.get("content-type", "")), lifetime(told))


def _fault(status: int) -> ImgsvcError:
    if status in MISSING:
        return SourceMissing()
    if status in DENIED:
        return SourceDenied()
    return SourceFailed(f"url: the picture's server answered with status {status}.")


def _mime(text: str) -> str:
    mime = text.partition(";")[0].strip().lower()
    return mime if _MIME.fullmatch(mime) else ""
