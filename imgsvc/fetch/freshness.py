"""How long a server lets others keep its answer: Cache-Control, Expires and Age as RFC 9111 reads them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST = 365 * 86400


def lifetime(headers: Mapping[str, str]) -> int | None:
    """Seconds that a shared cache may keep an answer, from 0 to a year; None where the server says nothing of it.

    Names of headers are in lower case.
    """
    orders = _orders(headers.get("cache-control", ""))
    if orders.keys() & {"no-store", "no-cache", "private"}:
        return 0
    for name in ("s-maxage", "max-age"):
        if name in orders:
            return _within(_seconds(orders[name]) - _seconds(headers.get("age", "0")))
    if "expires" not in headers:
        return None
    expires, date = _time(headers["expires"]), _time(headers.get("date", ""))
    return 0 if expires is None else _within(int((expires - (date or datetime.now(UTC))).total_seconds()))


def _orders(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(","))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs if name.strip()}


def _seconds(text: str) -> int:
    # A number that cannot be read makes an answer stale at once.
    return min(int(text), LONGEST) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def _time(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _within(seconds: int) -> int:
    return max(0, min(seconds, LONGEST))
