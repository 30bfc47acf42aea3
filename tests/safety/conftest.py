"""Real servers, as the end-to-end tests start them, and raw connections to them."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def loaded(name: str, path: Path) -> ModuleType:
    """A file of the tests as a module, which this folder's tests may import by that name."""
    place = spec_from_file_location(name, path)
    made = module_from_spec(place)
    sys.modules[name] = made
    place.loader.exec_module(made)
    return made


e2e = loaded("imgsvc_e2e", Path(__file__).parents[1] / "e2e" / "conftest.py")
origins = loaded("imgsvc_origins", Path(__file__).parent / "origins.py")

server, start, eventually, living, grainy = e2e.server, e2e.start, e2e.eventually, e2e.living, e2e.grainy


@pytest.fixture(scope="session")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server of one process, few threads and little patience."""
    with e2e.serving(tmp_path_factory.mktemp("impatient"), WORKERS=1, THREADS=4, HELPERS=1, PATIENCE=2.0) as made:
        yield made


@pytest.fixture(scope="session")
def dial() -> Callable[..., socket.socket]:
    """A connection to a server that has sent `said`; with a window of `window` bytes where that is given."""

    def connect(server: Any, said: bytes = b"", window: int = 0) -> socket.socket:
        made = socket.socket()
        if window:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        made.settimeout(20)
        made.connect(("127.0.0.1", server.port))
        made.sendall(said)
        return made

    return connect


@pytest.fixture(scope="session")
def heard() -> Callable[[socket.socket], bytes]:
    """All that comes until the other side closes or breaks off."""

    def hear(connection: socket.socket) -> bytes:
        said = b""
        try:
            while piece := connection.recv(65536):
                said += piece
        except ConnectionError:
            pass
        return said

    return hear


@pytest.fixture
def serve() -> Iterator[Callable[..., Any]]:
    """Starts a server that says what `speak` says, a function or bytes."""
    with origins.listening() as start:
        yield start
