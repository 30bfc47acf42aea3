"""imgsvc, IPX and thumbor as running servers, each on a port of its own, ended with the block that started them."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench import programs

HOST = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 10.0
SIDE, QUALITY = 1000, 80
THUMBOR_CONFIG = """
LOADER = 'thumbor.loaders.file_loader'
FILE_LOADER_ROOT_PATH = {folder!r}
STORAGE = 'thumbor.storages.no_storage'
ALLOW_UNSAFE_URL = True
"""
THUMBOR_BY_URL = """
FILE_STORAGE_ROOT_PATH = {folder!r}
ALLOW_UNSAFE_URL = True
"""


@dataclass(frozen=True, slots=True)
class Server:
    """How to start a service and how to ask it for one picture."""

    name: str
    needs: tuple[str, ...]
    command: Callable[[Path, int], list[str]]
    """From the folder of pictures and a port."""
    path: Callable[[str], str]
    """From a file's name, or a URL."""
    upload: bool = False
    """The picture travels in the request; else the service reads it from its folder."""


def _ipx(folder: Path, port: int) -> list[str]:
    script = programs.NODE / "node_modules" / "ipx" / "bin" / "ipx.mjs"
    flags = ["--port", str(port), "--host", HOST, "--no-open", "--no-qr", "--no-clipboard"]
    return [programs.program("node"), str(script), "serve", "--dir", str(folder), *flags]


def _ipx_by_url(folder: Path, port: int) -> list[str]:
    return [*_ipx(folder, port), "--domains", HOST]


def _thumbor(folder: Path, port: int) -> list[str]:
    return _with_config(THUMBOR_CONFIG.format(folder=str(folder)), folder, port)


def _thumbor_by_url(folder: Path, port: int) -> list[str]:
    return _with_config(THUMBOR_BY_URL.format(folder=str(folder / "thumbor")), folder, port)


def _with_config(text: str, folder: Path, port: int) -> list[str]:
    config = folder / "thumbor.conf"
    config.write_text(text)
    script = programs.THUMBOR / "bin" / "thumbor"
    processes = str(len(os.sched_getaffinity(0)))
    return [str(script), "--ip", HOST, "--port", str(port), "--conf", str(config), "--processes", processes]


def _imgsvc(folder: Path, port: int) -> list[str]:
    return [sys.executable, "-m", "bench.route", str(folder / "instance"), str(port)]


def _ipx_path(name: str) -> str:
    return f"/f_webp,fit_inside,s_{SIDE}x{SIDE},q_{QUALITY}/{name}"


def _thumbor_path(name: str) -> str:
    return f"/unsafe/fit-in/{SIDE}x{SIDE}/filters:format(webp):quality({QUALITY})/{name}"


SERVERS = (
    Server("imgsvc", ("pyvips-binary",), _imgsvc, lambda _: "/", upload=True),
    Server("IPX", ("ipx",), _ipx, _ipx_path),
    Server("thumbor", ("thumbor",), _thumbor, _thumbor_path),
)
BY_URL = (
    Server("IPX", ("ipx",), _ipx_by_url, _ipx_path),
    Server("thumbor", ("thumbor",), _thumbor_by_url, _thumbor_path),
)
"""Those that fetch, as they come: what they keep of sources and results is their own default."""


@contextmanager
def running(server: Server, folder: Path) -> Iterator[int]:
    """The server's port, while it runs. RuntimeError when it does not come up."""
    port = free_port()
    with (folder / f"{server.name}.log").open("wb") as log:
        process = subprocess.Popen(
            server.command(folder, port), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            env=_environment(), start_new_session=True,
        )  # fmt: skip
    try:
        _wait(process, port, server.name)
        yield port
    finally:
        _stop(process)


def fetch(port: int, path: str, body: bytes | None) -> bytes:
    """The answer to one request on a connection of its own; RuntimeError for any status but 200."""
    line = http.client.HTTPConnection(HOST, port, timeout=START_SECONDS)
    try:
        line.request("GET" if body is None else "POST", path, body)
        answer = line.getresponse()
        data = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(f"{path}: got status {answer.status}: {data[:100]!r}, expected 200")
        return data
    finally:
        line.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def reachable(port: int) -> bool:
    """Whether somebody takes connections there."""
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def _environment() -> dict[str, str]:
    """Each service at its own defaults: what holds the encoders to one thread is taken away again."""
    return {name: value for name, value in os.environ.items() if name not in programs.ONE_THREAD}


def _wait(process: subprocess.Popen[bytes], port: int, name: str) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        if reachable(port):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{name}: did not answer on its port within {START_SECONDS:g} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)
