"""Clients that take their time: they keep nobody waiting, and are shown the door when patience ends."""

from __future__ import annotations

import os
import select
import sys
import time

import pytest
import requests

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs TCP_INFO")

HEAD = b"GET /health HTTP/1.1\r\nHost: a\r\n"
CROWD = 24
UPLOAD = (
    "POST /api/v1/optimize HTTP/1.1\r\nHost: a\r\nX-API-Key: {}\r\n"
    "Content-Type: multipart/form-data; boundary=e\r\nContent-Length: 500000\r\n\r\n--e\r\n"
)
PATIENCE = 2.0
LENIENCE = 6


def healthy(server, seconds=1.0):
    return requests.get(server.url + "/health", timeout=seconds).status_code == 200


def test_slow_heads_keep_no_thread(impatient, dial, heard):
    begin = time.monotonic()
    crowd = [dial(impatient, HEAD[: 5 + number]) for number in range(CROWD)]
    silent = dial(impatient)
    assert healthy(impatient)
    for one in crowd:
        one.sendall(b"X")
    assert healthy(impatient)
    said = [heard(one) for one in crowd]
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in said)
    assert heard(silent) == b""
    assert time.monotonic() - begin < PATIENCE + LENIENCE


def test_without_the_lobby_slow_heads_take_every_thread(start, dial):
    options = ("--worker-class", "gthread", "--workers", "1", "--threads", "4", "--bind", "127.0.0.1:PORT")
    with start("gunicorn", *options, "--graceful-timeout", "1", "wsgi:app", WORKERS=1, HELPERS=1) as server:
        crowd = [dial(server, HEAD) for _ in range(CROWD)]
        with pytest.raises(requests.Timeout):
            healthy(server)
        for one in crowd:
            one.close()


@pytest.mark.parametrize("lobby", [True, False])
def test_slow_bodies_are_told_so_and_keep_only_uploads_waiting(start, dial, heard, photo, lobby):
    kind = "imgsvc.lobby.Worker" if lobby else "gthread"
    options = ("--worker-class", kind, "--workers", "1", "--threads", "4", "--bind", "127.0.0.1:PORT")
    with start("gunicorn", *options, "wsgi:app", WORKERS=1, HELPERS=1, PATIENCE=PATIENCE) as server:
        begin = time.monotonic()
        crowd = [dial(server, UPLOAD.format(server.key).encode()) for _ in range(6 if lobby else 3)]
        assert healthy(server)
        for one in crowd:
            one.sendall(b"x")
        said = [heard(one) for one in crowd]
        assert all(answer.startswith(b"HTTP/1.1 400 ") for answer in said)
        assert all(b"too slowly" in answer for answer in said)
        assert time.monotonic() - begin < 2 * (PATIENCE + LENIENCE)
        refused = [dial(server, UPLOAD.format("wrong").encode()) for _ in range(3)]
        assert all(heard(one).startswith(b"HTTP/1.1 401 ") for one in refused)
        assert server.post(photo).status_code == 200


def test_a_refused_upload_that_never_comes_keeps_no_thread(impatient, dial, heard):
    crowd = [dial(impatient, UPLOAD.format("wrong").encode()) for _ in range(CROWD)]
    for one in crowd:
        assert one.recv(12) == b"HTTP/1.1 401"
    assert healthy(impatient)
    begin = time.monotonic()
    for one in crowd:
        heard(one)
        one.settimeout(PATIENCE + LENIENCE)
    assert time.monotonic() - begin < PATIENCE + LENIENCE


def test_slow_readers_are_cut_and_their_links_are_free_again(impatient, dial, heard, grainy, eventually):
    link = impatient.link(grainy, quality="1", output_format="png").removeprefix(impatient.url)
    ask = f"GET {link} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    reader = dial(impatient, ask, window=2048)
    assert reader.recv(12) == b"HTTP/1.1 200"
    assert requests.get(impatient.url + link, timeout=10).status_code == 409
    watch = select.poll()
    watch.register(reader, 0)
    eventually(lambda: bool(watch.poll(0)), 20)
    answer = requests.get(impatient.url + link, timeout=20)
    assert (answer.status_code, answer.content[:4]) == (200, grainy[:4])
    assert requests.get(impatient.url + link, timeout=20).status_code == 404


def test_a_head_without_end_is_refused(impatient, dial, heard):
    line = b"X-Long: " + b"a" * 4000 + b"\r\n"
    assert heard(dial(impatient, HEAD + line * 30)).startswith(b"HTTP/1.1 431 ")
    assert healthy(impatient)


def test_a_head_in_pieces_and_one_behind_another_are_answered(impatient, dial):
    connection = dial(impatient)
    for byte in b"GET /ready HTTP/1.1\r\nHost: a\r\n\r\n":
        connection.sendall(bytes([byte]))
    assert b"200 OK" in connection.recv(65536)
    connection.sendall(2 * b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n" + b"GET /robots.txt HTTP/1.1\r\nHost: a\r\n")
    said = b""
    while said.count(b"HTTP/1.1 200 OK") < 2:
        said += connection.recv(65536)
    connection.sendall(b"Connection: close\r\n\r\n")
    while piece := connection.recv(65536):
        said += piece
    assert said.count(b"HTTP/1.1 200 OK") == 3
    assert b"User-agent" in said


def test_a_server_with_slow_clients_still_stops(start, dial):
    with start(WORKERS=1, HELPERS=1, PATIENCE=60) as server:
        crowd = [dial(server, HEAD), dial(server), dial(server, UPLOAD.format("wrong").encode())]
        assert crowd[2].recv(12) == b"HTTP/1.1 401"
        begin = time.monotonic()
        os.kill(server.process.pid, 15)
        assert server.process.wait(30) == 0
        assert time.monotonic() - begin < 20
