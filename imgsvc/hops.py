"""The servers a request came through, as its headers name them: by these a loop is seen."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST = 1000
"""Characters of a list of hops that are passed on."""
_LIST = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Hops:
    """The values of `Via` (RFC 9110, 7.6.3) and of `CDN-Loop` (RFC 8586), which servers that drop the first pass on."""

    via: str = ""
    cdn_loop: str = ""

    def include(self, name: str) -> bool:
        """Whether a request came through the server of this name."""
        return any(name in hop.replace(";", " ").split() for hop in f"{self.via},{self.cdn_loop}".split(","))

    def onward(self, name: str) -> list[tuple[str, str]]:
        """Names and values of both headers for a request that the server of this name makes on behalf of this one."""
        return [("Via", _joined(self.via, f"1.1 {name}")), ("CDN-Loop", _joined(self.cdn_loop, name))]


NOWHERE = Hops()
"""Of a request that came straight."""


def _joined(passed: str, own: str) -> str:
    """The list with one more hop; that one alone where the list is too long or no header's value."""
    return f"{passed}, {own}" if passed.strip() and len(passed) <= LONGEST and _LIST.fullmatch(passed) else own
