"""How the command line shows things: aligned columns and readable sizes."""

from __future__ import annotations

from collections.abc import Sequence

UNITS = ("B", "kB", "MB", "GB")
STEP = 1024


def table(rows: Sequence[Sequence[str]]) -> str:
    """The rows as lines of left-aligned columns, two blanks apart; all rows are equally long."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def size(count: int) -> str:
    """Bytes as people read them, in steps of 1024: `812 B`, `24.5 kB`, `1.3 MB`."""
    value, unit = float(count), 0
    while value >= STEP and unit < len(UNITS) - 1:
        value, unit = value / STEP, unit + 1
    return f"{value:.1f} {UNITS[unit]}" if unit else f"{count} B"
