"""A full disk of six megabytes: uploads are refused, downloads go on, and room is all it takes to be well again."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figures import Figure
from bench.pictures import photo, saved
from bench.soak.client import Answer, crowd
from bench.soak.run import Row, Soak
from bench.soak.seeds import SIZE
from bench.soak.service import serving
from bench.soak.watch import MIB

DISK, RESERVE, LEAVE = "6m", 2 * MIB, MIB
"""Size of the file system, what the service keeps free, and what is left free while the disk is called full."""
LINKS, UPLOADS = 40, 200
FULL = 507


@contextmanager
def disk() -> Iterator[Path | None]:
    """A small file system of its own; None where none may be mounted."""
    with tempfile.TemporaryDirectory(prefix="imgsvc-soak-") as name:
        mount = shutil.which("mount")
        command = [mount or "mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", name]
        if not mount or os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
            yield None
            return
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "-l", name], check=True)  # noqa: S607 - a program of the system


def fill(place: Path, leave: int) -> Path:
    """Take all the room of a file system but `leave` bytes; the file that does."""
    ballast = place / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, shutil.disk_usage(place).free - leave))
    return ballast


def measure(soak: Soak) -> list[Figure]:
    with disk() as place:
        if place is None:
            soak.said.append("disk: skipped, no file system can be mounted here (root may)")
            return []
        return [
            figure for reserve, leave in ((RESERVE, LEAVE), (0, 0)) for figure in _fill(soak, place, reserve, leave)
        ]


def _fill(soak: Soak, place: Path, reserve: int, leave: int) -> list[Figure]:
    what = "a reserve of 2 MiB, 1 MiB left" if reserve else "no reserve, nothing left"
    image, count = saved(photo(*SIZE, 1), "JPEG"), soak.count(UPLOADS)
    instance = place / f"instance-{reserve}"
    with serving(INSTANCE=instance, DISK_RESERVE=reserve) as service:
        site = service.site
        links = [str(site.post(image, response="json").json.get("download_url")) for _ in range(soak.count(LINKS))]
        ballast = fill(place, leave)
        uploads: list[Answer] = crowd(lambda _: site.post(image, response="json"), range(count))
        # Without a reserve a link cannot be claimed either: the database has no room to write that down.
        downloads = crowd(site.get, links) if reserve else []
        health = site.get("/health").status
        ballast.unlink()
        after = [site.post(image, response="json") for _ in range(5)]
        again = crowd(lambda one: site.get(str(one.json.get("download_url"))), after)
        later = [] if reserve else crowd(site.get, links)
        pid = service.process.poll()
    shutil.rmtree(instance)
    statuses = Counter(one.status for one in uploads)
    soak.data[f"disk, {what}"] = {"uploads": statuses, "downloads": Counter(one.status for one in downloads + later)}
    recovered = sum(one.status != 200 for one in [*after, *again]) + (pid is not None)
    note = ", ".join(f"{status}: {number}" for status, number in statuses.items())
    figures = [
        Figure("disk", f"uploads not answered 507 ({what})", count - statuses[FULL], 0, count=count, note=note),
        Figure("disk", f"status of /health ({what})", health, 200, count=1),
        Figure("disk", f"faults once there is room again ({what})", recovered, 0, count=len(after) + len(again)),
    ]
    fetched = downloads or later
    word = "downloads that failed while the disk was full" if reserve else "links lost to the full disk"
    failed = sum(one.status != 200 for one in fetched)
    return [*figures, Figure("disk", f"{word} ({what})", failed, 0, count=len(fetched))]


ROW = Row("disk", measure)
