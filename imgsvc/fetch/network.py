"""How a fetch connects: a name is resolved once, all its addresses are judged, and one of those is connected to."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any

from httpcore2 import (
    SOCKET_OPTION,
    ConnectError,
    ConnectTimeout,
    NetworkBackend,
    NetworkStream,
    ReadTimeout,
    SyncBackend,
)

from imgsvc.errors import SourceSlow, UrlNotAllowed
from imgsvc.fetch.addresses import Address
from imgsvc.fetch.meter import Meter

TRIES = 4
"""Addresses of one name that are tried."""
SHORTEST = 1.0
"""Seconds that each of them gets at least, as far as there is time."""

Resolve = Callable[[str, float], Iterable[Address]]
"""The addresses of a name, within some seconds; TimeoutError beyond."""


class Guard(NetworkBackend):
    """The network as httpcore sees it during one fetch; for one thread."""

    def __init__(self, admit: Callable[[Address], bool], resolve: Resolve, meter: Meter) -> None:
        self._admit, self._resolve, self._meter = admit, resolve, meter
        self._wire = SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  the meter knows better
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> NetworkStream:
        """A connection to an address of `host`; UrlNotAllowed where there is none, or one of them is not admitted."""
        addresses = self._judged(host)
        for place, address in enumerate(addresses, 1):
            seconds = self._share(len(addresses) - place + 1)
            try:
                stream = self._wire.connect_tcp(str(address), port, seconds, local_address, socket_options)
            except (ConnectError, ConnectTimeout):
                if place == len(addresses):
                    raise
                continue
            if ip_address(stream.get_extra_info("server_addr")[0]) != address:
                stream.close()
                raise UrlNotAllowed
            return Stream(stream, self._meter)
        raise UrlNotAllowed.because(f"{host} has no address")

    def _judged(self, host: str) -> list[Address]:
        try:
            addresses = _literal(host) or list(dict.fromkeys(self._resolve(host, self._meter.left())))
        except TimeoutError:
            raise SourceSlow from None
        for address in addresses:
            if not self._admit(address):
                raise UrlNotAllowed.because(f"{host} is at {address}, neither public nor in IMGSVC_FETCH_NETWORKS")
        return addresses[:TRIES]

    def _share(self, tries: int) -> float:
        left = self._meter.left()
        return min(left, max(SHORTEST, left / tries))


def _literal(host: str) -> list[Address]:
    try:
        return [ip_address(host)]
    except ValueError:
        return []


class Stream(NetworkStream):
    """A connection on which every wait is bounded by the meter, and every byte counted."""

    def __init__(self, wire: NetworkStream, meter: Meter) -> None:
        self._wire, self._meter = wire, meter

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        while True:
            try:
                data = self._wire.read(max_bytes, self._meter.patience())
            except ReadTimeout:
                self._meter.look()
            else:
                self._meter.arrive(len(data))
                return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._wire.write(buffer, self._meter.left())

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> NetworkStream:
        return Stream(self._wire.start_tls(ssl_context, server_hostname, self._meter.left()), self._meter)

    def close(self) -> None:
        self._wire.close()

    def get_extra_info(self, info: str) -> Any:
        return self._wire.get_extra_info(info)
