"""A full disk: uploads are refused with a sentence, what is there can still be fetched, and room is all it takes."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
import requests

from imgsvc.settings import MIB


@pytest.fixture
def disk(tmp_path):
    """A file system of 6 MB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=6m", "none", str(place)]
    if not mount or os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place, leave):
    """Take all the room of a file system but `leave` bytes."""
    with (place / "ballast").open("wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, shutil.disk_usage(place).free - leave)


@pytest.mark.parametrize(("reserve", "leave"), [(2 * MIB, MIB), (0, 0)])
def test_uploads_wait_for_room_and_downloads_do_not(start, disk, photo, grainy, reserve, leave):
    with start(WORKERS=1, HELPERS=1, DISK_RESERVE=reserve, INSTANCE=disk / "instance") as server:
        link = server.link(photo)
        fill(disk, leave)
        answer = server.post(grainy)
        assert answer.status_code == 507
        assert "no room" in answer.json()["error"]
        assert requests.get(server.url + "/health", timeout=10).status_code == 200
        if reserve:
            assert requests.get(link, timeout=10).status_code == 200
        (disk / "ballast").unlink()
        assert server.post(photo, response="json").status_code == 200
        assert requests.get(server.link(photo), timeout=10).status_code == 200


@pytest.mark.parametrize(("reserve", "status"), [(0, 200), (2**60, 507)])
def test_the_reserve_is_looked_at_before_the_body_is_read(found, photo, reserve, status):
    answer = found(disk_reserve=reserve).post(photo)
    assert answer.status_code == status
    assert status == 200 or answer.json["error"].startswith("The server has no room for uploads")
