"""One helper process as the web process sees it: start it, ask it, end it."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imgsvc.errors import ClientGone
from imgsvc.sandbox import fence, wire
from imgsvc.sandbox.fence import Fence

LOOK = 0.25
"""Seconds between two looks whether anybody still waits for the answer."""
NICE = 5
"""By how much helpers are less urgent than the process that answers clients."""
LAST_BREATH = 1.0
"""Seconds to wait for a killed process to be gone before it is left to the kernel."""

_HERE = str(Path(__file__).resolve().parents[2])
# -I keeps the working folder, PYTHON* variables and user packages out; a checkout that is not installed
# is then not found either, so the folder that holds this package is handed over.
_START = """
import sys
if sys.argv[1] not in sys.path:
    sys.path.insert(0, sys.argv[1])
from imgsvc.sandbox.helper import main
main()
"""


def command(engine: str = "imgsvc.engine.pipeline", place: str = _HERE) -> tuple[str, ...]:
    """What starts a helper of the engine in module `engine` (`prepare` and `optimize`), found in folder `place`.

    Without an engine it greets and ends.
    """
    return (sys.executable, "-I", "-c", _START, place, engine)


class Dead(Exception):
    """The helper ended, or said what no sane helper says."""


class Late(Exception):
    """The helper did not answer in time."""


@dataclass(slots=True)
class Child:
    """A running helper. One thread at a time asks it; any thread may kill it."""

    process: subprocess.Popen[bytes]
    line: socket.socket
    fences: tuple[Fence, ...] = ()
    """What it stands behind; empty until it has greeted."""
    _greeted: bool = False
    _owes: bool = False
    _killing: threading.Lock = field(default_factory=threading.Lock)

    def greet(self, until: float) -> None:
        """Wait until the helper has loaded its engine, at most to the monotonic time `until`; Dead or Late if not."""
        if not self._greeted:
            said = self._hear(until)
            if said.get("ready") is not True:
                raise Dead(f"did not start: {said.get('failed')}")
            try:
                self.fences = fence.from_wire(said.get("fences"))
            except ValueError as error:
                raise Dead(f"said nonsense: {error}") from error
            self._greeted = True

    def ask(self, task: wire.Task, until: float, gone: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        """The helper's reply to the task; Dead, Late after the monotonic time `until`, or ClientGone when it is so."""
        self._owes = True
        try:
            wire.send(self.line, task.to_wire())
        except OSError as error:
            raise Dead("ended before it was asked") from error
        said = self._hear(until, gone)
        self._owes = False
        return said

    def quiet(self) -> bool:
        """Whether an idle helper is well: a dead one has closed its end, which reads as the end of the line.

        One that still owes a reply, as its caller was interrupted, must never be asked again: the next
        picture would get the last one's answer.
        """
        if self._owes:
            return False
        try:
            heard = select.poll()
            heard.register(self.line, select.POLLIN)
            return not heard.poll(0)
        except (OSError, ValueError):
            return False

    def kill(self, wait: float = LAST_BREATH) -> int | None:
        """End the helper with all it started; the exit code, None if it is not gone within `wait` seconds.

        The line stays open: another thread may be reading it, and its number must not become another file's.
        """
        with self._killing:
            if self.process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(wait)
            return self.process.returncode

    def close(self) -> None:
        """End the helper and close the line, which nobody may be using."""
        self.kill()
        self.line.close()

    def _hear(self, until: float, gone: Callable[[], bool] = lambda: False) -> dict[str, Any]:
        def read(most: int) -> bytes:
            while True:
                left = until - time.monotonic()
                self.line.settimeout(max(0.001, min(LOOK, left)))
                try:
                    return self.line.recv(most)
                except TimeoutError:
                    if left <= LOOK:
                        raise
                if gone():
                    raise ClientGone

        try:
            said = wire.hear(read)
        except TimeoutError as error:
            raise Late("no answer in time") from error
        except (OSError, ValueError) as error:
            raise Dead(f"said nonsense: {error}") from error
        if said is None:
            raise Dead("ended without a word")
        return said


def start(command: tuple[str, ...], folder: Path, memory: int) -> Child:
    """A new helper; OSError when the system has no room for one.

    The kernel ends it when the calling thread ends, not the process: call this from a thread that stays.
    """
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(os.getpid()), str(memory)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=_surroundings(folder),
                cwd=folder,
                start_new_session=True,
            )
    except BaseException:
        ours.close()
        raise
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, os.getpriority(os.PRIO_PROCESS, 0) + NICE)
    return Child(process, ours)


def survey(folder: Path, *, seconds: float = 10.0, memory: int = 2**31) -> tuple[Fence, ...]:
    """The fences a helper on this machine stands behind, told by one that starts for nothing else.

    OSError, Dead or Late where none starts.
    """
    helper = start(command(engine=""), folder, memory)
    try:
        helper.greet(time.monotonic() + seconds)
    finally:
        helper.close()
    return helper.fences


def _surroundings(folder: Path) -> dict[str, str]:
    """All that a helper may know of the machine; every codec library is held to one thread."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/nonexistent",
        "TMPDIR": str(folder),
        "VIPS_CONCURRENCY": "1",
        "VIPS_BLOCK_UNTRUSTED": "1",
        "RAYON_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }
