"""The run on paper: a Markdown table, and everything measured as JSON."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import programs
from bench.figures import Figure
from imgsvc import __version__

HEAD = "| row | what | figure | target | | median (5 %..95 %) | pictures | note |"
RULE = "|---|---|---:|---:|---|---|---:|---|"


def line(figure: Figure) -> str:
    """One row of the table."""
    sign = ">=" if figure.at_least else "<="
    target = "" if figure.target is None else f"{sign} {figure.target:g}"
    spread = figure.spread
    lie = f"{spread.median:.3f} ({spread.low:.3f}..{spread.high:.3f})" if spread else ""
    cells = (figure.row, figure.what, number(figure.value), target, figure.verdict, lie, str(figure.count), figure.note)
    return "| " + " | ".join(cells) + " |"


def number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4g}"


def markdown(command: str, figures: Sequence[Figure], said: Sequence[str], facts: dict[str, Any]) -> str:
    """The whole page."""
    parts = [f"# bench {command}", "", *(f"- {name}: {value}" for name, value in facts.items()), "", HEAD, RULE]
    parts += [line(figure) for figure in figures]
    if said:
        parts += ["", "Left out or failed:", "", *(f"- {sentence}" for sentence in said)]
    return "\n".join(parts) + "\n"


def facts(pictures: int, seconds: float) -> dict[str, Any]:
    """When, on what and with what."""
    versions = ", ".join(f"{name} {version or 'missing'}" for name, version in programs.versions().items())
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "imgsvc": __version__,
        "peers": versions,
        "pictures": pictures,
        "seconds": round(seconds),
    }


def write(folder: Path, command: str, page: str, figures: Sequence[Figure], data: dict[str, Any]) -> None:
    """The page and the JSON file into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{command}.md").write_text(page)
    whole = {"figures": [asdict(figure) | {"verdict": figure.verdict} for figure in figures], "data": data}
    (folder / f"{command}.json").write_text(json.dumps(whole, indent=1, allow_nan=True))
