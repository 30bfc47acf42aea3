"""A real server for real clients: `imgsvc serve` with three workers, and a key made by the command line."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

ROOT = Path(__file__).parents[2]
WORKERS = 3
START_SECONDS = 60
STOP_SECONDS = 60
LIMITS = ("--max-bytes", str(32 * 1024 * 1024), "--max-width", "4000", "--max-height", "4000")


@dataclass(frozen=True)
class Server:
    """A running server; `said` is the file its output goes to."""

    process: subprocess.Popen[bytes]
    instance: Path
    port: int
    key: str
    said: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> str:
        return f"{self.url}/api/v1/optimize"

    def post(self, image: bytes, **form: str) -> requests.Response:
        return requests.post(
            self.endpoint, headers={"X-API-Key": self.key}, files={"image": image}, data=form, timeout=120
        )

    def link(self, image: bytes, **form: str) -> str:
        """The address of a fresh download link."""
        answer = self.post(image, response="json", **form)
        assert answer.status_code == 200, answer.text
        return self.url + answer.json()["download_url"]

    def run(self, *arguments: str) -> str:
        """What the command line says beside this server."""
        return imgsvc(*arguments, env=environment(self.instance, self.port)).stdout.strip()

    def workers(self) -> list[int]:
        return children(self.process.pid)

    def helpers(self) -> list[int]:
        return [helper for worker in self.workers() for helper in children(worker)]


class Shop(ThreadingHTTPServer):
    """A site with one picture under every path but /missing, given as soon as it is told to open.

    `asked` and `vias` have the paths and the Via headers as they arrived.
    """

    request_queue_size = 100

    def __init__(self, picture: bytes) -> None:
        self.picture, self.open = picture, threading.Event()
        self.asked: list[str] = []
        self.vias: list[str] = []
        super().__init__(("127.0.0.1", 0), Shelf)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Shelf(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.vias.append(self.headers.get("Via", ""))
        self.server.open.wait(60)
        missing = self.path.startswith("/missing")
        self.send_response(404 if missing else 200)
        self.send_header("Content-Length", "0" if missing else str(len(self.server.picture)))
        self.end_headers()
        if not missing:
            self.wfile.write(self.server.picture)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def keeping(picture: bytes) -> Iterator[Shop]:
    """A shop that runs until the block ends."""
    shop = Shop(picture)
    threading.Thread(target=shop.serve_forever, daemon=True).start()
    try:
        yield shop
    finally:
        shop.open.set()
        shop.shutdown()
        shop.server_close()


def children(pid: int) -> list[int]:
    """The living child processes of a process, from /proc."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(parent) == pid and state != "Z":
                found.append(int(entry.name))
    return found


def environment(instance: Path, port: int, **settings: object) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("IMGSVC_")}
    ours = {"INSTANCE": instance, "PORT": port, "WORKERS": WORKERS, "THREADS": 16, "LEASE_SECONDS": 5} | settings
    return plain | {f"IMGSVC_{name}": str(value) for name, value in ours.items()}


def imgsvc(*arguments: str, env: dict[str, str], **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "imgsvc.cli", *arguments]
    return subprocess.run(command, env=env, cwd=ROOT, check=True, capture_output=True, text=True, **options)


@contextmanager
def serving(folder: Path, *command: str, **settings: object) -> Iterator[Server]:
    """A server started as `python -m COMMAND` in the checkout, stopped by SIGTERM; PORT stands for its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = environment(folder / "instance", port, **settings)
    said = folder / "said"
    with said.open("wb") as out:
        words = [word.replace("PORT", str(port)) for word in command or ("imgsvc.cli", "serve")]
        process = subprocess.Popen(
            [sys.executable, "-m", *words], env=env, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        wait(lambda: up(port), START_SECONDS, said)
        key = json.loads(imgsvc("keys", "create", "e2e", "--json", *LIMITS, env=env).stdout)["key"]
        yield Server(process, folder / "instance", port, key, said)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def up(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def wait(true: Callable[[], bool], seconds: float, said: Path | None = None) -> None:
    """Returns when it is true; fails when it is not within that time."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            pytest.fail(said.read_text(errors="replace")[-4000:] if said else "not true in time")
        time.sleep(0.1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that all tests share."""
    with serving(tmp_path_factory.mktemp("server")) as made:
        yield made


@pytest.fixture(scope="session")
def launch() -> Callable[..., Any]:
    """Starts a server in a folder, as a context."""
    return serving


@pytest.fixture
def start(tmp_path: Path) -> Callable[[], Any]:
    """Starts a server of the test's own, as a context: a command other than `imgsvc.cli serve`, settings by name."""
    return lambda *command, **settings: serving(tmp_path, *command, **settings)


@pytest.fixture(scope="session")
def keeping_shop() -> Callable[[bytes], Any]:
    """Opens a site that gives a picture, as a context."""
    return keeping


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    return wait


@pytest.fixture(scope="session")
def living() -> Callable[[int], bool]:
    """Whether a process is there and no zombie."""

    def alive(pid: int) -> bool:
        try:
            return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    return alive


@pytest.fixture(scope="session")
def grainy() -> bytes:
    """A PNG of over 1 MB that stays over 1 MB when no pixel may change: noise from a fixed seed."""
    sides = (700, 600)
    out = BytesIO()
    Image.frombytes("RGB", sides, random.Random(1).randbytes(3 * sides[0] * sides[1])).save(out, "PNG")
    return out.getvalue()
