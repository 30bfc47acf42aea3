"""The run as pictures: bytes over score, one panel a format; ratios at the same score; time over megapixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import StrMethodFormatter

FORMATS = ("jpg", "webp", "avif")
LOOKS = {"imgsvc": "o-", "sharp": "s--", "sharp mozjpeg": "d--", "Pillow": "^:"}
WIDTH, HEIGHT = 4.6, 3.9
DOTS = 110


def draw(folder: Path, data: dict[str, Any]) -> list[Path]:
    """PNG files into a folder, those that the data has points for."""
    mpl.use("Agg")
    plots = {"bytes-over-score": _curves, "ratios": _ratios, "time-over-megapixels": _times}
    drawn = []
    for name, paint in plots.items():
        formats = [one for one in FORMATS if data.get(PREFIXES[name] + one)]
        if formats:
            figure, panels = pyplot.subplots(
                1, len(formats), figsize=(WIDTH * len(formats), HEIGHT), squeeze=False, layout="constrained"
            )
            for panel, format_ in zip(panels[0], formats, strict=True):
                paint(panel, format_, data[PREFIXES[name] + format_])
                panel.grid(alpha=0.3)
            figure.savefig(folder / f"{name}.png", dpi=DOTS)
            pyplot.close(figure)
            drawn.append(folder / f"{name}.png")
    return drawn


PREFIXES = {"bytes-over-score": "curves ", "ratios": "", "time-over-megapixels": "cpu "}


def _curves(panel: Axes, format_: str, found: list[dict[str, Any]]) -> None:
    """A line for each picture and encoder: means over pictures would flatter an encoder whose scores vary more."""
    for number, (name, look) in enumerate(LOOKS.items()):
        for line in (one["lines"][name] for one in found if name in one["lines"]):
            drawn = panel.plot(*zip(*sorted(line), strict=True), look, color=f"C{number}", markersize=3, linewidth=1)
            drawn[0].set_label("" if name in panel.get_legend_handles_labels()[1] else name)
    panel.set_yscale("log")
    for axis in (panel.yaxis.set_major_formatter, panel.yaxis.set_minor_formatter):
        axis(StrMethodFormatter("{x:g}"))
    panel.set(title=f"{format_}, {len(found)} pictures", xlabel="score", ylabel="bits a pixel")
    panel.legend(fontsize=8)


def _ratios(panel: Axes, format_: str, found: list[dict[str, Any]]) -> None:
    """Each picture's ratio over the score at which it was compared."""
    for name in {name: None for one in found for name in one["peers"]}:
        pairs = [one["peers"][name] for one in found if one["peers"].get(name, {}).get("ours")]
        points = [(pair["score"], pair["ours"] / pair["size"]) for pair in pairs]
        panel.plot([x for x, _ in points], [y for _, y in points], ".", label=name)
    panel.axhline(1.0, color="black", linewidth=0.8)
    panel.set(title=f"{format_}: bytes over the peer's", xlabel="score of both", ylabel="ratio")
    panel.legend(fontsize=8)


def _times(panel: Axes, format_: str, found: list[dict[str, Any]]) -> None:
    """Seconds of CPU; the machine's own, so only the distance between the two says anything."""
    for key, name, look in (("looks", "LooksLike", "o"), ("fixed", "Fixed", "x")):
        panel.plot([one["megapixels"] for one in found], [one[key] for one in found], look, label=name)
    panel.set_ylim(bottom=0)
    panel.set(title=format_, xlabel="megapixels", ylabel="seconds of CPU")
    panel.legend(fontsize=8)
