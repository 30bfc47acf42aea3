"""A thousand uploads at once: some are served, the others told when to come back, and /health never waits."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from bench.arithmetic import percentile, spread
from bench.figures import Figure
from bench.pictures import photo, saved
from bench.soak.client import HOST, OPTIMIZE, Site
from bench.soak.pulse import watched
from bench.soak.run import Row, Soak
from bench.soak.service import serving, settled
from bench.soak.watch import MIB, watching

UPLOADS = 1000
SIZE, QUALITY = (1600, 1200), 98
P99, MEMORY = 1.0, 900.0
LONGEST = 180.0


@dataclass(frozen=True, slots=True)
class Seen:
    """The status line and headers of an answer; empty with a fault where there was none."""

    status: int
    head: bytes = b""
    seconds: float = 0.0
    fault: str = ""


def measure(soak: Soak) -> list[Figure]:
    image, count = saved(photo(*SIZE, 4), "JPEG", quality=QUALITY), soak.count(UPLOADS)
    with serving() as service:
        service.site.post(image)
        with watched(service.site) as pulse, watching(service) as watch:
            seen = asyncio.run(_flood(service.site, image, count))
        settled(service)
        again = service.site.post(image).status
        broken = service.broken()
    statuses = Counter(one.status for one in seen)
    untold = sum(one.status == 503 and b"retry-after" not in one.head.lower() for one in seen)
    odd = [one for one in seen if one.status not in (200, 503, 0)]
    faults = [one.fault for one in seen if one.fault]
    seconds = [one.seconds for one in seen if one.status == 200]
    soak.data["flood"] = {"statuses": statuses, "faults": Counter(faults), "health": pulse.seconds, "errors": broken}
    note = ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items()))
    size = f"{len(image)} bytes each, {note}"
    health = percentile(pulse.seconds, 0.99)
    looks = len(pulse.seconds)
    return [
        Figure(
            "flood", "answers other than 200 and 503 with Retry-After", len(odd) + untold, 0, count=count, note=size
        ),
        Figure(
            "flood", "connections reset or without an answer", len(faults), 0, count=count, note="; ".join(faults[:2])
        ),
        Figure("flood", "p99 of /health in seconds", health, P99, False, looks, spread(pulse.seconds)),
        Figure("flood", "/health without 200", pulse.failed, 0, count=looks),
        Figure("flood", "memory of all processes in MiB", watch.total / MIB, MEMORY, count=count),
        Figure("flood", "status of an upload afterwards", again, 200, True, 1),
        Figure("flood", "seconds of those served", max(seconds, default=0.0), count=len(seconds)),
    ]


async def _flood(site: Site, image: bytes, count: int) -> list[Seen]:
    head, body = site.upload(image)
    lines = "".join(f"{name}: {text}\r\n" for name, text in head.items())
    start = f"POST {OPTIMIZE} HTTP/1.1\r\nHost: soak\r\n{lines}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return list(await asyncio.gather(*(_upload(site.port, start.encode(), body) for _ in range(count))))


async def _upload(port: int, head: bytes, body: bytes) -> Seen:
    """One upload whose sender reads while it writes, as browsers do."""
    begin = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(LONGEST):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(head)
                writer.write(body)
                said = await reader.read()
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError) as error:
        return Seen(0, fault=f"{type(error).__name__}: {error}")
    seconds = asyncio.get_running_loop().time() - begin
    first = said.split(b" ", 2)
    if len(first) < 3 or not first[1].isdigit():
        return Seen(0, said[:100], seconds, "no answer")
    return Seen(int(first[1]), said.partition(b"\r\n\r\n")[0], seconds)


ROW = Row("flood", measure)
