"""An engine for the helper whose pictures are orders: each one makes a well-known fault happen for real."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from imgsvc.engine.budget import Budget
from imgsvc.engine.recipe import Recipe
from imgsvc.engine.result import Result, Step
from imgsvc.errors import UnsupportedKind

Keep = Callable[[Result], None]


def prepare() -> None:
    """Nothing to load."""


def optimize(data: bytes, recipe: Recipe, budget: Budget, keep: Keep) -> Result:
    """Do what the upload says; `order` or `order:argument`, where anything else is echoed."""
    order, _, argument = data[:1000].partition(b":")
    act = _ORDERS.get(order.decode("latin-1"))
    return made(act(argument.decode(), recipe, budget, keep) if act else data)


def made(data: bytes) -> Result:
    steps = (Step("png.echo", "kept", size=len(data), score=100.0),)
    return Result(data, "png", "image/png", 3, 2, 1, 100.0, len(data), "png", 3, 2, 0.01, steps)


def told(_argument: str, recipe: Recipe, budget: Budget, _keep: Keep) -> bytes:
    """What the helper was asked, and what it is allowed."""
    said = {
        "pid": os.getpid(),
        "key": recipe.key,
        "seconds": budget.seconds,
        "width": budget.limits.max_width,
        "memory": resource.getrlimit(resource.RLIMIT_AS)[0],
        "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "threads": os.environ.get("VIPS_CONCURRENCY"),
        "names": sorted(os.environ),
        "output": str(Path("/proc/self/fd/1").readlink()),
        "handles": len(list(Path("/proc/self/fd").iterdir())),
    }
    return json.dumps(said).encode()


def slow(argument: str, _recipe: Recipe, _budget: Budget, _keep: Keep) -> bytes:
    time.sleep(float(argument or 60))
    return argument.encode()


def wait(argument: str, _recipe: Recipe, _budget: Budget, _keep: Keep) -> bytes:
    """The argument is a path; done when it is there."""
    while not Path(argument).exists():
        time.sleep(0.005)
    return b"waited"


def hang(_argument: str, _recipe: Recipe, _budget: Budget, _keep: Keep) -> bytes:
    """Inside C with the interpreter's lock held, where no Python signal handler can run."""
    return hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000)


def tool(argument: str, _recipe: Recipe, _budget: Budget, _keep: Keep) -> bytes:
    """Run a program without end; the argument is a path that gets its process id."""
    with subprocess.Popen([sys.executable, "-I", "-c", "import time; time.sleep(600)"]) as process:
        Path(argument).write_text(str(process.pid))
    return b""


def keep_then(argument: str, recipe: Recipe, budget: Budget, keep: Keep) -> bytes:
    keep(made(b"first"))
    keep(made(b"second"))
    return _ORDERS[argument]("", recipe, budget, keep)


def litter(argument: str, recipe: Recipe, budget: Budget, keep: Keep) -> bytes:
    """Leave a file and a folder beside the job's, as a program stopped in its midst may; then the argument's order."""
    place = Path(os.environ["TMPDIR"])
    (place / "half.tmp").write_bytes(b"x" * 1000)
    (place / "job-late").mkdir()
    (place / "job-late" / "1-00.data").touch()
    return _ORDERS[argument]("", recipe, budget, keep)


def segfault(_argument: str, _recipe: Recipe, _budget: Budget, _keep: Keep) -> bytes:
    return ctypes.string_at(0)


def segfault_once(argument: str, _recipe: Recipe, _budget: Budget, _keep: Keep) -> bytes:
    """The argument is a path that remembers the first try."""
    mark = Path(argument)
    if not mark.exists():
        mark.touch()
        return ctypes.string_at(0)
    return b"second try"


def leave(_argument: str, _recipe: Recipe, _budget: Budget, _keep: Keep) -> bytes:
    os._exit(0)


def hog(_argument: str, _recipe: Recipe, _budget: Budget, _keep: Keep) -> bytes:
    return bytes(bytearray(1 << 40))


def leak(argument: str, _recipe: Recipe, _budget: Budget, _keep: Keep) -> bytes:
    """Lose so many bytes for good, as a C library may."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    ctypes.memset(libc.malloc(ctypes.c_size_t(int(argument))), 1, int(argument))
    return argument.encode()


def refuse(_argument: str, _recipe: Recipe, _budget: Budget, _keep: Keep) -> bytes:
    raise UnsupportedKind("image: got 'PDF', expected a picture.")


def stumble(argument: str, _recipe: Recipe, _budget: Budget, _keep: Keep) -> bytes:
    raise ZeroDivisionError("a secret of the server")


def full(_argument: str, _recipe: Recipe, _budget: Budget, _keep: Keep) -> bytes:
    raise OSError(errno.ENOSPC, "No space left on device")


def say(argument: str, _recipe: Recipe, _budget: Budget, _keep: Keep) -> bytes:
    """Write the argument to the pool's line as if it were a reply, then wait to be found out."""
    os.write(int(sys.argv[-3]), argument.encode() + b"\n")
    signal.pause()
    return b""


def lie(argument: str, _recipe: Recipe, _budget: Budget, _keep: Keep) -> bytes:
    """Write the argument to the pool's line as if it were a reply, and go."""
    os.write(int(sys.argv[-3]), argument.encode() + b"\n")
    os._exit(0)


def forge(argument: str, _recipe: Recipe, _budget: Budget, keep: Keep) -> bytes:
    """Put the argument where the answer's description belongs, say it is done, then wait."""
    job = next(path for path in Path.cwd().glob("job-*") if (path / "upload").read_bytes().endswith(argument.encode()))
    keep(made(b"honest"))
    if argument.startswith("link="):
        for kept in list(job.glob("*.data")):
            kept.unlink()
            kept.symlink_to(argument.removeprefix("link="))
    else:
        (job / "answer.json").write_text(argument)
    return _ORDERS["say"]("{}", _recipe, _budget, keep)


_ORDERS = {
    "told": told,
    "slow": slow,
    "wait": wait,
    "hang": hang,
    "tool": tool,
    "keep_then": keep_then,
    "litter": litter,
    "segfault": segfault,
    "segfault_once": segfault_once,
    "leave": leave,
    "hog": hog,
    "leak": leak,
    "refuse": refuse,
    "stumble": stumble,
    "full": full,
    "say": say,
    "lie": lie,
    "forge": forge,
}
