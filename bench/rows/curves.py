"""Bytes over score for the plots: a few pictures, every encoder at a ladder of its qualities."""

from __future__ import annotations

from typing import Any

from bench.corpus import Picture, sample
from bench.encodes import Subject
from bench.figures import Figure
from bench.peers import Peer, pillow, sharp
from bench.run import Row, Run

PICTURES = 6
MEGAPIXELS = (0.15, 1.0)
AIMS = (50.0, 60.0, 70.0, 80.0, 88.0)
QUALITIES = {"jpg": (40, 60, 75, 85, 92), "webp": (40, 60, 75, 85, 92), "avif": (30, 45, 60, 72, 84)}


def encoders(format_: str) -> dict[str, tuple[Peer, ...]]:
    """Each encoder at its qualities, by the name in the legend."""
    qualities = QUALITIES[format_]
    found = {
        "sharp": tuple(sharp(format_, str(quality), quality=quality) for quality in qualities),
        "Pillow": tuple(pillow(format_, str(quality), quality=quality) for quality in qualities),
    }
    if format_ == "jpg":
        name = "sharp mozjpeg"
        found[name] = tuple(sharp("jpg", f"mozjpeg {q}", quality=q, mozjpeg=True) for q in qualities)
    return found


def trace(task: tuple[Picture, str]) -> dict[str, Any]:
    """Score and bits a pixel of one picture, by encoder, from the lowest quality up."""
    picture, format_ = task
    subject = Subject(picture.pixels(), format_)
    pixels = picture.megapixels * 1e6
    found = {
        name: [subject.peer(peer) for peer in peers]
        for name, peers in encoders(format_).items()
        if not peers[0].missing
    }
    found["imgsvc"] = [subject.ours(aim) for aim in AIMS]
    lines = {name: [[point.score, 8 * point.size / pixels] for point in points] for name, points in found.items()}
    return {"name": picture.name, "lines": lines}


def measure(run: Run) -> list[Figure]:
    low, high = MEGAPIXELS
    medium = [one for one in run.stills() if low <= one.megapixels <= high and one.format in ("jpg", "png", "webp")]
    for format_ in QUALITIES:
        tasks = [(picture, format_) for picture in sample(medium, PICTURES)]
        run.data[f"curves {format_}"] = run.each(trace, tasks, lambda task: f"{task[0].name} traced")
    return []


ROW = Row("curves", measure)
