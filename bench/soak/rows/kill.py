"""kill -9 of the whole service, again and again under mixed load: what it has answered stays true."""

from __future__ import annotations

import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from bench.arithmetic import spread
from bench.figures import Figure
from bench.pictures import photo, saved
from bench.servers import free_port
from bench.soak import processes
from bench.soak.client import Answer, Site
from bench.soak.run import Row, Soak
from bench.soak.seeds import SIZE
from bench.soak.service import SERVE, Service, kill, launch, settled, stop, wait
from imgsvc.settings import Settings
from imgsvc.store import janitor, results
from imgsvc.store import links as store
from imgsvc.store.blobs import Blobs
from imgsvc.store.db import Database

ROUNDS, CLIENTS = 30, 6
LOAD = (1.0, 4.0)
"""Seconds of load before a kill, at least and at most."""
START = 3.0
LEASE, LIFE = 2, 36_000
"""Seconds of a lease, and of a link: none may expire while it is watched."""
SETTINGS = {"WORKERS": 2, "HELPERS": 2, "LEASE_SECONDS": LEASE, "LINK_SECONDS": LIFE}
PATIENCE = 20.0
"""Seconds a client waits for an answer; a killed service gives none at once."""
KEPT = 0.4
"""Share of the links that are left for after the kill."""


@dataclass(slots=True)
class Promises:
    """What the service has said: links by path with the size it told, and which of them were fetched whole."""

    given: dict[str, int] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    touched: set[str] = field(default_factory=set)
    """Asked for, with no whole answer: the service may have been killed after the last byte or before it."""
    wrong: list[str] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def owed(self) -> list[str]:
        """Links that must still work."""
        return [path for path in self.given if path not in self.taken and path not in self.touched]


def client(site: Site, promises: Promises, dice: Random, over: threading.Event) -> None:
    """Uploads, downloads and looks, until it is over."""
    pictures = [saved(photo(*SIZE, seed), kind) for seed, kind in enumerate(("JPEG", "PNG", "WEBP"))]
    while not over.is_set():
        what = dice.random()
        if what < 0.5:
            answer = site.post(dice.choice(pictures), quality="1", response="json")
            if answer.status == 200:
                promises.given[str(answer.json["download_url"])] = int(answer.json["optimized_size"])
        elif what < 0.7:
            answer = site.post(dice.choice(pictures))
        elif what < 0.95:
            answer = fetch(site, promises, dice)
        else:
            answer = site.get("/health")
        with promises.lock:
            promises.answers[answer.status] += 1
        if answer.status == 0:
            time.sleep(0.02)


def fetch(site: Site, promises: Promises, dice: Random) -> Answer:
    """One of the links that nobody has asked for yet, unless those that shall be left are all there are."""
    with promises.lock:
        owed = promises.owed()
        path = dice.choice(owed) if len(owed) > KEPT * len(promises.given) else ""
        promises.touched.add(path)
    answer = site.get(path or "/robots.txt")
    if path and answer.status == 200 and len(answer.body) == promises.given[path]:
        promises.taken.add(path)
    elif path and answer.status not in (0, 409):
        promises.wrong.append(f"a fresh link got {answer.status} of {len(answer.body)} bytes")
    return answer


def measure(soak: Soak) -> list[Figure]:
    rounds, promises = soak.count(ROUNDS), Promises()
    starts: list[float] = []
    orphans = 0
    key, port = "", free_port()
    with tempfile.TemporaryDirectory(prefix="imgsvc-soak-") as name:
        for number in range(rounds):
            service = start(Path(name), port, key, starts)
            key = service.site.key
            orphans += _round(soak, service, promises, number)
        service = start(Path(name), port, key, starts)
        count = _settle(service, promises)
        stop(service)
        rows, files = compared(service)
        broken = service.broken()
    soak.data["kill"] = {
        "starts": starts,
        "answers": promises.answers,
        "wrong": promises.wrong,
        "errors": broken,
        "rows without a file": rows,
        "files without a row": files,
    }
    note = ", ".join(f"{status or 'cut'}: {number}" for status, number in sorted(promises.answers.items()))
    links = len(promises.given)
    return [
        Figure(
            "kill",
            "links that did not keep what was said",
            len(promises.wrong),
            0,
            count=links,
            note="; ".join(promises.wrong[:3]),
        ),
        Figure("kill", "links still owed at the end, and fetched", count, count=links, note=note),
        Figure("kill", "rows without a file after the sweep", len(rows), 0, count=rounds),
        Figure("kill", "files without a row after the sweep", len(files), 0, count=rounds, note=", ".join(files[:2])),
        Figure("kill", "processes left by a kill", orphans, 0, count=rounds),
        Figure("kill", "seconds of the slowest start", max(starts), START, False, len(starts), spread(starts)),
        Figure("kill", "errors in the log", len(broken), 0, count=rounds, note="; ".join(broken[:2])),
    ]


def start(folder: Path, port: int, key: str, starts: list[float]) -> Service:
    begin = time.monotonic()
    service = launch(folder, port, SERVE, SETTINGS, key)
    # The first start makes a database and a key as well.
    starts += [time.monotonic() - begin] if key else []
    return service


def _round(soak: Soak, service: Service, promises: Promises, number: int) -> int:
    """Load, then a kill; how many processes did not go with it."""
    over, site = threading.Event(), replace(service.site, seconds=PATIENCE)
    crew = [
        threading.Thread(target=client, args=(site, promises, soak.dice(f"kill {number} {who}"), over))
        for who in range(CLIENTS)
    ]
    for one in crew:
        one.start()
    time.sleep(soak.dice(f"kill {number}").uniform(*LOAD))
    members = [*service.workers(), *service.helpers()]
    kill(service)
    over.set()
    for one in crew:
        one.join()
    wait(lambda: not any(map(processes.alive, members)), 10)
    return sum(map(processes.alive, members))


def _settle(service: Service, promises: Promises) -> int:
    """Fetch every link that is owed, and look at the others; how many there were of the first."""
    time.sleep(LEASE + 1)
    owed = promises.owed()
    for path in owed:
        answer = service.site.get(path)
        if answer.status != 200 or len(answer.body) != promises.given[path]:
            promises.wrong.append(f"an owed link got {answer.status} of {len(answer.body)} bytes")
    for path in promises.touched - promises.taken - {""}:
        answer = service.site.get(path)
        if answer.status not in (200, 404):
            promises.wrong.append(f"an interrupted link got {answer.status}")
    for path in promises.taken:
        # Killed between the last byte and the end of the row: then it may be fetched once more, and not twice.
        if service.site.get(path).status == 200 and service.site.get(path).status != 404:
            promises.wrong.append("a link that was fetched gave its file twice more")
    settled(service)
    return len(owed)


def compared(service: Service) -> tuple[list[str], list[str]]:
    """After a sweep as the janitor does it half an hour later: rows without a file, and files without a row."""
    database, blobs = Database(Settings(instance=service.instance).database), Blobs(service.instance / "blobs")
    janitor.sweep(database, blobs, now=time.time() + 2 * janitor.ORPHAN_SECONDS)
    rows = store.blobs(database) | results.blobs(database)
    database.close()
    files = {path.name for path in service.blobs()}
    return sorted(rows - files), sorted(files - rows) + [str(path) for path in service.jobs()]


ROW = Row("kill", measure)
