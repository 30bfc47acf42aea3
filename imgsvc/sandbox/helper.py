"""The helper process: fences itself in, loads the engine, then optimises one picture at a time until the line ends."""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from imgsvc.engine import tools
from imgsvc.engine.budget import Budget
from imgsvc.errors import BadPicture, ImgsvcError, InputError, StorageFull, TooManyPixels
from imgsvc.sandbox import fence, wire
from imgsvc.sandbox.fence import Ground
from imgsvc.sandbox.folder import FULL, UPLOAD, Answers
from imgsvc.sandbox.scales import Scales

LIFETIME = 1000
"""Pictures after which a helper asks to be replaced: what C libraries leak must not shrink the room of the next."""
GROWTH = 256 * 1024 * 1024
"""Bytes of memory kept beyond those at the start after which a helper asks to be replaced as well."""
SPARE = 64 * 1024 * 1024
"""Bytes of them that it may keep between pictures: giving all back takes longer than making a small WebP."""

_PR_SET_PDEATHSIG = 1


def main(put_up: fence.Raise = fence.put_up) -> None:
    """Serve the pool that started this process: the last four arguments are engine, line, parent and memory.

    The engine is a module with `prepare() -> None` and `optimize` (`wire.Optimize`). It is named and not
    imported above because limits and fences must hold before any codec library is loaded. Without a name there
    is nothing to do but to tell which fences are up.
    """
    engine, line, parent, memory = sys.argv[-4:]
    settle(int(parent), int(memory))
    scales = Scales.open()
    with socket.socket(fileno=int(line)) as talk:
        talk.set_inheritable(False)
        fences = put_up(Ground(Path.cwd(), engine, tools.programs()))
        try:
            module = importlib.import_module(engine) if engine else None
            if module is not None:
                module.prepare()
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator can only learn it from here
            wire.send(talk, {"failed": f"{type(error).__name__}: {error}"[:500]})
            return
        wire.send(talk, {"ready": True, "fences": fence.to_wire(fences)})
        if module is not None:
            serve(talk, module.optimize, scales)


def settle(parent: int, memory: int) -> None:
    """Die with the parent, leave no core, take at most `memory` bytes of address space. Ends an orphan."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        # When the machine runs out of memory the kernel shall take a helper, not the web process.
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("500")
    if os.getppid() != parent:
        # It died before the kernel was told to take us along.
        os._exit(1)


def serve(line: socket.socket, optimize: wire.Optimize, scales: Scales) -> None:
    """Answer tasks until the line ends or a reply says it is the last."""
    start = scales.weigh()
    for number in range(1, LIFETIME + 1):
        said = wire.hear(line.recv)
        if said is None:
            return
        reply = {"last": number == LIFETIME or scales.weigh() > start + GROWTH} | work(wire.task(said), optimize)
        wire.send(line, reply)
        if reply["last"]:
            return
        if scales.weigh() > start + SPARE:
            scales.lighten()


def work(task: wire.Task, optimize: wire.Optimize) -> dict[str, Any]:
    """Do one task; the answer is then a file in its folder. The reply says what went wrong, if anything did."""
    budget = Budget(task.seconds, task.limits)
    folder = Path(task.folder)
    try:
        keep = Answers(folder).keep
        keep(optimize((folder / UPLOAD).read_bytes(), task.recipe, budget, keep))
    except InputError as error:
        return {"error": error.to_wire()}
    except MemoryError as error:
        # What is left in pieces all over the address space would make the next picture fail as well.
        return _unforeseen(TooManyPixels(), error) | {"last": True}
    except Exception as error:  # noqa: BLE001 - decoders raise anything at all on damaged files
        full = isinstance(error, OSError) and error.errno in FULL
        return _unforeseen(StorageFull() if full else BadPicture(), error)
    return {}


def _unforeseen(said: ImgsvcError, error: Exception) -> dict[str, Any]:
    return {"error": said.to_wire(), "detail": type(error).__name__}
