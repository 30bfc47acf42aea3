"""The lines of the table, each measured by a module of its own; `python -m bench size --only NAME` runs some."""

from __future__ import annotations

from bench.rows import (
    brute,
    cpu,
    curves,
    deadline,
    floor,
    gif,
    lossless,
    lossy,
    memory,
    palette,
    promise,
    score,
    service,
    svg,
    url,
)
from bench.run import Row

SIZE: tuple[Row, ...] = (
    score.ROW,
    promise.ROW,
    *lossy.ROWS,
    floor.ROW,
    palette.ROW,
    lossless.ROW,
    gif.ROW,
    svg.ROW,
    brute.ROW,
    curves.ROW,
)
SPEED: tuple[Row, ...] = (cpu.ROW, service.ROW, url.ROW, memory.ROW, deadline.ROW)
