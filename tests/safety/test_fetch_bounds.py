"""The fetcher against servers that send too much, too little, too slowly or nonsense."""

from __future__ import annotations

import socket
import struct
import time
from ipaddress import ip_network

import pytest
from imgsvc_origins import CHUNKED, MOST, PICTURE, UNTIL_CLOSED, dripping, endless, get, moved, page

from imgsvc.errors import SourceFailed, SourceSlow, TooManyBytes
from imgsvc.fetch import Fetcher, Rules

RESET = struct.pack("ii", 1, 0)


@pytest.mark.parametrize(
    "speak",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n",
        page(bytes(MOST + 1)),
        endless(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", bytes(65536)),
        endless(UNTIL_CLOSED, bytes(65536)),
        endless(CHUNKED, b"8000\r\n" + bytes(0x8000) + b"\r\n"),
    ],
    ids=["announced", "announced and sent", "endless", "endless until closed", "endless chunks"],
)
def test_too_much_is_refused(serve, speak):
    with pytest.raises(TooManyBytes, match="expected at most 100000"):
        get(serve(speak))


@pytest.mark.parametrize(
    "said",
    [
        page(bytes(MOST)),
        UNTIL_CLOSED + bytes(MOST),
        CHUNKED + b"186a0\r\n" + bytes(MOST) + b"\r\n0\r\n\r\n",
        CHUNKED + (b"64\r\n" + bytes(100) + b"\r\n") * 1000 + b"0\r\nTrailer: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + page(bytes(MOST)),
        b"HTTP/1.0 200 OK\r\n\r\n" + bytes(MOST),
        page(bytes(MOST), "Content-Encoding: identity"),
    ],
    ids=["length", "until closed", "one chunk", "chunks", "informed before", "HTTP/1.0", "identity"],
)
def test_as_much_as_is_allowed_comes_whole(serve, said):
    assert get(serve(said)).data == bytes(MOST)


def test_a_length_that_is_too_small_ends_the_picture(serve):
    assert get(serve(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + bytes(MOST))).data == b"\0"


def closing(connection: socket.socket, _: str) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def breaking(connection: socket.socket, _: str) -> None:
    connection.sendall(page(bytes(MOST))[:5000])
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


@pytest.mark.parametrize(
    "speak",
    [
        b"",
        b"HTTP/1.1 200",
        b"nonsense\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n12345",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234",
        CHUNKED + b"5\r\n1234",
        CHUNKED + b"zz\r\n1234",
        CHUNKED + b"5\r\n12345\r\n",
        page(PICTURE, "Content-Encoding: gzip"),
        page(PICTURE, "Content-Encoding: identity, br"),
        page(PICTURE, "Content-Encoding: x"),
        closing,
        breaking,
        endless(b"HTTP/1.1 200 OK\r\n", b"X-Header: " + b"x" * 1000 + b"\r\n"),
        endless(b"HTTP/1.1 200 OK\r\nX-Header: ", b"x" * 1000),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        endless(CHUNKED, b"1\r\nx\r\n" * 1000),
        endless(CHUNKED, b"1;" + b"x" * 1000 + b"\r\nx\r\n"),
    ],
)
def test_what_is_no_proper_answer_fails(serve, speak):
    with pytest.raises(SourceFailed) as caught:
        get(serve(speak))
    assert type(caught.value) is SourceFailed


def test_a_port_where_nobody_listens_fails():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    rules = Rules((ip_network("127.0.0.1"),), frozenset({port}))
    with pytest.raises(SourceFailed):
        Fetcher(rules, "here").get(f"http://127.0.0.1:{port}/", seconds=60, max_bytes=MOST)


@pytest.mark.parametrize(
    "speak",
    [
        lambda connection, _: connection.recv(1),
        lambda connection, _: (connection.sendall(page(bytes(MOST))[:50_000]), connection.recv(1)),
        dripping(page()),
        dripping(b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        lambda connection, path: (time.sleep(0.4), connection.sendall(moved(f"{path}x"))),
    ],
    ids=["silent", "silent later", "dripping", "dripping before", "redirecting slowly"],
)
def test_whoever_takes_too_long_is_left(serve, speak):
    with pytest.raises(SourceSlow):
        get(serve(speak), seconds=1.0)


def test_a_slow_picture_is_given_up_long_before_the_end(serve):
    """Three thousand bytes would take two and a half minutes."""
    with pytest.raises(SourceSlow):
        get(serve(dripping(page(bytes(3000)))), seconds=300.0)
