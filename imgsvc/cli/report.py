"""What `imgsvc optimize` says about a file: a line for people, an object for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgsvc.cli.text import size
from imgsvc.engine.result import Result


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one file: a result and its place, or the sentence of an error."""

    source: Path
    place: Path | None = None
    result: Result | None = None
    error: str = ""


def kept(result: Result) -> list[str]:
    """Names of the passes whose work is in the result, e.g. `jpg.mozjpeg`; empty where the source was best."""
    return [step.name for step in result.steps if step.outcome == "kept"]


def line(outcome: Outcome) -> str:
    """One line: name, sizes, savings, score, seconds, passes kept, place."""
    result = outcome.result
    if result is None:
        return f"{outcome.source}: {outcome.error}"
    score = "" if result.score is None else f"  score {result.score:.1f}"
    passes = ", ".join(kept(result)) or "already as small as it gets"
    return (
        f"{outcome.source}: {size(result.original_size)} -> {size(result.size)}  {-result.saved:+.1f} %{score}"
        f"  {result.seconds:.1f} s  [{passes}]  {outcome.place}"
    )


def total(outcomes: Sequence[Outcome]) -> str:
    """The last line: all files together."""
    done = [outcome.result for outcome in outcomes if outcome.result]
    failed = len(outcomes) - len(done)
    before, after = sum(one.original_size for one in done), sum(one.size for one in done)
    percent = 100.0 * (after - before) / before if before else 0.0
    words = f"{len(done)} optimised: {size(before)} -> {size(after)}  {percent:+.1f} %"
    return f"{words}; {failed} failed" if failed else words


def wire(outcome: Outcome) -> dict[str, Any]:
    """The same as JSON values; `error` is null for a result, and the only other field for a failure."""
    result = outcome.result
    if result is None:
        return {"file": str(outcome.source), "error": outcome.error}
    return {
        "file": str(outcome.source),
        "error": None,
        "output": str(outcome.place),
        "original_size": result.original_size,
        "optimized_size": result.size,
        "savings_percent": round(result.saved, 1),
        "original_format": result.original_format,
        "output_format": result.format,
        "width": result.width,
        "height": result.height,
        "frames": result.frames,
        "score": result.score,
        "seconds": round(result.seconds, 3),
        "passes": kept(result),
    }
