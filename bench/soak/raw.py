"""Connections without a client library: for who breaks off, dawdles, or takes an answer drop by drop."""

from __future__ import annotations

import socket
import struct

from bench.soak.client import HOST, OPTIMIZE, Site

RESET = struct.pack("ii", 1, 0)
SECONDS = 60.0


def dial(site: Site, said: bytes = b"", window: int = 0) -> socket.socket:
    """A connection that has sent `said`; with a window of `window` bytes where that is given."""
    made = socket.socket()
    if window:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    made.settimeout(SECONDS)
    made.connect((HOST, site.port))
    made.sendall(said)
    return made


def request(path: str) -> bytes:
    """A plain request for a path, that keeps the connection."""
    return f"GET {path} HTTP/1.1\r\nHost: soak\r\n\r\n".encode()


def posting(site: Site, image: bytes, **form: str) -> bytes:
    """A whole upload, that keeps the connection."""
    head, body = site.upload(image, **form)
    lines = "".join(f"{name}: {text}\r\n" for name, text in head.items())
    return f"POST {OPTIMIZE} HTTP/1.1\r\nHost: soak\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def reset(line: socket.socket) -> None:
    """Break off, so that the other side is told at once."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    line.close()
