"""Download links under real conditions: many at once, broken off, only looked at."""

from __future__ import annotations

import socket
import struct
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests

RACERS = 12
RESET = struct.pack("ii", 1, 0)


@pytest.mark.parametrize("round_", range(3))
def test_of_many_at_once_exactly_one_gets_the_file(server, picture, round_):
    link = server.link(picture(size=(64 + round_, 48)))
    with ThreadPoolExecutor(RACERS) as crew:
        answers = list(crew.map(lambda _: requests.get(link, timeout=60), range(RACERS)))
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[200] == 1
    assert set(statuses) <= {200, 404, 409}
    assert requests.get(link, timeout=30).status_code == 404
    assert all(set(answer.json()) == {"error"} for answer in answers if answer.status_code != 200)


def test_a_look_takes_nothing(server, picture, eventually):
    link = server.link(picture())
    looks = [requests.head(link, timeout=30) for _ in range(3)]
    file = requests.get(link, timeout=30)
    assert {look.status_code for look in looks} == {200}
    assert {int(look.headers["Content-Length"]) for look in looks} == {len(file.content)}
    eventually(lambda: requests.head(link, timeout=30).status_code == 404, 10)


def test_a_broken_download_can_be_had_again_whole(server, grainy, eventually):
    link = server.link(grainy, quality="1")
    size = int(requests.head(link, timeout=30).headers["Content-Length"])
    break_off(link, after=4096)
    files = []

    def again() -> bool:
        answer = requests.get(link, timeout=30)
        assert answer.status_code in (200, 409), answer.text
        if answer.status_code == 200:
            files.append(answer.content)
        return bool(files)

    eventually(again, 30)
    assert len(files[0]) == size
    assert requests.get(link, timeout=30).status_code == 404


def break_off(link: str, *, after: int) -> None:
    """Asks for the file and hangs up in the middle, with a buffer too small for the server to be done by then."""
    parts = urlsplit(link)
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect((parts.hostname, parts.port))
        line.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: e2e\r\n\r\n".encode())
        got = 0
        while got < after:
            got += len(line.recv(1024))
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
