"""JPEG, WebP and AVIF: bytes imgsvc needs at the score a peer reached, picture by picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.corpus import Picture
from bench.encodes import Subject
from bench.figures import Figure, mean_ratio, named
from bench.peers import STILLS, Peer
from bench.run import Row, Run

TARGETS = {
    ("jpg", "sharp default"): 0.90,
    ("jpg", "sharp mozjpeg"): 0.99,
    ("webp", "sharp default"): 0.93,
    ("avif", "sharp default"): 0.96,
}
ALIKE = 99.95
"""From this score on a peer's file is as good as lossless, and no comparison of lossy encoders."""


@dataclass(frozen=True, slots=True)
class Task:
    """One picture, one format; `peers` are places in the table, as functions do not travel between processes."""

    picture: Picture
    format: str
    peers: tuple[str, ...]


def compare(task: Task) -> dict[str, Any]:
    """Each peer's bytes and score, and our bytes at that score."""
    subject = Subject(task.picture.pixels(), task.format)
    found: dict[str, Any] = {"name": task.picture.name, "megapixels": task.picture.megapixels, "peers": {}}
    for peer in STILLS[task.format]:
        if peer.name in task.peers:
            theirs = subject.peer(peer)
            ours = None if theirs.score >= ALIKE else subject.curve.size_at(theirs.score)
            found["peers"][peer.name] = {"size": theirs.size, "score": theirs.score, "ours": ours}
    return found


def measure(format_: str, run: Run) -> list[Figure]:
    peers = run.have(*STILLS[format_])
    tasks = [Task(picture, format_, tuple(peer.name for peer in peers)) for picture in run.stills()]
    found = run.each(compare, tasks, lambda task: f"{task.picture.name} as {format_}")
    run.data[format_] = found
    return [_figure(format_, peer, found, run) for peer in peers]


def _figure(format_: str, peer: Peer, found: list[dict[str, Any]], run: Run) -> Figure:
    pairs = {one["name"]: one["peers"][peer.name] for one in found if peer.name in one["peers"]}
    ratios = {name: pair["ours"] / pair["size"] for name, pair in pairs.items() if pair["ours"]}
    beyond = sorted(set(pairs) - set(ratios))
    if beyond:
        run.said.append(f"{format_} against {peer.name}: no size at the peer's score for {', '.join(beyond)}")
    total = math.fsum(pairs[name]["ours"] for name in ratios) / max(1, sum(pairs[name]["size"] for name in ratios))
    what = f"{format_} bytes at the score of {peer.name}, geometric mean"
    note = f"sum {total:.3f}; {named(ratios)}"
    return mean_ratio(format_, what, list(ratios.values()), TARGETS.get((format_, peer.name)), note)


ROWS = tuple(Row(format_, partial(measure, format_)) for format_ in STILLS)
