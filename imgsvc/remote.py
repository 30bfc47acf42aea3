"""A picture that is asked for by URL: what tells it from all others, and what came of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

from imgsvc import __version__
from imgsvc.engine.recipe import Recipe
from imgsvc.engine.result import Result
from imgsvc.hops import NOWHERE, Hops

Keep = Callable[[Result, int | None], float]
"""Makes of a result and of the seconds that its source may be kept, None for unsaid, those that the result is kept."""
LONGEST = 365 * 86400.0
"""Seconds that any result may be kept."""
_END = re.compile(r"[0-9a-f]{1,16}")


class Hosts(Protocol):
    """Which hosts may be asked, their names as text included: equal sets have equal texts, without blanks."""

    def __call__(self, host: str, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class Order:
    """A URL in its plainest spelling and what to make of its picture, for an API with lifetimes of its own.

    `hosts` says which hosts may be asked, and `hops` are those of the request. `work` are the seconds that making
    it may take, fetching aside, where that is the client's to say.
    """

    url: str
    recipe: Recipe
    api: str
    hosts: Hosts
    hops: Hops = field(default=NOWHERE, compare=False)
    work: float | None = None

    @property
    def key(self) -> str:
        """Equal orders of one version have equal keys."""
        # What was made in less time may be less than another was promised.
        time = "" if self.work is None else f"{self.work:g} "
        # A redirect may lead to a host that is open to one who asks, and not to another.
        return f"{__version__} {self.api} {self.hosts} {self.recipe.key} {time}{self.url}"

    @property
    def host(self) -> str:
        """The host that is asked first, for the log: the whole URL may hold what is none of its business."""
        return urlsplit(self.url).hostname or ""

    def tag(self, expires_at: float) -> str:
        """The entity tag of a result that may be kept until `expires_at`, in seconds since 1970."""
        return f"{self._digest()}-{round(expires_at * 1000):x}"

    def held(self, tags: Iterable[str], now: float) -> float | None:
        """Until when whoever has the result of one of these tags may go on using it: then no server need be asked.

        None where none of them is a tag of this order, or that time is over.
        """
        parts = [tag.partition("-") for tag in tags]
        digest = self._digest() if parts else ""
        ends = (int(end, 16) / 1000 for start, _, end in parts if start == digest and _END.fullmatch(end))
        return max((end for end in ends if 0 < end - now <= LONGEST), default=None)

    def _digest(self) -> str:
        return hashlib.sha256(self.key.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Remote:
    """A result made from a URL, its times (seconds since 1970), and whether it was there already."""

    result: Result
    made_at: float
    expires_at: float
    """Until when it may be kept."""
    known: bool
