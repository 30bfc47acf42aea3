"""A URL read strictly and only once: what comes out is what is connected to and asked for."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote, urljoin

import idna

from imgsvc.errors import UrlNotAllowed

LONGEST = 8192
"""Characters of a URL."""
LONGEST_NAME = 253
PORTS = {"http": 80, "https": 443}

# Whether a backslash is a slash, and which of these end a line, is answered differently by every parser.
_AMBIGUOUS = re.compile(r"[\x00-\x1f\x7f-\x9f\\\u2028\u2029]")
_URL = re.compile(r"(https?)://([^/?#]+)([^?#]*)(\?[^#]*)?(?:#.*)?", re.IGNORECASE)
_AUTHORITY = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\[\]@%\s]+))(?::([0-9]{0,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# What the WHATWG's URL standard takes for an IPv4 address by its last label, and other parsers for a name.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_KEPT = "%/?:@!$&'()*+,;=~-._[]"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes and what it asks for: a lower-case ASCII name or plain address, an origin-form path."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def read(url: str, ports: Collection[int]) -> Target:
    """The target of an http or https URL without user name on one of `ports`; UrlNotAllowed for anything else."""
    if len(url) > LONGEST or _AMBIGUOUS.search(url):
        raise UrlNotAllowed
    found = _URL.fullmatch(url)
    place = _AUTHORITY.fullmatch(found[2]) if found else None
    if found is None or place is None:
        raise UrlNotAllowed
    scheme = found[1].lower()
    port = int(place[3]) if place[3] else PORTS[scheme]
    if port not in ports:
        raise UrlNotAllowed.because(f"port {port} is not in IMGSVC_FETCH_PORTS")
    host = _v6(place[1]) if place[1] else _v4(_name(place[2]))
    return Target(scheme, host, port, _path(found[3] or "/", found[4] or ""))


def follow(target: Target, location: str, ports: Collection[int]) -> Target:
    """Where a redirect leads, judged as `read` judges."""
    if len(location) > LONGEST or _AMBIGUOUS.search(location):
        raise UrlNotAllowed
    try:
        return read(urljoin(target.url, location), ports)
    except ValueError:
        raise UrlNotAllowed from None


def _name(text: str) -> str:
    try:
        name = text.lower() if text.isascii() else idna.encode(text[:LONGEST], uts46=True).decode("ascii")
    except UnicodeError:
        raise UrlNotAllowed from None
    name = name.removesuffix(".")
    if len(name) > LONGEST_NAME or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise UrlNotAllowed
    return name


def _v4(name: str) -> str:
    """A name, or an address in four plain decimal numbers; UrlNotAllowed for every other spelling of a number."""
    if not _NUMBER.fullmatch(name.rpartition(".")[2]):
        return name
    try:
        return str(IPv4Address(name))
    except AddressValueError:
        raise UrlNotAllowed from None


def _v6(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except AddressValueError:
        raise UrlNotAllowed from None


def _path(path: str, query: str) -> str:
    try:
        return quote(path + query, safe=_KEPT)
    except UnicodeError:
        raise UrlNotAllowed from None
