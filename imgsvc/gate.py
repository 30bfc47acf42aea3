"""Who may ask, and how much: by key, or by address where the operator allows public use."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from imgsvc.errors import Forbidden, NotAuthorized, TooManyRequests
from imgsvc.settings import Settings
from imgsvc.store import keys, usage
from imgsvc.store.db import Database

MINUTE = 60


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
        self._count(address)
        return self._admission(None, None, None, None)

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

    def _count(self, address: str) -> None:
        now = self.clock()
        count = usage.count(self.database, f"public:{network(address)}", window=MINUTE, now=now)
        if count.hits > self.settings.public_per_minute:
            raise TooManyRequests(
                f"More than {self.settings.public_per_minute} pictures a minute without an API key; try again later.",
                retry_after=max(1, math.ceil(count.resets_at - now)),
            )


def network(address: str) -> str:
    """The part of an address that is one visitor: all of IPv4, the first 64 bits of IPv6."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False))
    return str(parsed)
