"""Who is refused is told so, by the clients people use, however much they still had to send."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from types import SimpleNamespace

import pytest
import requests

MB = 1_000_000
NODE = """
const [url, key, size, method] = process.argv.slice(1);
const form = new FormData();
form.append('image', new Blob([Buffer.alloc(Number(size))]), 'a.png');
fetch(url, {method, headers: {'X-API-Key': key}, body: form})
  .then(answer => console.log(answer.status), error => console.log(error.cause));
"""


@pytest.fixture
def full(start):
    """A server that has no disk to spare."""
    with start(WORKERS=1, HELPERS=1, DISK_RESERVE=2**60) as made:
        yield made


@pytest.fixture
def file(tmp_path):
    """Makes a file of so many bytes that take no room on the disk."""

    def make(size: int):
        path = tmp_path / f"{size}.png"
        with path.open("wb") as made:
            made.truncate(size)
        return path

    return make


def by_curl(server, key, size, method, file):
    if not (curl := shutil.which("curl")):
        pytest.skip("curl is not installed")
    options = ["-sS", "-X", method, "-H", f"X-API-Key: {key}", "-F", f"image=@{file(size)}"]
    command = [curl, *options, "-o", "/dev/null", "-w", "%{http_code}", server.endpoint]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout


def by_requests(server, key, size, method, file):
    with file(size).open("rb") as image:
        answer = requests.request(
            method, server.endpoint, headers={"X-API-Key": key}, files={"image": image}, timeout=60
        )
    assert list(answer.json()) == ["error"]
    return str(answer.status_code)


def by_node(server, key, size, method, file):
    if not (node := shutil.which("node")):
        pytest.skip("node is not installed")
    command = [node, "-e", NODE, server.endpoint, key, str(size), method]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout.strip()


@pytest.mark.parametrize("client", [by_curl, by_requests, by_node])
@pytest.mark.parametrize("size", [3 * MB, 100 * MB])
def test_a_refusal_is_seen(server, file, client, size):
    assert client(server, "wrong", size, "POST", file) == "401"
    # Too large, or zeros and so no picture.
    assert client(server, server.key, size, "POST", file) == "400"
    assert client(server, server.key, size, "PUT", file) == "405"


def test_want_of_room_is_seen_too(full, file):
    for client in (by_curl, by_requests):
        assert client(full, full.key, 30 * MB, "POST", file) == "507"


@pytest.fixture
def abrupt():
    """A server, as far as `dial` knows, that answers and closes at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with listener.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(ANSWER)

        threading.Thread(target=serve, daemon=True).start()
        yield SimpleNamespace(port=listener.getsockname()[1])


def insist(connection: socket.socket) -> None:
    for _ in range(100):
        connection.sendall(b"x" * MB)


HEAD = b"POST /api/v1/optimize HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n"
ANSWER = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"


def test_all_that_an_unwanted_sender_sends_is_taken(dial, server, heard):
    connection = dial(server, HEAD)
    insist(connection)
    assert heard(connection).startswith(b"HTTP/1.1 401 ")


def test_a_server_that_just_hangs_up_is_not_heard(dial, abrupt):
    with pytest.raises(ConnectionError):
        insist(dial(abrupt, HEAD))
