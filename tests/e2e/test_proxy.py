"""The image proxy over all workers of a real server: one fetch for a crowd, and pages that other sites serve."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pytest
import requests
from PIL import Image

CROWD = 100


@pytest.fixture
def shop(picture: Any, keeping_shop: Any) -> Iterator[Any]:
    with keeping_shop(picture("JPEG", (1200, 800))) as made:
        yield made


@pytest.fixture
def proxy(start: Any, shop: Any) -> Iterator[Any]:
    """A server of four workers whose proxy may fetch from the shop."""
    allowed = {"IMAGE_PROXY": "on", "FETCH_NETWORKS": "127.0.0.0/8", "FETCH_PORTS": shop.server_port}
    with start(WORKERS=4, THREADS=64, IMAGE_PROXY_PER_MINUTE=1000, **allowed) as server:
        yield server


def test_a_crowd_over_all_workers_costs_one_fetch_and_one_run(proxy: Any, shop: Any, eventually: Any) -> None:
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


def test_who_has_a_picture_and_who_asks_ourselves_cost_no_fetch(proxy: Any, shop: Any) -> None:
    shop.open.set()
    asked = {"url": f"http://127.0.0.1:{shop.server_port}/a.jpg"}
    first = requests.get(f"{proxy.url}/api/proxy", params=asked, timeout=60)
    assert (first.status_code, first.headers["Content-Type"]) == (200, "image/webp")
    again = requests.get(
        f"{proxy.url}/api/proxy", params=asked, headers={"If-None-Match": first.headers["ETag"]}, timeout=60
    )
    assert (again.status_code, again.content) == (304, b"")
    assert not {"Content-Type", "Content-Length", "Content-Disposition"} & again.headers.keys()
    ours = requests.get(f"{proxy.url}/api/proxy", params=asked | {"w": "5"}, headers={"Via": shop.vias[0]}, timeout=60)
    assert (ours.status_code, ours.json()["status"]) == (400, 400)
    assert len(shop.asked) == 1
