"""The service under attack: `imgsvc serve` on a port of its own, its instance in a temporary folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from bench.programs import ONE_THREAD
from bench.servers import free_port
from bench.soak import processes
from bench.soak.client import Site

ROOT = Path(__file__).resolve().parents[2]
SERVE = ("imgsvc.cli", "serve")
START_SECONDS = 60.0
STOP_SECONDS = 60.0
KEEPER = "janitor.lock"


@dataclass(slots=True)
class Service:
    """A running service; `said` is the file its output goes to."""

    process: subprocess.Popen[bytes]
    site: Site
    instance: Path
    said: Path

    def crew(self) -> tuple[list[int], list[int]]:
        """The web workers and the helpers of all of them."""
        families = processes.families()
        workers = families.get(self.process.pid, [])
        return workers, [helper for worker in workers for helper in families.get(worker, [])]

    def workers(self) -> list[int]:
        return self.crew()[0]

    def helpers(self) -> list[int]:
        return self.crew()[1]

    def lines(self) -> list[dict[str, Any]]:
        """What the service logged so far."""
        return [json.loads(line) for line in self.said.read_text(errors="replace").splitlines() if line[:1] == "{"]

    def broken(self) -> list[str]:
        """What the service itself calls an error, a request's or its own."""
        return [str(line)[:300] for line in self.lines() if line.get("level") == "error"]

    def deaths(self) -> list[str]:
        """How helpers ended under pictures that were then refused."""
        return [line["detail"] for line in self.lines() if "exit code" in str(line.get("detail"))]

    def blobs(self) -> list[Path]:
        """Files that wait for a download."""
        return [path for path in (self.instance / "blobs").rglob("*") if path.is_file() and path.name != KEEPER]

    def jobs(self) -> list[Path]:
        """Folders of pictures in work, and whatever else lies on the helpers' desks."""
        return list((self.instance / "jobs").glob("desk-*/*"))

    def left(self) -> list[Path]:
        """Files in the instance that an idle service without links should not have."""
        return self.blobs() + self.jobs()


@contextmanager
def serving(*command: str, **settings: object) -> Iterator[Service]:
    """A service with these settings, started as `python -m COMMAND`; stopped, and its folder gone, after the block.

    Without a command it is `imgsvc serve`.
    """
    with tempfile.TemporaryDirectory(prefix="imgsvc-soak-") as name:
        service = launch(Path(name), free_port(), command or SERVE, settings)
        try:
            yield service
        finally:
            stop(service)


def launch(folder: Path, port: int, command: tuple[str, ...], settings: Mapping[str, object], key: str = "") -> Service:
    """A service that answers, in `folder` which may hold the instance of an earlier one; RuntimeError if none comes.

    A key is made unless one is given.
    """
    ours = {"INSTANCE": folder / "instance", "PORT": port, **settings}
    plain = {n: v for n, v in os.environ.items() if not n.startswith("IMGSVC_") and n not in ONE_THREAD}
    env = plain | {f"IMGSVC_{name}": str(value) for name, value in ours.items()} | {"PYTHONPATH": str(ROOT)}
    said = folder / "said"
    with said.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], env=env, cwd=ROOT, stdin=subprocess.DEVNULL,
            stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    service = Service(process, Site(port, key), Path(str(ours["INSTANCE"])), said)
    wait(partial(_up, service), START_SECONDS, 0.02)
    if service.site.get("/health").status != HTTPStatus.OK:
        kill(service)
        raise RuntimeError(f"the service did not start: {said.read_text(errors='replace')[-2000:]}")
    if not key:
        service.site = Site(port, _new_key(env))
    return service


def wait(true: Callable[[], bool], seconds: float, pause: float = 0.1) -> bool:
    """Whether it became true within that time."""
    until = time.monotonic() + seconds
    while not (happened := true()) and time.monotonic() < until:
        time.sleep(pause)
    return happened


def settled(service: Service, seconds: float = 30.0) -> bool:
    """Whether nothing is in work any more within that time."""
    return wait(lambda: not service.jobs(), seconds)


def stop(service: Service) -> None:
    """End the service as its operator does, and by force where that is not enough."""
    with suppress(ProcessLookupError):
        service.process.send_signal(signal.SIGTERM)
    try:
        service.process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        kill(service)


def kill(service: Service) -> None:
    """SIGKILL to the whole process group; the helpers have groups of their own and must end by themselves."""
    with suppress(ProcessLookupError):
        os.killpg(service.process.pid, signal.SIGKILL)
    service.process.wait(STOP_SECONDS)


def _up(service: Service) -> bool:
    return service.process.poll() is not None or service.site.get("/health").status == 200


def _new_key(env: dict[str, str]) -> str:
    command = [sys.executable, "-m", "imgsvc.cli", "keys", "create", "soak", "--json"]
    done = subprocess.run(command, env=env, cwd=ROOT, check=True, capture_output=True)
    return str(json.loads(done.stdout)["key"])
