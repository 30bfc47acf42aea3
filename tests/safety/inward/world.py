"""A world of its own, in which every address answers: a name server, servers on some ports, and a record of visits."""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from ipaddress import ip_address
from urllib.parse import unquote

from ways import NAMES, is_open

PORTS = (22, 80, 443, 6379, 8000, 8080)
TIDE = "127.99.99.99"
A, AAAA = 1, 28
FOUND, NO_SUCH_NAME = 0x8180, 0x8183


class World:
    """What is visited: (address, port) of every connection, in order. One thread a port, one for names."""

    def __init__(self) -> None:
        self.visits: list[tuple[str, int]] = []
        self._asked: Counter[tuple[str, int]] = Counter()
        names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        names.bind(("127.0.0.1", 53))
        threading.Thread(target=self._names, args=(names,), daemon=True).start()
        for port in PORTS:
            listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
            threading.Thread(target=self._serve, args=(listener, port), daemon=True).start()

    def settle(self) -> None:
        """Come back when every connection made before is in `visits`: a listener takes them in their order."""
        for port in PORTS:
            with socket.create_connection((TIDE, port), timeout=10) as last:
                assert last.recv(1) == b"."

    def forget(self) -> None:
        """Names are answered as for the first time."""
        self._asked.clear()

    def _serve(self, listener: socket.socket, port: int) -> None:
        while True:
            connection, _ = listener.accept()
            address = ip_address(connection.getsockname()[0])
            place = str(getattr(address, "ipv4_mapped", None) or address)
            if place == TIDE:
                connection.send(b".")
                connection.close()
                continue
            self.visits.append((place, port))
            threading.Thread(target=_answer, args=(connection, is_open(place)), daemon=True).start()

    def _names(self, server: socket.socket) -> None:
        while True:
            question, client = server.recvfrom(1500)
            server.sendto(self._told(question), client)

    def _told(self, question: bytes) -> bytes:
        end = question.index(0, 12)
        name, kind = _read(question[12:end]), struct.unpack("!H", question[end + 1 : end + 3])[0]
        answers = NAMES.get(name, [])
        turn = self._asked[name, kind]
        self._asked[name, kind] += 1
        told = answers[min(turn, len(answers) - 1)] if answers else []
        records = b"".join(_record(one, kind) for one in told if (AAAA if ":" in one else A) == kind)
        count = sum((AAAA if ":" in one else A) == kind for one in told)
        flags = FOUND if answers else NO_SUCH_NAME
        return question[:2] + struct.pack("!5H", flags, 1, count, 0, 0) + question[12 : end + 5] + records


def _read(labels: bytes) -> str:
    parts, place = [], 0
    while place < len(labels):
        size = labels[place]
        parts.append(labels[place + 1 : place + 1 + size].decode("ascii", "replace"))
        place += size + 1
    return ".".join(parts).lower()


def _record(address: str, kind: int) -> bytes:
    packed = ip_address(address).packed
    return struct.pack("!HHHLH", 0xC00C, kind, 1, 0, len(packed)) + packed


def _answer(connection: socket.socket, is_outside: bool) -> None:
    with connection:
        connection.settimeout(5)
        try:
            head = b""
            while b"\r\n\r\n" not in head and (piece := connection.recv(65536)):
                head += piece
            connection.sendall(_page(head, is_outside))
        except OSError:
            return


def _page(head: bytes, is_outside: bool) -> bytes:
    path = head.split(b" ")[1].decode("latin-1") if head.count(b" ") > 1 else ""
    if is_outside and "/to?" in path:
        place = unquote(path.partition("/to?")[2]).encode()
        return b"HTTP/1.1 302 Found\r\nLocation: " + place + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    body = b"picture" if is_outside else b"secret"
    return b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
