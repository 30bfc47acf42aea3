"""Blobs: whole or absent, private, and never outside their folder."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import imgsvc
from imgsvc.errors import NotFound
from imgsvc.store.blobs import Blobs

ROOT = Path(imgsvc.__file__).parents[1]
HOSTILE = ["", ".", "..", "../../etc/passwd", "/etc/passwd", "a" * 63, "a" * 65, "A" * 64, "a" * 64 + "\n", "a/" * 32]

FILL = """
import sys
from pathlib import Path
from imgsvc.errors import StorageFull
from imgsvc.store.blobs import Blobs

blobs = Blobs(Path(sys.argv[1]))
small = blobs.put(b"small")
try:
    blobs.put(b"x" * 1_000_000)
except StorageFull:
    print("full", blobs.open(small).read(), len(list(blobs.ids())), len(list(blobs.parts())))
"""

SIZE = 32_000_000
ENDLESS = f"""
import sys
from pathlib import Path
from imgsvc.store.blobs import Blobs

blobs = Blobs(Path(sys.argv[1]))
while True:
    kept = blobs.put(b"kept")
    print(kept, flush=True)
    blobs.delete(blobs.put(bytes({SIZE})))
"""


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def here() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 4000])
def test_what_was_put_is_read(blobs, data):
    blob = blobs.put(data)
    with blobs.open(blob) as file:
        assert file.read() == data


def test_equal_bytes_are_separate_blobs(blobs):
    one, two = blobs.put(b"same"), blobs.put(b"same")
    blobs.delete(one)
    assert blobs.open(two).read() == b"same"
    with pytest.raises(NotFound):
        blobs.open(one)


def test_deleting_twice_is_deleting_once(blobs):
    blob = blobs.put(b"x")
    blobs.delete(blob)
    blobs.delete(blob)
    assert list(blobs.ids()) == []


def test_an_open_blob_outlives_its_deletion(blobs):
    blob = blobs.put(b"still here")
    with blobs.open(blob) as file:
        blobs.delete(blob)
        assert file.read() == b"still here"


@pytest.mark.parametrize("blob", HOSTILE)
def test_other_ids_reach_no_file(blobs, blob):
    blobs.put(b"x")
    for verb in (blobs.open, blobs.delete):
        with pytest.raises(NotFound):
            verb(blob)


def test_only_the_owner_can_read(blobs):
    previous = os.umask(0)
    try:
        blob = blobs.put(b"x")
    finally:
        os.umask(previous)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (blobs.folder, *blobs.folder.rglob("*"))}
    assert modes == {blobs.folder: 0o700, blobs.folder / blob[:2]: 0o700, blobs.folder / blob[:2] / blob: 0o600}


def test_ids_lists_blobs_and_nothing_else(blobs):
    assert list(blobs.ids()) == []
    made = {blobs.put(b"x") for _ in range(20)}
    (blobs.folder / "janitor.lock").touch()
    (blobs.folder / next(iter(made))[:2] / "note.txt").touch()
    assert {blob for blob, _ in blobs.ids()} == made
    assert all(stored == pytest.approx(blobs.folder.stat().st_mtime, abs=3600) for _, stored in blobs.ids())


def test_a_full_disk_is_storage_full_and_leaves_nothing(tmp_path: Path):
    fill = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=64k tmpfs "$0" && exec "$@"', str(tmp_path)]
    if subprocess.run([*fill, "true"], capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    done = subprocess.run([*fill, *python(FILL, str(tmp_path / "b"))], env=here(), capture_output=True, text=True)
    assert done.stdout.strip() == "full b'small' 1 0", done.stderr


def half_written(folder: Path) -> bool:
    try:
        return any(4 < path.stat().st_size < SIZE for path in folder.glob("??/*"))
    except FileNotFoundError:
        return False


def test_a_writer_killed_midway_leaves_only_whole_blobs(blobs: Blobs):
    with subprocess.Popen(python(ENDLESS, str(blobs.folder)), env=here(), stdout=subprocess.PIPE, text=True) as writer:
        while writer.poll() is None and not half_written(blobs.folder):
            pass
        writer.send_signal(signal.SIGKILL)
        promised = set(writer.stdout.read().split())
    sizes = {blob: blobs.open(blob).seek(0, os.SEEK_END) for blob, _ in blobs.ids()}
    assert promised
    assert set(sizes) >= promised
    assert set(sizes.values()) <= {4, SIZE}
