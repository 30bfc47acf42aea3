"""How uploads arrive on the wire: asking first, cut short, too large, many at once."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import requests

EDGE = b"edge"


def head(server, length: int, *more: str) -> bytes:
    lines = (
        "POST /api/v1/optimize HTTP/1.1",
        "Host: e2e",
        f"X-API-Key: {server.key}",
        f"Content-Type: multipart/form-data; boundary={EDGE.decode()}",
        f"Content-Length: {length}",
        "Connection: close",
        *more,
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def body(image: bytes) -> bytes:
    opening = b'--%b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n' % EDGE
    return opening + image + b"\r\n--%b--\r\n" % EDGE


def rest(line: socket.socket) -> bytes:
    return b"".join(iter(lambda: line.recv(65536), b""))


def test_a_client_that_asks_first_is_told_to_go_on(server, picture):
    image = picture("BMP", size=(640, 560))
    assert len(image) > 1024 * 1024
    sent = body(image)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.sendall(head(server, len(sent), "Expect: 100-continue"))
        assert line.recv(1024).startswith(b"HTTP/1.1 100 Continue")
        sender = threading.Thread(target=line.sendall, args=(sent,))
        sender.start()
        answer = rest(line)
        sender.join()
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert f"X-Original-Size: {len(image)}".encode() in answer


def test_a_body_cut_short_is_refused_and_leaves_nothing(server, picture):
    sent = body(picture())
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.sendall(head(server, len(sent)) + sent[: len(sent) // 2])
        line.shutdown(socket.SHUT_WR)
        answer = rest(line)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert "image" in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def test_an_upload_over_the_limit_of_the_key_is_told_so(server):
    answer = server.post(bytes(33 * 1024 * 1024))
    assert answer.status_code == 400
    assert "expected at most" in answer.json()["error"]


def test_many_at_once_are_answered_or_sent_away_politely(server, picture):
    image = picture(size=(120, 90))
    with ThreadPoolExecutor(24) as crew:
        answers = list(crew.map(lambda _: server.post(image), range(40)))
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert any(answer.status_code == 200 for answer in answers)
    assert all("Retry-After" in answer.headers for answer in answers if answer.status_code == 503)


def test_nothing_of_any_upload_stays(server, picture, eventually):
    assert server.post(b"GIF89a, or so it says").status_code == 400
    assert server.post(picture()).status_code == 200
    requests.get(server.link(picture()), timeout=30)
    eventually(lambda: not any((server.instance / "jobs").glob("*/job-*")), 20)
