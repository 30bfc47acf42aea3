"""Clients that take their time, hundreds of each kind at once: /health does not wait for them, and all are cut."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from bench.arithmetic import percentile, spread
from bench.figures import Figure
from bench.pictures import photo, saved
from bench.soak.client import HOST, Site, crowd
from bench.soak.pulse import watched
from bench.soak.raw import posting, request
from bench.soak.run import Row, Soak
from bench.soak.service import serving, settled

EACH = 200
P95, CUT = 0.5, 35.0
LONGEST = 90.0
"""Seconds after which nobody waits for being cut any more."""
DRIP = 1.0
"""Seconds between two bytes."""
WINDOW = 2048
SIZE, QUALITY = (1600, 1200), 98
ASKING = 4
"""Readers of answers that ask at once: they shall be slow, and not turned away."""
HEAD = b"GET /health HTTP/1.1\r\nHost: soak\r\nX-Slow: "


@dataclass(frozen=True, slots=True)
class Seen:
    """How long a slow client was borne, and the status it was told."""

    kind: str
    seconds: float
    status: int


def measure(soak: Soak) -> list[Figure]:
    each = soak.count(EACH)
    with serving() as service:
        site = service.site
        image = saved(photo(*SIZE, 8), "JPEG", quality=QUALITY)
        links = crowd(
            lambda _: str(site.post(image, response="json", quality="1").json.get("download_url")), range(each // 2)
        )
        with watched(site) as pulse:
            seen = asyncio.run(_siege(site, image, links, each))
        settled(service)
        again, broken = site.post(image).status, service.broken()
    by_kind = {
        kind: [one.seconds for one in seen if one.kind == kind] for kind in dict.fromkeys(one.kind for one in seen)
    }
    soak.data["slow"] = {
        "seconds": by_kind,
        "statuses": {kind: sorted({one.status for one in seen if one.kind == kind}) for kind in by_kind},
        "health": pulse.seconds,
        "errors": broken,
    }
    looks = len(pulse.seconds)
    return [
        Figure(
            "slow",
            "p95 of /health in seconds",
            percentile(pulse.seconds, 0.95),
            P95,
            False,
            looks,
            spread(pulse.seconds),
        ),
        Figure("slow", "/health without 200", pulse.failed, 0, count=looks),
        *(
            Figure("slow", f"seconds until the last was cut: {kind}", max(some), CUT, False, len(some), spread(some))
            for kind, some in by_kind.items()
        ),
        Figure("slow", "status of an upload afterwards", again, 200, True, 1),
    ]


async def _siege(site: Site, image: bytes, links: list[str], each: int) -> list[Seen]:
    body = posting(site, image)
    start = body.index(b"\r\n\r\n") + 200
    direct, turn = posting(site, image, quality="1"), asyncio.Semaphore(ASKING)
    crews = [
        *(_timed("heads", site, partial(_drip, said=HEAD)) for _ in range(each)),
        *(_timed("bodies", site, partial(_drip, said=body[:start])) for _ in range(each)),
        *(_timed("readers of links", site, partial(_sip, said=request(path), turn=turn)) for path in links),
        *(_timed("readers of answers", site, partial(_sip, said=direct, turn=turn)) for _ in range(each - len(links))),
    ]
    return list(await asyncio.gather(*crews))


async def _timed(kind: str, site: Site, act: Callable[[socket.socket], Awaitable[tuple[float, int]]]) -> Seen:
    loop = asyncio.get_running_loop()
    with socket.socket() as line:
        line.setblocking(False)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
        await loop.sock_connect(line, (HOST, site.port))
        try:
            async with asyncio.timeout(LONGEST):
                begin, status = await act(line)
        except TimeoutError:
            return Seen(kind, LONGEST, 0)
        return Seen(kind, loop.time() - begin, status)


async def _drip(line: socket.socket, said: bytes) -> tuple[float, int]:
    """Send a beginning, then a byte a second, until the other side says something or is gone."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    await loop.sock_sendall(line, said)
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(DRIP):
                return begin, _status(await _heard(line))
        with suppress(OSError):
            await loop.sock_sendall(line, b"x")


async def _sip(line: socket.socket, said: bytes, turn: asyncio.Semaphore) -> tuple[float, int]:
    """Ask, then take an answer byte by byte, until there is no more of it; time counts from its first byte."""
    loop = asyncio.get_running_loop()
    async with turn:
        await loop.sock_sendall(line, said)
        first = await _heard(line, 64)
    begin = loop.time()
    while not _over(line):
        await asyncio.sleep(DRIP)
        if not await _heard(line, 1):
            break
    return begin, _status(first)


async def _heard(line: socket.socket, most: int = 4096) -> bytes:
    try:
        return await asyncio.get_running_loop().sock_recv(line, most)
    except OSError:
        return b""


def _over(line: socket.socket) -> bool:
    """Whether the other side has hung up or broken off, as the first byte of TCP_INFO tells (tcp(7))."""
    state = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state != _ESTABLISHED


_ESTABLISHED = 1


def _status(said: bytes) -> int:
    words = said.split(b" ", 2)
    return int(words[1]) if len(words) > 2 and words[1].isdigit() else 0


ROW = Row("slow", measure)
