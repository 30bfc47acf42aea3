"""What becomes of the processes: a killed worker leaves no orphan, a stop lets running answers end."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

WORKERS = 3

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_a_killed_worker_is_replaced_and_its_helpers_are_gone(start, picture, eventually, living):
    with start() as server:
        assert server.post(picture()).status_code == 200
        workers, helpers = server.workers(), server.helpers()
        assert helpers
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        eventually(lambda: not any(map(living, helpers)), 20)
        eventually(lambda: len(set(server.workers()) - set(workers)) == WORKERS, 30, server.said)
        assert server.post(picture()).status_code == 200
        pids = [*server.workers(), *server.helpers()]
    assert server.process.returncode == 0
    eventually(lambda: not any(map(living, pids)), 20)


def test_a_stop_lets_a_running_answer_end(start, grainy, eventually):
    with start() as server:
        answers = []
        client = threading.Thread(target=lambda: answers.append(server.post(grainy, output_format="webp")))
        client.start()
        eventually(lambda: any((server.instance / "jobs").glob("*/job-*")) or not client.is_alive(), 60)
        server.process.send_signal(signal.SIGTERM)
        client.join()
        assert [answer.status_code for answer in answers] == [200]


def test_plain_gunicorn_serves_it_too(start, picture):
    options = ("--worker-class", "gthread", "--workers", "2", "--threads", "8", "--bind", "127.0.0.1:PORT")
    with start("gunicorn", *options, "wsgi:app") as server:
        assert server.post(picture()).status_code == 200
    assert server.process.returncode == 0


def test_the_first_start_prints_a_key_that_works_and_says_it_once(server, picture):
    said = server.said.read_text(errors="replace")
    keys = {word.strip('"') for word in said.replace('"', " ").split() if word.startswith("opt_")}
    assert len(keys) == 1
    assert "shown only this once" in said
    assert "Traceback" not in said
