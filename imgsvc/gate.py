"""Who may ask, and how much: by key, or by address where the operator allows use without one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from imgsvc.errors import Forbidden, NotAuthorized, TooManyRequests, UnknownAccount
from imgsvc.settings import Settings
from imgsvc.store import accounts, keys, usage
from imgsvc.store.accounts import Account
from imgsvc.store.db import Database

MINUTE = 60
_WITH_PORT = re.compile(r"(?:([0-9.]+)|\[([^\]]*)\])(?::[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Admission:
    """What one request may cost. Sizes in bytes, sides in pixels; no key: public use."""

    key_id: str | None
    max_bytes: int
    max_width: int
    max_height: int


@dataclass(frozen=True, slots=True)
class Gate:
    """Knows the keys and counts the visitors."""

    settings: Settings
    database: Database
    clock: Callable[[], float]

    def admit(self, key: str | None, address: str) -> Admission:
        """The admission of whoever holds `key`, or comes without one from `address`.

        Forbidden: the API is off, or the key is revoked. NotAuthorized: an unknown key, or none where one is needed.
        TooManyRequests: an address without a key asks too often.
        """
        if not self.settings.api_enabled:
            raise Forbidden
        if key is not None:
            return self._holder(key)
        if not self.settings.public:
            raise NotAuthorized
        most = self.settings.public_per_minute
        self._count("public", address, most, f"More than {most} pictures a minute without an API key; try again later.")
        return self._admission(None, None, None, None)

    def admit_anyone(self) -> Admission:
        """The admission of whoever asks the image proxy, without a key; Forbidden where it is off."""
        if not self.settings.api_enabled:
            raise Forbidden
        if not self.settings.image_proxy:
            raise Forbidden("The image proxy is disabled.")
        side = self.settings.fetch_max_side
        return Admission(None, self.settings.fetch_max_bytes, side, side)

    def admit_account(self, name: str) -> tuple[Account, Admission]:
        """The account of that name, and what each of its pictures may cost; UnknownAccount where there is none."""
        if not self.settings.api_enabled:
            raise Forbidden
        account = accounts.find(self.database, name)
        if account is None:
            raise UnknownAccount
        side = self.settings.fetch_max_side
        return account, Admission(None, self.settings.fetch_max_bytes, side, side)

    def charge(self, address: str) -> None:
        """Count a picture that the image proxy has to make; TooManyRequests where an address wants too many."""
        self._charge("proxy", address, self.settings.image_proxy_per_minute)

    def charge_account(self, address: str) -> None:
        """Count a picture that has to be made for an account; TooManyRequests where an address wants too many."""
        self._charge("imageoptim", address, self.settings.imageoptim_per_minute)

    def _charge(self, what: str, address: str, most: int) -> None:
        self._count(what, address, most, f"More than {most} new pictures a minute; try again later.")

    def _holder(self, secret: str) -> Admission:
        key = keys.find(self.database, secret)
        if key is None:
            raise NotAuthorized
        if not key.active:
            raise Forbidden("This API key is disabled.")
        return self._admission(key.id, key.max_bytes, key.max_width, key.max_height)

    def _admission(self, key_id: str | None, size: int | None, width: int | None, height: int | None) -> Admission:
        return Admission(
            key_id,
            min(size or self.settings.max_bytes, self.settings.max_body),
            width or self.settings.max_width,
            height or self.settings.max_height,
        )

    def _count(self, what: str, address: str, most: int, refusal: str) -> None:
        now = self.clock()
        count = usage.count(self.database, f"{what}:{network(address)}", window=MINUTE, now=now)
        if count.hits > most:
            raise TooManyRequests(refusal, retry_after=max(1, math.ceil(count.resets_at - now)))


def network(address: str) -> str:
    """The part of an address that is one visitor: all of IPv4, the first 64 bits of IPv6.

    Some proxies tell the port as well. What is no address is one visitor together.
    """
    bare = _WITH_PORT.fullmatch(address)
    try:
        parsed = ip_address((bare[1] or bare[2] if bare else address).partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False))
    return str(parsed)
