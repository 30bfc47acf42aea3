"""`python -m bench size|speed [DIR]` measures, `soak` attacks, `fuzz` guesses, `illustrate` draws."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from bench import corpus, plots, programs, report
from bench.figures import Figure
from bench.illustrate import DRAWN, illustrate
from bench.rows import SIZE, SPEED
from bench.run import Row, Run, executor
from bench.soak import command as soak
from bench.soak import fuzz

OUT = Path(__file__).resolve().parent / "out"
SHEETS = Path(__file__).resolve().parents[1] / "docs" / "quality"
ROWS = {"size": SIZE, "speed": SPEED}


def main() -> None:
    arguments = _arguments()
    match arguments.command:
        case "install":
            programs.install()
        case "soak":
            soak.main(arguments)
        case "fuzz":
            fuzz.main(arguments)
        case "illustrate":
            os.environ.update(programs.ONE_THREAD)
            for words in illustrate(arguments.out, arguments.only):
                sys.stdout.write(words)
        case _:
            measure(arguments)


def measure(arguments: argparse.Namespace) -> None:
    """The rows of `size` or `speed`."""
    os.environ.update(programs.ONE_THREAD)
    chosen = _chosen(arguments.command, arguments.only)
    pictures, left_out = corpus.load(arguments.folder)
    pictures = corpus.sample(pictures, arguments.sample)
    begun = time.monotonic()
    with executor() as processes:
        run = Run(pictures, processes, left_out)
        figures = [figure for row in chosen for figure in _measured(row, run)]
    facts = report.facts(len(pictures), time.monotonic() - begun)
    page = report.markdown(arguments.command, figures, run.said, facts)
    out = arguments.out
    report.write(out, arguments.command, page, figures, run.data)
    plots.draw(out, run.data)
    sys.stdout.write(page)


def _measured(row: Row, run: Run) -> list[Figure]:
    begun = time.monotonic()
    figures = row.measure(run)
    for figure in figures:
        sys.stderr.write(report.line(figure) + "\n")
    sys.stderr.write(f"{row.name}: {time.monotonic() - begun:.0f} s\n")
    return figures


def _chosen(command: str, only: str) -> list[Row]:
    names = [row.name for row in ROWS[command]]
    wanted = only.split(",") if only else names
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        sys.exit(f"--only: got {', '.join(unknown)}, expected some of {', '.join(names)}")
    return [row for row in ROWS[command] if row.name in wanted]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="bring the peers from their registries")
    for name in ROWS:
        _options(commands.add_parser(name, help="compare with the peers"), name)
    soak.options(commands.add_parser("soak", help="attack a running service"), OUT)
    fuzz.options(commands.add_parser("fuzz", help="guess at the parsers"))
    sheets = commands.add_parser("illustrate", help="draw the sheets of docs/quality.md")
    sheets.add_argument("--only", default="", help=f"sheets to draw, comma between: {', '.join(DRAWN)}")
    sheets.add_argument("--out", type=Path, default=SHEETS, help="folder for the sheets")
    return parser.parse_args()


def _options(parser: argparse.ArgumentParser, command: str) -> None:
    names = ", ".join(row.name for row in ROWS[command])
    parser.add_argument("folder", nargs="?", type=Path, help="a folder of pictures")
    parser.add_argument("--only", default="", help=f"rows to measure, comma between: {names}")
    parser.add_argument("--sample", type=int, help="at most so many pictures, spread evenly over the folder")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the report, the JSON and the plots")


if __name__ == "__main__":
    main()
