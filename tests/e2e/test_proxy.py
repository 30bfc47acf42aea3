"""The image proxy over all workers of a real server: one fetch for a crowd, and pages that other sites serve."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

import pytest
import requests
from PIL import Image

CROWD = 100


class Shop(ThreadingHTTPServer):
    """A site with one picture, which it gives when told to."""

    request_queue_size = CROWD

    def __init__(self, picture: bytes) -> None:
        self.picture, self.asked, self.open = picture, [], threading.Event()
        super().__init__(("127.0.0.1", 0), Shelf)


class Shelf(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(dict(self.headers))
        self.server.open.wait(60)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.picture)))
        self.end_headers()
        self.wfile.write(self.server.picture)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def shop(picture: Any) -> Iterator[Shop]:
    made = Shop(picture("JPEG", (1200, 800)))
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.open.set()
    made.shutdown()
    made.server_close()


@pytest.fixture
def proxy(start: Any, shop: Shop) -> Iterator[Any]:
    """A server of four workers whose proxy may fetch from the shop."""
    allowed = {"IMAGE_PROXY": "on", "FETCH_NETWORKS": "127.0.0.0/8", "FETCH_PORTS": shop.server_port}
    with start(WORKERS=4, THREADS=64, IMAGE_PROXY_PER_MINUTE=1000, **allowed) as server:
        yield server


def test_a_crowd_over_all_workers_costs_one_fetch_and_one_run(proxy: Any, shop: Shop, eventually: Any) -> None:
    asked = {"url": f"http://127.0.0.1:{shop.server_port}/a.jpg", "w": "600"}

    def ask(_: int) -> tuple[int, bytes]:
        # A connection of its own, so that any worker may take it.
        answer = requests.get(f"{proxy.url}/api/proxy", params=asked, timeout=60)
        return answer.status_code, answer.content

    with ThreadPoolExecutor(CROWD) as threads:
        answers = [threads.submit(ask, number) for number in range(CROWD)]
        eventually(lambda: shop.asked, 60, proxy.said)
        # The others have a moment to come and wait for the one that fetches.
        time.sleep(1)
        shop.open.set()
        got = {answer.result() for answer in answers}
    ((status, data),) = got
    assert (status, Image.open(BytesIO(data)).size) == (200, (600, 400))
    assert len(shop.asked) == 1
    lines = [json.loads(line) for line in proxy.said.read_text().splitlines() if '"/api/proxy"' in line]
    assert len(lines) == CROWD
    assert not all(line["known"] for line in lines)
    assert len({line["work_seconds"] for line in lines}) == 1


def test_who_has_a_picture_and_who_asks_ourselves_cost_no_fetch(proxy: Any, shop: Shop) -> None:
    shop.open.set()
    asked = {"url": f"http://127.0.0.1:{shop.server_port}/a.jpg"}
    first = requests.get(f"{proxy.url}/api/proxy", params=asked, timeout=60)
    assert (first.status_code, first.headers["Content-Type"]) == (200, "image/webp")
    again = requests.get(
        f"{proxy.url}/api/proxy", params=asked, headers={"If-None-Match": first.headers["ETag"]}, timeout=60
    )
    assert (again.status_code, again.content) == (304, b"")
    assert not {"Content-Type", "Content-Length", "Content-Disposition"} & again.headers.keys()
    ours = requests.get(
        f"{proxy.url}/api/proxy", params=asked | {"w": "5"}, headers={"Via": shop.asked[0]["Via"]}, timeout=60
    )
    assert (ours.status_code, ours.json()["status"]) == (400, 400)
    assert len(shop.asked) == 1
