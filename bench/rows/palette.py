"""PNG with loss: bytes imgsvc needs at the score that pngquant, followed by oxipng -o max, reached."""

from __future__ import annotations

from typing import Any

from bench.corpus import Picture
from bench.encodes import Subject
from bench.figures import Figure, mean_ratio, named
from bench.peers import PALETTES
from bench.run import Row, Run

TARGET = 0.97
ALIKE = 99.95
"""A picture that fits its palette is lossless for both: that is the lossless row's matter."""


def compare(picture: Picture) -> dict[str, Any]:
    """Each setting's bytes and score, and our bytes at that score."""
    subject = Subject(picture.pixels(), "png")
    found: dict[str, Any] = {"name": picture.name, "megapixels": picture.megapixels, "peers": {}}
    for peer in PALETTES:
        theirs = subject.peer(peer)
        ours = None if theirs.score >= ALIKE else subject.curve.size_at(theirs.score)
        found["peers"][peer.name] = {"size": theirs.size, "score": theirs.score, "ours": ours}
    return found


def measure(run: Run) -> list[Figure]:
    peers = run.have(*PALETTES)
    if len(peers) < len(PALETTES):
        return []
    pictures = [picture for picture in run.stills() if picture.format in ("png", "gif", "bmp")]
    found = run.each(compare, pictures, lambda picture: f"{picture.name} as palette png")
    run.data["png"] = found
    return [_figure(peer.name, found) for peer in peers]


def _figure(peer: str, found: list[dict[str, Any]]) -> Figure:
    pairs = {one["name"]: one["peers"][peer] for one in found}
    ratios = {name: pair["ours"] / pair["size"] for name, pair in pairs.items() if pair["ours"]}
    what = f"png bytes at the score of {peer} + oxipng -o max, geometric mean"
    return mean_ratio("palette", what, list(ratios.values()), TARGET, named(ratios))


ROW = Row("palette", measure)
