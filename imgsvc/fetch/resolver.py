"""Names to addresses, by the system's own resolver and within a time."""

from __future__ import annotations

import queue
import socket
import threading
import time
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from imgsvc.fetch.addresses import Address

LOOKUPS = 128
"""Names that may be looked up at once; a name server that never answers holds one of them for half a minute."""


class Resolver:
    """getaddrinfo knows no time limit, so each call has a thread that may be left behind. For any thread."""

    def __init__(self, lookups: int = LOOKUPS) -> None:
        self._free = threading.BoundedSemaphore(lookups)

    def __call__(self, host: str, seconds: float) -> tuple[Address, ...]:
        """The addresses of a name in the system's order, none where there are none; TimeoutError after `seconds`."""
        end = time.monotonic() + seconds
        if not self._free.acquire(timeout=seconds):
            raise TimeoutError
        answer: queue.SimpleQueue[tuple[Address, ...]] = queue.SimpleQueue()
        try:
            threading.Thread(target=self._ask, args=(host, answer), name="imgsvc-lookup", daemon=True).start()
        except RuntimeError:
            self._free.release()
            raise TimeoutError from None
        try:
            return answer.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            raise TimeoutError from None

    def _ask(self, host: str, answer: queue.SimpleQueue[tuple[Address, ...]]) -> None:
        try:
            answer.put(_addresses(host))
        finally:
            self._free.release()


def _addresses(host: str) -> tuple[Address, ...]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return tuple(_address(family, str(place[0])) for family, _, _, _, place in found)
    except (OSError, UnicodeError, AddressValueError):
        return ()


def _address(family: int, text: str) -> Address:
    return IPv6Address(text) if family == socket.AF_INET6 else IPv4Address(text)
