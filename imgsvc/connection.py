"""What the kernel knows of a client's connection: whether the client left, and how many bytes came and went."""

from __future__ import annotations

import fcntl
import select
import socket
import struct
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import Any

LINGERS = "imgsvc.lingers"
"""In the environ of a request where the server sees to it that a refusal is seen, however much of the body is left."""
_INFO = struct.Struct("@QQ")
_ACKED = 120
"""Where `struct tcp_info` of linux/tcp.h holds tcpi_bytes_acked, which tcpi_bytes_received follows."""
_AT_ONCE = struct.pack("ii", 1, 0)
# A client that closed its side; only Linux tells this without reading what is there to be read before it.
_LEFT: int = getattr(select, "POLLRDHUP", 0)


def gone(connection: Any) -> bool:
    """Whether the client closed its side or broke off; False without a connection to look at.

    A client that only says it will send no more looks the same, and counts as gone as with other servers.
    """
    if connection is None:
        return False
    try:
        watch = select.poll()
        watch.register(connection, _LEFT)
        return bool(watch.poll(0))
    except (OSError, ValueError):
        return True


def departure(connection: Any) -> Callable[[], bool]:
    """`gone` for one connection."""
    return lambda: gone(connection)


def traffic(connection: Any) -> tuple[int, int] | None:
    """Bytes that the client took and bytes that it sent, since it connected; None where the system cannot tell."""
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKED + _INFO.size)
    except (OSError, AttributeError):
        return None
    if len(told) < _ACKED + _INFO.size:
        return None
    acked, received = _INFO.unpack_from(told, _ACKED)
    return acked, received


def unsent(connection: Any) -> int:
    """Bytes that the system holds for the client, which has yet to take them; 0 where it cannot tell."""
    try:
        return int(struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0])
    except (OSError, ValueError):
        # No such question on this system, or no connection any more, which the next write will tell.
        return 0


def abandon(connection: Any) -> None:
    """Stop whoever reads or writes, and have the system throw away what it holds once the connection is closed."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        connection.shutdown(socket.SHUT_RDWR)


def hopeless(connection: Any) -> bool:
    """Whether the connection was abandoned."""
    try:
        return bool(connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_AT_ONCE)) == _AT_ONCE)
    except OSError:
        return True
