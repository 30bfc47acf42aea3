"""`imgsvc optimize`: files of this machine through the same engine as the API."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import click

from imgsvc import ladder
from imgsvc.cli.batch import Batch
from imgsvc.cli.places import Places
from imgsvc.cli.report import Outcome, line, total, wire
from imgsvc.engine.recipe import AUTO, CENTRE, Colour, Gravity, Method, Recipe, Resize, Under
from imgsvc.errors import BadParameter
from imgsvc.settings import load

FORMATS = ("jpg", "jpeg", "png", "webp", "gif", "avif", "webm", "mp4", AUTO)
BOX = re.compile(r"([0-9]{1,5})[xX]([0-9]{1,5})")
SHARE = r"(0?\.[0-9]{1,9}|0|1(?:\.0{1,9})?)"
POINT = re.compile(f"{SHARE},{SHARE}")
COLOUR = re.compile(r"#?([0-9a-fA-F]{6})")


@click.command(short_help="Optimise files without a server.")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--quality", type=click.IntRange(1, 10), help="1 keeps every pixel, 10 (the default) is the smallest.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS, case_sensitive=False),
    help="Convert to this format; auto to the one that comes out smallest.",
)
@click.option("--ratio", metavar="WxH", help="A box of pixels to fit inside, never enlarged unless --method says so.")
@click.option(
    "--method",
    type=click.Choice(get_args(Method)),
    default="scale-down",
    help="What is done with the box: fit enlarges, crop and pad make exactly its size.",
)
@click.option("--keep", metavar="auto|X,Y", help="What a crop keeps: a point, 0 to 1 each, or what draws attention.")
@click.option("--trim", is_flag=True, help="Cut off a border of exactly one colour first.")
@click.option("--background", metavar="RRGGBB", default="ffffff", help="Colour of margins and behind transparency.")
@click.option("--max-bytes", type=click.IntRange(min=1), help="The best-looking file of at most this many bytes.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for the results.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array with one object a file.")
def optimize(
    files: tuple[Path, ...],
    quality: int | None,
    format_: str | None,
    ratio: str | None,
    method: Method,
    keep: str | None,
    trim: bool,
    background: str,
    max_bytes: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Optimise FILES: each result goes next to its source as NAME.opt.EXT, or into --out as NAME.EXT.

    A source is never overwritten. A file that fails is reported, the others go on, and the status is 1.
    """
    settings = load()
    recipe = replace(
        wanted(quality, format_, max_bytes), resize=box(ratio, method, keep), trim=trim, background=colour(background)
    )
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    batch = Batch(files, recipe, Places(files, out), settings)
    outcomes = list(batch.run()) if as_json else told(batch.run(), len(files))
    if as_json:
        click.echo(json.dumps([wire(outcome) for outcome in outcomes], indent=2))
    if any(outcome.error for outcome in outcomes):
        sys.exit(1)


def wanted(quality: int | None, format_: str | None, max_bytes: int | None) -> Recipe:
    """The recipe of these options; BadParameter where they exclude one another."""
    if quality is not None and max_bytes is not None:
        raise BadParameter("--max-bytes: excludes --quality, as the size decides how the picture may look.")
    goal = ladder.goal(10 if quality is None else quality) if max_bytes is None else Under(max_bytes)
    formats = () if format_ is None else ("jpg" if format_ == "jpeg" else format_,)
    return Recipe(goal, formats)


def box(ratio: str | None, method: Method, keep: str | None) -> Resize | None:
    """`800x600` as a box; BadParameter for anything else, and for what is of no use with it."""
    if keep is not None and method != "crop":
        raise BadParameter("--keep: of no use without --method crop.")
    if ratio is None and method != "scale-down":
        raise BadParameter(f"--ratio: missing, expected WIDTHxHEIGHT for --method {method}.")
    if ratio is None:
        return None
    match = BOX.fullmatch(ratio)
    if match is None or "0" in (match[1].lstrip("0") or "0", match[2].lstrip("0") or "0"):
        raise BadParameter.of("--ratio", ratio, "WIDTHxHEIGHT in pixels, each 1 to 99999, such as 1000x1000")
    return Resize(int(match[1]), int(match[2]), method, gravity(keep))


def gravity(keep: str | None) -> Gravity:
    """`auto`, or `0.5,0` as a point; BadParameter for anything else."""
    if keep is None:
        return CENTRE
    if keep == "auto":
        return "auto"
    match = POINT.fullmatch(keep)
    if match is None:
        raise BadParameter.of("--keep", keep, "auto or two numbers from 0 to 1, such as 0.5,0")
    return float(match[1]), float(match[2])


def colour(text: str) -> Colour:
    """`ff8000` as a colour; BadParameter for anything else."""
    match = COLOUR.fullmatch(text)
    if match is None:
        raise BadParameter.of("--background", text, "six hexadecimal digits, such as ff8000")
    red, green, blue = bytes.fromhex(match[1])
    return red, green, blue


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
