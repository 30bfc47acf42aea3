"""Pictures by URL: the proxy beside IPX and thumbor, first requests and repeats; a hit beside a static file."""

from __future__ import annotations

import http.client
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from bench import nginx
from bench.arithmetic import percentile, spread
from bench.figures import Figure
from bench.programs import missing
from bench.rows.service import picture
from bench.run import Row, Run
from bench.scores import read
from bench.servers import BY_URL, HOST, QUALITY, SIDE, START_SECONDS, free_port, running
from bench.soak.service import serving

FRESH_TARGET, REPEAT_TARGET, HIT_TARGET = 1.3, 20.0, 1.5
PICTURES, CLIENTS, ROUNDS, WARM = 40, 4, 3, 4
REPEAT_SECONDS = 5.0
LOOKS, LOOKS_WARM = 500, 50
OURS = "imgsvc"
Rates = dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class Contender:
    """A service that fetches, started afresh by `opened`, which gives its port; `path` asks it for a source."""

    name: str
    opened: Callable[[], AbstractContextManager[int]]
    path: Callable[[str], str]


def measure(run: Run) -> list[Figure]:
    if missing(["nginx"]):
        run.said.append("url: skipped, nginx not installed")
        return []
    rivals = [server for server in BY_URL if not missing(server.needs)]
    run.said += [f"{server.name}: skipped, not installed" for server in BY_URL if server not in rivals]
    with tempfile.TemporaryDirectory() as name:
        folder, origin = Path(name), free_port()
        # nginx started by root reads as somebody else.
        folder.chmod(0o755)
        sources = _sources(folder / "pictures", picture(run.stills()), origin)
        with nginx.serving(folder / "origin", origin, folder / "pictures"):
            ours = Contender(OURS, partial(_proxy, origin), _path)
            theirs = [Contender(one.name, partial(running, one, folder), one.path) for one in rivals]
            fresh, repeats = _rates([ours, *theirs], sources, run)
            beyond, note = _beyond_a_file(folder, origin, sources[0])
    run.data["url"] = {"first": fresh, "repeats": repeats, "milliseconds beyond a file": beyond}
    what = "milliseconds of a hit beyond a static file of its size, behind the same nginx, median"
    hit = Figure("url", what, percentile(beyond, 0.5), HIT_TARGET, False, LOOKS, spread(beyond), note)
    return [*_figure("first requests", fresh, FRESH_TARGET), *_figure("repeats", repeats, REPEAT_TARGET), hit]


def _sources(folder: Path, data: bytes, origin: int) -> list[str]:
    folder.mkdir()
    names = [f"photo-{number}.jpg" for number in range(PICTURES + WARM)]
    for name in names:
        (folder / name).write_bytes(data)
    return [f"http://{HOST}:{origin}/{name}" for name in names]


def _figure(what: str, rates: Rates, target: float) -> Iterator[Figure]:
    medians = {name: percentile(found, 0.5) for name, found in rates.items()}
    best = max((rate for name, rate in medians.items() if name != OURS), default=None)
    if OURS not in medians or best is None:
        return
    ratios = [rate / best for rate in rates[OURS]]
    note = ", ".join(f"{name} {rate:.1f}/s" for name, rate in medians.items())
    text = f"{what} a second over the better of {', '.join(name for name in medians if name != OURS)}"
    yield Figure("url", text, medians[OURS] / best, target, True, ROUNDS, spread(ratios), note)


def _rates(contenders: Sequence[Contender], sources: list[str], run: Run) -> tuple[Rates, Rates]:
    """Answers a second in each round, to first requests and to repeats; the services take turns, each started anew."""
    fresh: Rates = {}
    repeats: Rates = {}
    for _ in range(ROUNDS):
        for one in contenders:
            try:
                with one.opened() as port:
                    first, again = _round(port, [one.path(source) for source in sources])
            except RuntimeError as error:
                run.said.append(f"{one.name}: {error}")
                continue
            fresh.setdefault(one.name, []).append(first)
            repeats.setdefault(one.name, []).append(again)
    return fresh, repeats


def _round(port: int, paths: list[str]) -> tuple[float, float]:
    """First requests a second, then those that repeat them for a while; every client keeps its connection."""
    lines = [http.client.HTTPConnection(HOST, port, timeout=START_SECONDS) for _ in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        answer = _get(lines[0], paths[0])
        if max(read(answer).shape[:2]) != SIDE or answer[8:12] != b"WEBP":
            raise RuntimeError(f"the answer is not WebP of {SIDE} pixels")
        list(clients.map(_all, lines, [paths[number : number + 1] for number in range(WARM)]))
        firsts = paths[WARM:]
        begun = time.monotonic()
        list(clients.map(_all, lines, [firsts[number::CLIENTS] for number in range(CLIENTS)]))
        first = len(firsts) / (time.monotonic() - begun)
        begun = time.monotonic()
        counts = list(clients.map(partial(_again, paths=firsts, until=begun + REPEAT_SECONDS), lines))
        again = sum(counts) / (time.monotonic() - begun)
    for line in lines:
        line.close()
    return first, again


def _all(line: http.client.HTTPConnection, paths: list[str]) -> None:
    for path in paths:
        _get(line, path)


def _again(line: http.client.HTTPConnection, paths: list[str], until: float) -> int:
    count = 0
    while time.monotonic() < until:
        _get(line, paths[count % len(paths)])
        count += 1
    return count


def _get(line: http.client.HTTPConnection, path: str) -> bytes:
    line.request("GET", path)
    answer = line.getresponse()
    data = answer.read()
    if answer.status != http.client.OK:
        raise RuntimeError(f"{path}: got status {answer.status}: {data[:100]!r}, expected 200")
    return data


def _beyond_a_file(folder: Path, origin: int, source: str) -> tuple[list[float], str]:
    """How many milliseconds longer a hit takes than a static file of the same bytes, looked at in turn."""
    front = free_port()
    static: list[float] = []
    hits: list[float] = []
    with _proxy(origin) as port, nginx.serving(folder / "front", front, folder / "pictures", behind=port):
        line = http.client.HTTPConnection(HOST, front, timeout=START_SECONDS)
        path = _path(source)
        (folder / "pictures" / "made.webp").write_bytes(_get(line, path))
        for number in range(LOOKS_WARM + LOOKS):
            for asked, times in (("/made.webp", static), (path, hits)):
                begun = time.perf_counter()
                _get(line, asked)
                if number >= LOOKS_WARM:
                    times.append(1000 * (time.perf_counter() - begun))
        line.close()
    usual = percentile(static, 0.5)
    return [hit - usual for hit in hits], f"file {usual:.2f} ms, hit {percentile(hits, 0.5):.2f} ms"


@contextmanager
def _proxy(origin: int) -> Iterator[int]:
    """The port of `imgsvc serve` at its defaults, but that it may fetch from the origin."""
    with serving(
        IMAGE_PROXY="on", FETCH_NETWORKS=f"{HOST}/32", FETCH_PORTS=origin, IMAGE_PROXY_PER_MINUTE=10**6
    ) as service:
        yield service.site.port


def _path(source: str) -> str:
    return f"/api/proxy?url={quote(source, safe='')}&w={SIDE}&q={QUALITY}&format=webp"


ROW = Row("url", measure)
