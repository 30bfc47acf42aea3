"""The ImageOptim API on a real server: paths and bodies as real clients put them on the wire, and crowds."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pytest
import requests
from PIL import Image

CROWD = 100


@pytest.fixture(scope="module")
def shop(picture: Any, keeping_shop: Any) -> Iterator[Any]:
    with keeping_shop(picture("JPEG", (300, 200))) as made:
        yield made


@pytest.fixture(scope="module")
def resizer(tmp_path_factory: Any, shop: Any, launch: Any) -> Iterator[Any]:
    """A server of four workers with accounts, which has the API at the root of one host too."""
    allowed = {"FETCH_NETWORKS": "127.0.0.0/8", "FETCH_PORTS": f"80,{shop.server_port}"}
    limits = {"IMAGEOPTIM_PER_MINUTE": 1000, "IMAGEOPTIM_HOSTS": "im2.test"}
    with launch(tmp_path_factory.mktemp("resizer"), WORKERS=4, THREADS=64, **allowed, **limits) as server:
        server.run("accounts", "add", "acme", "--host", "127.0.0.1", "--uploads", "--preset", "thumb=60x40,format=jpeg")
        server.run("accounts", "add", "sealed", "--signed")
        yield server


@pytest.fixture
def source(shop: Any) -> str:
    shop.open.set()
    shop.asked.clear()
    return f"http://127.0.0.1:{shop.server_port}"


def exchanged(server: Any, *parts: bytes) -> tuple[bytes, bytes]:
    """Head and body of what is said to these bytes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.sendall(b"".join(parts))
        said = b""
        while piece := line.recv(65536):
            said += piece
    head, _, body = said.partition(b"\r\n\r\n")
    return head, body


def test_a_path_reaches_the_source_as_it_was_sent(resizer: Any, shop: Any, source: str) -> None:
    for number, path in enumerate(("/a%20b.jpg?x=1&y=%2F", "/a//b.jpg", "/%C3%A4.jpg?", "/a.jpg?b?c=d", "/a%252Fb")):
        target = f"/im/acme/thumb/{source}{path}".encode()
        head, body = exchanged(resizer, b"GET ", target, b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        assert b"Via: 1.1 imageoptim" in head
        assert Image.open(BytesIO(body)).size == (60, 40)
        assert shop.asked[number] == path


def test_a_named_host_has_it_at_its_root(resizer: Any, shop: Any, source: str) -> None:
    answers = [
        requests.get(f"{resizer.url}/acme/thumb/{source}/root.jpg", headers={"Host": host}, timeout=60)
        for host in ("im2.test", "other.test")
    ]
    assert [answer.status_code for answer in answers] == [200, 404]
    assert shop.asked == ["/root.jpg"]


def test_a_body_with_a_comma_before_its_boundary_is_read(resizer: Any, picture: Any) -> None:
    mark = hashlib.md5(b"a path", usedforsecurity=False).hexdigest()
    data = picture("PNG", (90, 60))
    body = (
        f'--XXX{mark}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
        f"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    ).encode() + data
    body += f"\r\n--XXX{mark}--".encode()
    head = (
        f"POST /acme/thumb HTTP/1.1\r\nHost: im2.test\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
        f"Content-MD5: {mark}\r\nContent-Type: multipart/form-data, boundary=XXX{mark}\r\n"
        "Accept: image/*,application/im2+json\r\n\r\n"
    ).encode()
    head, made = exchanged(resizer, head, body)
    assert head.startswith(b"HTTP/1.1 200 "), head
    assert Image.open(BytesIO(made)).size == (60, 40)


PHP = """
[$_, $url, $boundary, $file] = $argv;
$headers = "Host: im2.test\\r\\nAccept: image/*,application/im2+json\\r\\n";
$options = ['method' => 'POST', 'timeout' => 60, 'ignore_errors' => true];
if ($file) {
    $options['content'] = "--$boundary\\r\\n"
        . "Content-Disposition: form-data; name=\\"file\\"; filename=\\"a.png\\"\\r\\n\\r\\n"
        . file_get_contents($file) . "\\r\\n--$boundary--";
    $headers .= "Content-MD5: 0\\r\\nContent-Type: multipart/form-data, boundary=$boundary\\r\\n";
}
$options['header'] = $headers;
$body = file_get_contents($url, false, stream_context_create(['http' => $options]));
echo json_encode(['head' => $http_response_header, 'body' => base64_encode($body)]);
"""


@pytest.fixture(scope="module")
def php() -> Any:
    program = shutil.which("php")
    if program is None:
        pytest.skip("php is not here")

    def run(url: str, file: str = "") -> dict[str, Any]:
        command = [program, "-r", PHP, "--", url, "XXX0", file]
        return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout)

    return run


def test_php_uploads_asks_by_url_and_is_told_what_is_wrong(
    php: Any, resizer: Any, shop: Any, source: str, picture: Any, tmp_path: Any
) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(picture("PNG", (90, 60)))
    for said in (
        php(f"{resizer.url}/acme/thumb", str(file)),
        php(f"{resizer.url}/acme/thumb/{requests.utils.quote(source + '/php%20.jpg', safe='')}"),
    ):
        assert " 200 " in said["head"][0]
        assert "Content-Type: image/jpeg" in said["head"]
    assert shop.asked == ["/php%20.jpg"]
    wrong = php(f"{resizer.url}/nobody/thumb", str(file))
    assert " 403 " in wrong["head"][0]
    assert "Content-Type: application/im2+json" in wrong["head"]


def test_what_the_command_line_signs_is_made(resizer: Any, shop: Any, source: str) -> None:
    signed = resizer.run("sign", f"{resizer.url}/im/sealed/20,format=jpeg/{source}/s.jpg?v=1", "--expires", "1h")
    assert requests.get(signed, timeout=60).status_code == 200
    assert requests.get(signed.replace("/20,", "/21,"), timeout=60).status_code == 403
    assert requests.get(signed + "2", timeout=60).status_code == 403
    assert shop.asked == ["/s.jpg?v=1"]


def test_a_crowd_over_all_workers_costs_one_fetch_and_one_run(
    resizer: Any, shop: Any, source: str, eventually: Any
) -> None:
    shop.open.clear()

    def ask(_: int) -> tuple[int, bytes]:
        # A connection of its own, so that any worker may take it.
        answer = requests.get(f"{resizer.url}/im/acme/thumb/{source}/crowd.jpg", timeout=60)
        return answer.status_code, answer.content

    with ThreadPoolExecutor(CROWD) as threads:
        answers = [threads.submit(ask, number) for number in range(CROWD)]
        eventually(lambda: shop.asked, 60, resizer.said)
        # The others have a moment to come and wait for the one that fetches.
        time.sleep(1)
        shop.open.set()
        got = {answer.result() for answer in answers}
    ((status, data),) = got
    assert (status, Image.open(BytesIO(data)).size) == (200, (60, 40))
    assert shop.asked == ["/crowd.jpg"]
    lines = [json.loads(line) for line in resizer.said.read_text().splitlines() if '"/im/acme/thumb"' in line]
    assert len(lines) >= CROWD
    assert "crowd.jpg" not in resizer.said.read_text()
