"""Servers for the fetcher to ask, on ports of 127.0.0.1, and what they say: pages, redirects, too much, too slowly."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

import trustme

from imgsvc.fetch import Fetched, Fetcher, Hosts, Rules

MOST = 100_000
PICTURE = bytes(range(256)) * 8
Speak = Callable[[socket.socket, str], None]
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSED = b"HTTP/1.1 200 OK\r\n\r\n"


@dataclass
class Origin:
    """A server on a port of its own: what it was asked, and by what name of a TLS client."""

    listener: socket.socket
    speak: Speak
    tls: ssl.SSLContext | None = None
    heads: list[str] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://origin.test:{self.port}"

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, plain: socket.socket) -> None:
        connection = plain
        try:
            plain.settimeout(60)
            if self.tls:
                connection = self.tls.wrap_socket(plain, server_side=True)
            head = b""
            while b"\r\n\r\n" not in head and (piece := connection.recv(65536)):
                head += piece
            self.heads.append(head.decode("latin-1"))
            self.speak(connection, head.decode("latin-1").split(" ")[1])
        except (OSError, IndexError):
            pass
        finally:
            connection.close()


@contextmanager
def listening() -> Iterator[Callable[..., Origin]]:
    """Starts servers that say what `speak` says, a function or bytes; they end together."""
    started: list[Origin] = []

    def start(speak: Speak | bytes, tls: ssl.SSLContext | None = None) -> Origin:
        said = (lambda connection, _: connection.sendall(speak)) if isinstance(speak, bytes) else speak
        origin = Origin(socket.create_server(("127.0.0.1", 0)), said, tls)
        if tls:
            tls.sni_callback = lambda _socket, name, _context: origin.names.append(name)
        threading.Thread(target=origin.run, daemon=True).start()
        started.append(origin)
        return origin

    yield start
    for origin in started:
        origin.listener.shutdown(socket.SHUT_RDWR)
        origin.listener.close()


def fetcher(
    *origins: Origin,
    found: tuple[str, ...] = ("127.0.0.1",),
    trust: trustme.CA | None = None,
    own: Hosts = Hosts(),  # noqa: B008
) -> Fetcher:
    """A fetcher that is allowed to visit this machine; every name is at the addresses `found`."""
    rules = Rules((ip_network("127.0.0.0/8"),), frozenset(origin.port for origin in origins), own)
    context = ssl.create_default_context()
    if trust:
        trust.configure_trust(context)
    return Fetcher(rules, "here", resolve=lambda host, seconds: map(ip_address, found), trust=context)


def get(origin: Origin, path: str = "/", seconds: float = 60.0, max_bytes: int = MOST, **options: object) -> Fetched:
    return fetcher(origin).get(origin.url + path, seconds=seconds, max_bytes=max_bytes, **options)


def certified(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def page(body: bytes = PICTURE, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def moved(place: str, status: str = "302 Found") -> bytes:
    return page(b"", f"Location: {place}", status=status)


def endless(head: bytes, piece: bytes) -> Speak:
    """Says `head` once, and then `piece` for as long as somebody listens."""

    def speak(connection: socket.socket, _: str) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(piece)

    return speak


def dripping(said: bytes) -> Speak:
    """Says one byte every twentieth of a second."""

    def speak(connection: socket.socket, _: str) -> None:
        for byte in said:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)

    return speak
