"""The fetcher and certificates: the connection goes to an address, the certificate and the greeting are the name's."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from ipaddress import ip_network

import pytest
import trustme
from imgsvc_origins import MOST, PICTURE, certified, fetcher, page

from imgsvc.errors import SourceFailed, SourceSlow
from imgsvc.fetch import Fetcher, Rules


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_a_certificate_is_the_names_and_so_is_the_greeting(serve, authority):
    origin = serve(page(), certified(authority, "origin.test"))
    assert fetcher(origin, trust=authority).get(origin.url, seconds=60, max_bytes=MOST).data == PICTURE
    assert origin.names == ["origin.test"]
    assert f"Host: origin.test:{origin.port}\r\n" in origin.heads[0]


@pytest.mark.parametrize("name", ["other.test", "127.0.0.1", "test.origin.test"])
def test_a_certificate_for_another_name_is_refused(serve, authority, name):
    origin = serve(page(), certified(authority, name))
    with pytest.raises(SourceFailed):
        fetcher(origin, trust=authority).get(origin.url, seconds=60, max_bytes=MOST)
    assert origin.heads == []


def test_a_certificate_of_an_unknown_authority_is_refused(serve, authority):
    origin = serve(page(), certified(authority, "origin.test"))
    with pytest.raises(SourceFailed):
        fetcher(origin, trust=trustme.CA()).get(origin.url, seconds=60, max_bytes=MOST)
    assert origin.heads == []


def test_an_address_has_a_certificate_too(serve, authority):
    origin = serve(page(), certified(authority, "127.0.0.1"))
    url = f"https://127.0.0.1:{origin.port}/"
    assert fetcher(origin, trust=authority).get(url, seconds=60, max_bytes=MOST).url == url


def test_a_handshake_has_no_more_time_than_anything_else():
    listener = socket.create_server(("127.0.0.1", 0))

    def shake() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            for byte in b"\x16\x03\x03\x40\x00" + bytes(200):
                connection.send(bytes([byte]))
                time.sleep(0.05)

    threading.Thread(target=shake, daemon=True).start()
    port = listener.getsockname()[1]
    made = Fetcher(Rules((ip_network("127.0.0.1"),), frozenset({port})), "here")
    with listener, pytest.raises(SourceSlow):
        made.get(f"https://127.0.0.1:{port}/", seconds=1.0, max_bytes=MOST)
