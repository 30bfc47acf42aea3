"""Throughput of whole services: a JPEG of 2000x1333 to WebP of 1000 pixels at one fixed quality, in turn."""

from __future__ import annotations

import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from bench.arithmetic import percentile, spread
from bench.corpus import Picture, opaque
from bench.figures import Figure
from bench.pictures import photo, saved
from bench.programs import missing
from bench.run import Row, Run
from bench.scores import Truth, read
from bench.servers import SERVERS, SIDE, Server, fetch, running
from imgsvc.engine.graphics import is_graphic

TARGET = 1.1
SIZE = (2000, 1333)
REQUESTS, CLIENTS, ROUNDS, WARM = 40, 4, 3, 6


def measure(run: Run) -> list[Figure]:
    servers = [server for server in SERVERS if not missing(server.needs)]
    run.said += [f"{server.name}: skipped, not installed" for server in SERVERS if server not in servers]
    with tempfile.TemporaryDirectory() as name:
        upload = picture(run.stills())
        rates, answers = _rates(servers, Path(name), upload, run)
    medians = {server: percentile(rates[server], 0.5) for server in rates}
    looks = {server: _look(upload, answer) for server, answer in answers.items()}
    sizes = {server: len(answer) for server, answer in answers.items()}
    run.data["service"] = {"pictures a second": rates, "bytes": sizes, "scores": looks}
    rivals = [medians[server] for server in medians if server != "imgsvc"]
    if "imgsvc" not in medians or not rivals:
        return []
    ratios = [rate / max(rivals) for rate in rates["imgsvc"]]
    note = ", ".join(f"{one} {medians[one]:.1f}/s, {sizes[one]} bytes that score {looks[one]:.1f}" for one in medians)
    what = f"throughput over the better of {', '.join(server for server in medians if server != 'imgsvc')}"
    return [Figure("service", what, medians["imgsvc"] / max(rivals), TARGET, True, ROUNDS, spread(ratios), note)]


def picture(stills: list[Picture]) -> bytes:
    """The largest JPEG photograph of the set at the size of the row, or a generated one."""
    photos = [one for one in stills if one.format == "jpg" and not is_graphic(one.pixels())]
    if not photos:
        return saved(photo(*SIZE, 11), "JPEG", quality=90)
    largest = max(photos, key=lambda one: one.megapixels)
    image = Image.fromarray(opaque(largest.pixels())).resize(SIZE, Image.Resampling.LANCZOS)
    return saved(image, "JPEG", quality=90)


def _rates(
    servers: list[Server], folder: Path, upload: bytes, run: Run
) -> tuple[dict[str, list[float]], dict[str, bytes]]:
    """Pictures a second in each round, and an answer; servers take turns so that a slow minute hits all of them."""
    names = [f"photo-{number}.jpg" for number in range(REQUESTS)]
    for name in names:
        (folder / name).write_bytes(upload)
    rates: dict[str, list[float]] = {server.name: [] for server in servers}
    answers: dict[str, bytes] = {}
    for _ in range(ROUNDS):
        for server in servers:
            try:
                rate, answers[server.name] = _round(server, folder, upload, names)
                rates[server.name].append(rate)
            except RuntimeError as error:
                log = folder / f"{server.name}.log"
                run.said.append(f"{error}; {log.read_text(errors='replace')[-300:] if log.exists() else ''}")
        shutil.rmtree(folder / "instance", ignore_errors=True)
    return {name: found for name, found in rates.items() if found}, answers


def _round(server: Server, folder: Path, upload: bytes, names: list[str]) -> tuple[float, bytes]:
    with running(server, folder) as port, ThreadPoolExecutor(CLIENTS) as clients:
        ask = partial(_ask, server, port, upload)
        answer = list(clients.map(ask, names[:WARM]))[-1]
        if max(read(answer).shape[:2]) != SIDE or answer[8:12] != b"WEBP":
            raise RuntimeError(f"{server.name}: the answer is not WebP of {SIDE} pixels")
        begun = time.monotonic()
        list(clients.map(ask, names))
        return len(names) / (time.monotonic() - begun), answer


def _look(upload: bytes, answer: bytes) -> float:
    """The score of an answer against the whole upload made small by Pillow: how alike those services' pictures are."""
    shown = read(answer)
    whole = Image.fromarray(read(upload)).resize(shown.shape[1::-1], Image.Resampling.LANCZOS)
    return Truth(np.asarray(whole)).score(shown)


def _ask(server: Server, port: int, upload: bytes, name: str) -> bytes:
    return fetch(port, server.path(name), upload if server.upload else None)


ROW = Row("service", measure)
