"""`imgsvc optimize`: files of this machine through the same engine as the API."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from imgsvc import ladder
from imgsvc.cli.batch import Batch
from imgsvc.cli.places import Places
from imgsvc.cli.report import Outcome, line, total, wire
from imgsvc.engine.recipe import AUTO, Recipe, Resize, Under
from imgsvc.errors import BadParameter
from imgsvc.settings import load

FORMATS = ("jpg", "jpeg", "png", "webp", "gif", "avif", AUTO)
BOX = re.compile(r"([0-9]{1,5})[xX]([0-9]{1,5})")


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--quality", type=click.IntRange(1, 10), help="1 keeps every pixel, 10 (the default) is the smallest.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS, case_sensitive=False),
    help="Convert to this format; auto to the one that comes out smallest.",
)
@click.option("--ratio", metavar="WxH", help="Fit inside this box of pixels; never enlarges.")
@click.option("--max-bytes", type=click.IntRange(min=1), help="The best-looking file of at most this many bytes.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the results.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with one object a file.")
def optimize(
    files: tuple[Path, ...],
    quality: int | None,
    format_: str | None,
    ratio: str | None,
    max_bytes: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Optimise FILES: each result goes next to its source as NAME.opt.EXT, or into --out as NAME.EXT.

    A source is never overwritten. A file that fails is reported, the others go on, and the status is 1.
    """
    settings = load()
    recipe = wanted(quality, format_, ratio, max_bytes)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    batch = Batch(files, recipe, Places(files, out), settings)
    outcomes = list(batch.run()) if as_json else told(batch.run(), len(files))
    if as_json:
        click.echo(json.dumps([wire(outcome) for outcome in outcomes], indent=2))
    if any(outcome.error for outcome in outcomes):
        sys.exit(1)


def wanted(quality: int | None, format_: str | None, ratio: str | None, max_bytes: int | None) -> Recipe:
    """The recipe of these options; BadParameter where they are wrong or exclude one another."""
    if quality is not None and max_bytes is not None:
        raise BadParameter("--max-bytes: excludes --quality, as the size decides how the picture may look.")
    goal = ladder.goal(10 if quality is None else quality) if max_bytes is None else Under(max_bytes)
    formats = () if format_ is None else ("jpg" if format_ == "jpeg" else format_,)
    return Recipe(goal, formats, None if ratio is None else box(ratio))


def box(ratio: str) -> Resize:
    """`800x600` as a box; BadParameter for anything else."""
    match = BOX.fullmatch(ratio)
    if match is None or "0" in (match[1].lstrip("0") or "0", match[2].lstrip("0") or "0"):
        raise BadParameter.of("--ratio", ratio, "WIDTHxHEIGHT in pixels, each 1 to 99999, such as 1000x1000")
    return Resize(int(match[1]), int(match[2]))


def told(outcomes: Iterable[Outcome], count: int) -> list[Outcome]:
    """The outcomes, each printed as it comes; a terminal also sees how far the work is."""
    seen: list[Outcome] = []
    progress(f"0 of {count}")
    for outcome in outcomes:
        seen.append(outcome)
        progress("")
        click.echo(line(outcome), err=bool(outcome.error))
        progress(f"{len(seen)} of {count}" if len(seen) < count else "")
    if count > 1:
        click.echo(total(seen))
    return seen


def progress(words: str) -> None:
    """Replace the last line of a terminal by these words; other outputs are left alone."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{words}")
        sys.stderr.flush()
