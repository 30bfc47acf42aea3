"""A client that hangs up stops the work for it, whether that runs or waits."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from imgsvc.engine.budget import Limits
from imgsvc.engine.recipe import Recipe
from imgsvc.errors import ClientGone
from imgsvc.sandbox import Pool
from imgsvc.sandbox.seats import Seat
from imgsvc.sandbox.turns import Turns
from imgsvc.settings import MIB


@pytest.fixture
def own(tmp_path):
    """A pool of one helper for a test alone."""
    made = Pool(tmp_path / "jobs", helpers=1, queue=4, memory=2048 * MIB)
    yield made
    made.close()


def run(pool, picture, gone=lambda: False):
    return pool.run(picture, Recipe(formats=("avif",)), seconds=60.0, limits=Limits(), gone=gone)


def test_work_stops_when_nobody_waits_for_it(own, grainy):
    left = threading.Event()
    with ThreadPoolExecutor(1) as crowd:
        job = crowd.submit(run, own, grainy, left.is_set)
        time.sleep(0.5)
        assert not job.done()
        before = own.load().restarts
        left.set()
        with pytest.raises(ClientGone):
            job.result(20)
    assert own.load().running == 0
    assert own.load().restarts == before + 1


def test_a_place_in_the_queue_is_given_up_and_the_next_has_it():
    seat = Seat(lambda: pytest.fail("no helper is needed here"), ThreadPoolExecutor(1))
    turns = Turns((seat,), queue=2)
    held = turns.enter()
    with pytest.raises(ClientGone):
        turns.enter(gone=lambda: True)
    assert turns.count() == (1, 0)
    turns.leave(held)
    assert turns.enter(gone=lambda: True) is seat


def test_a_client_that_hangs_up_frees_its_helper(impatient, grainy, dial, eventually, photo):
    body = b"--e\r\nContent-Disposition: form-data; name=image; filename=a.png\r\n\r\n" + grainy
    body += b"\r\n--e\r\nContent-Disposition: form-data; name=output_format\r\n\r\navif\r\n--e--\r\n"
    head = (
        f"POST /api/v1/optimize HTTP/1.1\r\nHost: a\r\nX-API-Key: {impatient.key}\r\nX-Request-Id: leaver\r\n"
        f"Content-Type: multipart/form-data; boundary=e\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    client = dial(impatient, head.encode() + body)
    busy = lambda: requests.get(impatient.url + "/health", timeout=10).json()["running"]  # noqa: E731
    eventually(lambda: busy() == 1, 20)
    client.close()
    eventually(lambda: busy() == 0, 5)
    eventually(lambda: '"leaver"' in impatient.said.read_text(), 5)
    (line,) = [line for line in impatient.said.read_text().splitlines() if '"leaver"' in line]
    assert '"client_gone"' in line
    assert impatient.post(photo).status_code == 200
