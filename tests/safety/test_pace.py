"""A connection that moves too little is shut down; one that moves enough, or is done, is left alone."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from imgsvc.connection import gone, hopeless, traffic, unsent
from imgsvc.errors import SlowUpload
from imgsvc.pace import SPEED, Pace

PATIENCE = 0.3


@pytest.fixture
def ends():
    """Both ends of a TCP connection: ours and a client's, which has a small window."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(server.getsockname())
        ours, _ = server.accept()
    ours.settimeout(20)
    with ours, client:
        yield ours, client


@pytest.fixture
def pace():
    if not hasattr(socket, "TCP_INFO"):
        pytest.skip("the system does not tell what a connection moved")
    return Pace(PATIENCE, tick=0.02)


def cut_short(connection: socket.socket, pace: Pace) -> bytes:
    """Reads to the end in the pace, which is then not the end of what was announced."""
    with pace.reading(connection):
        raise ValueError(f"cut short after {len(read_all(connection))} bytes")


def flood(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"x" * 1_000_000)


def read_all(connection: socket.socket) -> bytes:
    said = b""
    while piece := connection.recv(4096):
        said += piece
    return said


@pytest.mark.parametrize("said", [b"", b"a few bytes"])
def test_a_sender_that_stalls_is_stopped(ends, pace, said):
    ours, client = ends
    client.sendall(said)
    with pytest.raises(SlowUpload):
        cut_short(ours, pace)
    ours.sendall(b"told why")
    assert client.recv(100) == b"told why"


def test_a_sender_that_is_fast_enough_is_not(ends, pace):
    ours, client = ends

    def send() -> None:
        for _ in range(20):
            client.sendall(b"x" * SPEED)
            time.sleep(PATIENCE / 5)
        client.shutdown(socket.SHUT_WR)

    threading.Thread(target=send).start()
    with pace.reading(ours):
        assert len(read_all(ours)) == 20 * SPEED


def test_a_fault_of_a_sender_in_time_is_no_slowness(ends, pace):
    ours, client = ends
    client.close()
    with pytest.raises(ValueError, match="cut short after 0 bytes"):
        cut_short(ours, pace)


def test_a_reader_that_takes_nothing_is_broken_off(ends, pace):
    ours, client = ends
    done = pace.sending(ours)
    with pytest.raises(ConnectionError):
        flood(ours)
    done()
    assert hopeless(ours)
    ours.close()
    with pytest.raises(ConnectionResetError):
        read_all(client)


def test_who_is_done_is_not_watched_any_more(ends, pace):
    ours, client = ends
    pace.sending(ours)()
    with pace.reading(ours):
        pass
    # Another connection is cut in the meantime, so there was time to cut this one.
    with pytest.raises(SlowUpload):
        cut_short(client, pace)
    assert not hopeless(ours)
    ours.settimeout(0.01)
    with pytest.raises(TimeoutError):
        ours.recv(1)


def test_a_connection_tells_what_it_moved_and_who_left(ends):
    ours, client = ends
    client.sendall(b"12345")
    assert ours.recv(5) == b"12345"
    assert traffic(ours) == (0, 5)
    assert (gone(ours), gone(None), unsent(ours), hopeless(ours)) == (False, False, 0, False)
    client.sendall(b"never read")
    client.close()
    assert gone(ours)


def test_what_is_no_tcp_connection_is_left_alone(pace):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert traffic(ours) is None
        with pace.reading(ours), pace.reading(None):
            pass
        pace.sending(None)()
