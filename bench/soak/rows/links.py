"""One-shot links: thousands of fetches of fewer links over four workers, and all that must not use a link up."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator

from bench.figures import Figure
from bench.pictures import photo, saved
from bench.soak.client import Answer, Site, crowd
from bench.soak.raw import dial, request, reset
from bench.soak.run import Row, Soak
from bench.soak.seeds import SIZE
from bench.soak.service import Service, serving, wait

LINKS, FETCHES = 1000, 10
CLIENTS, WORKERS, LEASE = 64, 4, 5
WINDOW = 4096
PREVIEWS: tuple[dict[str, str], ...] = (
    {"User-Agent": "Slackbot-LinkExpanding 1.0"},
    {"User-Agent": "TelegramBot (like TwitterBot)"},
    {"User-Agent": "WhatsApp/2.23"},
    {"Sec-Purpose": "prefetch;prerender"},
    {"Purpose": "preview"},
    {"X-Moz": "prefetch"},
)


ODD = ("../../etc/passwd", "%2e%2e%2fimgsvc.sqlite3", "a" * 43, "")
"""Tokens of no link."""
METHODS = ("POST", "PUT", "DELETE")
RULES = len(PREVIEWS) + len(METHODS) + len(ODD) + 8
"""What is looked at: these, HEAD, Range, that its link is gone then, two of an abort and three of killed workers."""


def measure(soak: Soak) -> list[Figure]:
    with serving(WORKERS=WORKERS, HELPERS=WORKERS, THREADS=64, LEASE_SECONDS=LEASE) as service:
        figures = _race(soak, service)
        # Those to come are ours: gunicorn calls it an error when its workers are killed.
        broken = service.broken()
        wrong = list(_manners(service))
        wait(lambda: not service.left(), LEASE + 5)
        left = service.left()
    soak.data["links"] |= {"manners": wrong, "errors": broken}
    return [
        *figures,
        Figure(
            "links",
            "broken rules for HEAD, previews, Range, abort, killed worker",
            len(wrong),
            0,
            count=RULES,
            note="; ".join(wrong),
        ),
        Figure("links", "files left in the instance", len(left), 0, count=figures[0].count),
        Figure("links", "errors in the log", len(broken), 0, count=figures[0].count, note="; ".join(broken[:2])),
    ]


def _race(soak: Soak, service: Service) -> list[Figure]:
    """All links fetched ten times, in any order, by many clients at once."""
    site, count = service.site, soak.count(LINKS)
    pictures = [saved(photo(*SIZE, seed), "JPEG", quality=85) for seed in range(4)]
    made = crowd(
        lambda number: site.post(pictures[number % 4], response="json", quality="1"), range(count), 2 * WORKERS
    )
    paths = {answer.json.get("download_url", ""): int(answer.json.get("optimized_size", 0)) for answer in made}
    fetches = [path for path in paths for _ in range(FETCHES)]
    soak.dice("links").shuffle(fetches)
    begin = time.monotonic()
    seen = list(zip(fetches, crowd(site.get, fetches, CLIENTS), strict=True))
    seconds = time.monotonic() - begin
    full = Counter(path for path, answer in seen if answer.status == 200 and len(answer.body) == paths[path])
    short = sum(answer.status == 200 and len(answer.body) != paths[path] for path, answer in seen)
    odd = Counter(answer.status for _, answer in seen if answer.status not in (200, 404, 409))
    statuses = Counter(answer.status for _, answer in seen)
    soak.data["links"] = {"statuses": statuses, "seconds": seconds}
    note = ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items())) + f" in {seconds:.0f} s"
    total = len(fetches)
    return [
        Figure("links", "links that nobody got whole", count - len(full), 0, count=total, note=note),
        Figure("links", "deliveries beyond the first", sum(full.values()) - len(full), 0, count=total),
        Figure("links", "answers of 200 that were cut short", short, 0, count=total),
        Figure(
            "links", "answers other than 200, 404, 409", sum(odd.values()), 0, count=total, note=str(dict(odd) or "")
        ),
    ]


def _manners(service: Service) -> Iterator[str]:
    """What is wrong with the answers to those who do not simply fetch."""
    site = service.site
    small, large = saved(photo(*SIZE, 9), "JPEG"), saved(photo(1200, 1000, 9), "PNG")
    path = _link(site, small)
    looks = [site.get(path, method="HEAD") for _ in range(2)]
    if [look.status for look in looks] != [200, 200] or not int(looks[0].headers.get("content-length", 0)):
        yield f"HEAD got {looks[0].status} and {looks[1].status}"
    for headers in PREVIEWS:
        if (got := site.get(path, headers=headers).status) != 403:
            yield f"{headers} got {got}"
    for method in METHODS:
        if (got := site.get(path, method=method).status) != 405:
            yield f"{method} got {got}"
    part = site.get(path, headers={"Range": "bytes=0-9"})
    if part.status != 200 or len(part.body) < 100 or part.headers.get("accept-ranges") != "none":
        yield f"Range got {part.status} of {len(part.body)} bytes"
    if (got := site.get(path).status) != 404:
        yield f"after that the link got {got}"
    yield from _aborted(site, _link(site, large))
    yield from _killed(service, _link(site, large))
    for odd in ODD:
        if (got := site.get(f"/download.php?id={odd}").status) != 404:
            yield f"the link {odd!r} got {got}"


def _aborted(site: Site, path: str) -> Iterator[str]:
    line = dial(site, request(path), WINDOW)
    line.recv(1024)
    reset(line)
    if (answer := _eventually(site, path, LEASE - 1)).status != 200:
        yield f"after an abort the link got {answer.status}"
    if (got := site.get(path).status) != 404:
        yield f"after an abort and a delivery the link got {got}"


def _killed(service: Service, path: str) -> Iterator[str]:
    """All workers are killed in the middle of a delivery."""
    site = service.site
    with dial(site, request(path), WINDOW) as line:
        line.recv(1024)
        before = service.workers()
        for worker in before:
            os.kill(worker, signal.SIGKILL)
        wait(lambda: len(set(service.workers()) - set(before)) == WORKERS, 30)
        during = site.get(path)
        if during.status != 409:
            yield f"after a killed worker, within the lease, the link got {during.status} {during.fault}"
        if (answer := _eventually(site, path, LEASE + 3)).status != 200:
            yield f"after a killed worker and its lease the link got {answer.status}"
    if (got := site.get(path).status) != 404:
        yield f"after a killed worker and a delivery the link got {got}"


def _eventually(site: Site, path: str, seconds: float) -> Answer:
    """The last answer, once it is not 409 or after so long."""
    answers: list[Answer] = []

    def ask() -> bool:
        answers.append(site.get(path))
        return answers[-1].status != 409

    wait(ask, seconds)
    return answers[-1]


def _link(site: Site, image: bytes) -> str:
    return str(site.post(image, response="json", quality="1").json.get("download_url", ""))


ROW = Row("links", measure)
