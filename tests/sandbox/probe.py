"""An engine for the helper that does what no codec may do, and tells whether it could."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from imgsvc.engine import tools
from imgsvc.engine.budget import Budget
from imgsvc.engine.recipe import Recipe
from imgsvc.engine.result import Result

# As the loader of libraries ends a program that it cannot load.
NOT_LOADED = 127

ANY_PORT = ("127.0.0.1", 0)
PTRACE_TRACEME, CLONE_FILES, PRIO_PROCESS = 0, 0x400, 0


def prepare() -> None:
    """Nothing to load."""


def optimize(data: bytes, _recipe: Recipe, _budget: Budget, _keep: Callable[[Result], None]) -> Result:
    """Do the act that the upload names, `act` or `act:path`; the answer is `done`, or the error's name."""
    act, _, path = data.decode().partition(":")
    try:
        _ACTS[act](Path(path))
        said = "done"
    except OSError as error:
        said = errno.errorcode[error.errno or 0]
    return Result(said.encode(), "png", "image/png", 1, 1, 1, 100.0, len(data), "png", 1, 1, 0.01, ())


def read(path: Path) -> None:
    assert path.read_bytes()


def listing(path: Path) -> None:
    assert list(path.iterdir())


def read_parents_environment(_path: Path) -> None:
    assert b"PATH=" in Path(f"/proc/{os.getppid()}/environ").read_bytes()


def write(path: Path) -> None:
    path.write_bytes(b"x")


def append(path: Path) -> None:
    with path.open("ab"):
        pass


def remove(path: Path) -> None:
    path.unlink()


def link(path: Path) -> None:
    Path("link").symlink_to(path)
    Path("link").unlink()


def change_mode(path: Path) -> None:
    path.chmod(0o600)


def connect(_path: Path) -> None:
    with socket.create_server(ANY_PORT) as server, socket.create_connection(server.getsockname()):
        pass


def ask_by_datagram(_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", ("127.0.0.1", 9))


def unix_socket(_path: Path) -> None:
    socket.socket(socket.AF_UNIX).close()


def run(path: Path) -> None:
    subprocess.run([path, "-c", ""], check=True)


def run_from_memory(_path: Path) -> None:
    os.close(os.memfd_create("program"))


def signal_parent(_path: Path) -> None:
    os.kill(os.getppid(), 0)


def read_memory(_path: Path) -> None:
    """Of this process, by the call that reads any other's as well."""

    class Stretch(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))

    source, target = ctypes.create_string_buffer(b"secret"), ctypes.create_string_buffer(6)
    here, there = Stretch(ctypes.addressof(target), 6), Stretch(ctypes.addressof(source), 6)
    _call("process_vm_readv", os.getpid(), ctypes.byref(here), 1, ctypes.byref(there), 1, 0)


def trace(_path: Path) -> None:
    _in_a_child(lambda: _call("ptrace", PTRACE_TRACEME, 0, None, None))


def new_namespace(_path: Path) -> None:
    _in_a_child(lambda: _call("unshare", CLONE_FILES))


def leave_the_group(_path: Path) -> None:
    _in_a_child(os.setsid)


def slow_down_the_parent(_path: Path) -> None:
    os.setpriority(PRIO_PROCESS, os.getppid(), os.getpriority(PRIO_PROCESS, os.getppid()))


def work_as_usual(_path: Path) -> None:
    """What codecs need: files of its own, randomness, threads, other processes, and its programs."""
    Path("note").write_bytes(os.urandom(8))
    Path("note").replace("other")
    Path("other").unlink()
    thread = threading.Thread(target=len, args=((),))
    thread.start()
    thread.join()
    _in_a_child(lambda: None)
    for program in tools.programs():
        done = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        assert done.returncode != NOT_LOADED, f"{program} does not run: {done.stderr!r}"


def stop_a_program(_path: Path) -> None:
    """A helper may end what it has started itself."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    for handle in (reader, writer):
        os.close(handle)


def _call(name: str, *arguments: object) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def _in_a_child(act: Callable[[], None]) -> None:
    child = os.fork()
    if child == 0:
        try:
            act()
        except OSError as error:
            os._exit(error.errno or 1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise OSError(code, "refused in the child")


def _named(*acts: Callable[[Path], None]) -> Iterator[tuple[str, Callable[[Path], None]]]:
    return ((act.__name__, act) for act in acts)


_ACTS = dict(
    _named(
        read, listing, read_parents_environment, write, append, remove, link, change_mode, connect, ask_by_datagram,
        unix_socket, run, run_from_memory, signal_parent, read_memory, trace, new_namespace, leave_the_group,
        slow_down_the_parent, work_as_usual, stop_a_program,
    )
)  # fmt: skip
