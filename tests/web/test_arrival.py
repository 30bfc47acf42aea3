"""A file counts as sent when the client's side has it, not when our kernel took it."""

from __future__ import annotations

import socket

import pytest

from imgsvc.delivery import underway

MUCH = b"x" * 1_000_000


@pytest.fixture
def ends():
    """Both ends of a TCP connection: ours, and a client's that reads nothing by itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(server.getsockname())
        ours, _ = server.accept()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * len(MUCH))
    with ours, client:
        yield ours, client


def drain(client: socket.socket, size: int) -> None:
    while size > 0:
        size -= len(client.recv(65536))


def test_bytes_are_pending_until_the_client_has_them(ends):
    ours, client = ends
    ours.sendall(MUCH)
    pending = underway(ours)
    assert [pending(), pending()] == [True, True]
    drain(client, len(MUCH))
    assert any(not pending() for _ in range(500))


def test_a_client_that_leaves_is_noticed(ends):
    ours, client = ends
    ours.sendall(MUCH)
    pending = underway(ours)
    assert pending()
    client.close()
    with pytest.raises(ConnectionError):
        [pending() for _ in range(500)]


def test_a_client_that_only_stops_writing_still_gets_its_file(ends):
    ours, client = ends
    ours.sendall(MUCH)
    client.shutdown(socket.SHUT_WR)
    pending = underway(ours)
    assert pending()
    drain(client, len(MUCH))
    assert any(not pending() for _ in range(500))


def test_without_a_connection_nothing_is_pending():
    assert underway(None)() is False
