"""The attacks, each in a module of its own; `python -m bench soak --only NAME` runs some."""

from __future__ import annotations

from bench.soak.rows import bombs, corpus, disk, faults, flood, kill, leak, links, mutants, slow
from bench.soak.run import Row

ROWS: tuple[Row, ...] = (
    corpus.ROW,
    mutants.ROW,
    bombs.ROW,
    links.ROW,
    faults.ROW,
    flood.ROW,
    slow.ROW,
    kill.ROW,
    disk.ROW,
    leak.ROW,
)
