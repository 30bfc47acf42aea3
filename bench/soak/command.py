"""`python -m bench soak`: attacks a running service and prints what held; the whole takes a while, `--scale` less."""

from __future__ import annotations

import argparse
import platform
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import report
from bench.figures import Figure
from bench.soak.rows import ROWS
from bench.soak.run import CORPUS, Row, Soak
from imgsvc import __version__
from imgsvc.settings import cores

HEAD = "| row | what | figure | target | | median (5 %..95 %) | of | note |"


def main(arguments: argparse.Namespace) -> None:
    """Run the rows; the page and the JSON file go to a folder."""
    # So that whoever stops the run stops the services as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    soak = Soak(arguments.scale, arguments.seed, arguments.folder)
    begun = time.monotonic()
    figures = [figure for row in chosen(arguments.only) for figure in _measured(row, soak)]
    page = markdown(soak, figures, time.monotonic() - begun)
    report.write(arguments.out, "soak", page, figures, soak.data)
    sys.stdout.write(page)


def options(parser: argparse.ArgumentParser, out: Path) -> None:
    """What the command takes."""
    parser.add_argument("folder", nargs="?", type=Path, default=CORPUS, help="hostile files and their MANIFEST.csv")
    parser.add_argument("--only", default="", help="rows, comma between: " + ", ".join(row.name for row in ROWS))
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full counts, such as 0.05")
    parser.add_argument("--seed", type=int, default=1, help="other dice")
    parser.add_argument("--out", type=Path, default=out, help="folder for the report and the JSON")


def chosen(only: str) -> list[Row]:
    names = [row.name for row in ROWS]
    wanted = only.split(",") if only else names
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        sys.exit(f"--only: got {', '.join(unknown)}, expected some of {', '.join(names)}")
    return [row for row in ROWS if row.name in wanted]


def _measured(row: Row, soak: Soak) -> list[Figure]:
    begun = time.monotonic()
    try:
        figures = row.measure(soak)
    except Exception as error:  # noqa: BLE001 - the other rows go on, and the page says which one did not
        sys.stderr.write(traceback.format_exc())
        soak.said.append(f"{row.name}: failed, {type(error).__name__}: {error}")
        figures = []
    for figure in figures:
        sys.stderr.write(report.line(figure) + "\n")
    soak.data.setdefault("seconds", {})[row.name] = round(time.monotonic() - begun, 1)
    sys.stderr.write(f"{row.name}: {time.monotonic() - begun:.0f} s\n")
    return figures


def markdown(soak: Soak, figures: Sequence[Figure], seconds: float) -> str:
    """The whole page."""
    facts = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{platform.machine()}, {cores()} cores, {platform.system()} {platform.release()}",
        "imgsvc": f"{__version__}, Python {platform.python_version()}",
        "scale": f"{soak.scale:g}, seed {soak.seed}",
        "seconds": round(seconds),
    }
    parts = ["# bench soak", "", *(f"- {name}: {value}" for name, value in facts.items()), "", HEAD, report.RULE]
    parts += [report.line(figure) for figure in figures]
    if soak.said:
        parts += ["", "Left out or failed:", "", *(f"- {sentence}" for sentence in soak.said)]
    return "\n".join(parts) + "\n"
