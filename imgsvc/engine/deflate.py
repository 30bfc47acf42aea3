"""PNG files compressed anew by oxipng, no pixel changed: quickly to compare two, thoroughly for a winner."""

from __future__ import annotations

import oxipng

from imgsvc.engine.budget import Budget

KEEP = oxipng.StripChunks.none()
FILTERS = [
    oxipng.RowFilter.NoOp,
    oxipng.RowFilter.Sub,
    oxipng.RowFilter.Up,
    oxipng.RowFilter.Average,
    oxipng.RowFilter.Paeth,
    oxipng.RowFilter.MinSum,
    oxipng.RowFilter.Entropy,
    oxipng.RowFilter.Bigrams,
    oxipng.RowFilter.BigEnt,
    oxipng.RowFilter.Brute,
]
SCREENED, EVERY = 2, 6
"""oxipng's levels: 2 tries filters by a quick compression and writes the best, 6 compresses in earnest by all."""
HARDEST = oxipng.Deflaters.libdeflater(12)

QUICK_SECONDS, SCREENING_SECONDS = 1.2e-6, 5e-6
"""For each pixel, on a slow machine."""
EVERY_COSTS, ZOPFLI_COSTS = 8.0, 8.0
"""Times as long as `screened`: the most that was measured, over photographs, screenshots and palettes."""
ZOPFLI_ROUNDS, MOST_ROUNDS, MOST_ROUNDS_PIXELS = 5, 15, 16_384
SMALL_PIXELS = 65_536
"""Up to here all filters in earnest take no time to speak of, and a quick trial is often wrong."""
MOST_ZOPFLI_SECONDS = 6.0
"""Zopfli takes 1 to 4 % off a palette's file, and often nothing off one of channels, where it is slowest."""
PALETTE = 3
"""The colour type of a palette, a byte of IHDR (PNG 3, 11.2.1)."""


def quick(data: bytes, loose: bool = False) -> bytes:
    """The smallest colour type and a filter by a quick trial; loose: colours under full transparency may change."""
    return bytes(oxipng.optimize_from_memory(data, level=SCREENED, strip=KEEP, optimize_alpha=loose))


def thorough(data: bytes, pixels: int, budget: Budget, every: bool) -> bytes:
    """The file or a smaller one: all filters by quick trials, then in earnest where `every` says so, then zopfli.

    Each step is taken if the time left allows it. `pixels` counts those of all frames.
    """
    if not budget.allows(pixels * SCREENING_SECONDS):
        return data
    before = budget.spent
    best = screened(data)
    took = budget.spent - before
    if (every or pixels <= SMALL_PIXELS) and budget.allows(EVERY_COSTS * took):
        best = min(best, bytes(oxipng.optimize_from_memory(best, level=EVERY, strip=KEEP)), key=len)
    tiny = pixels <= MOST_ROUNDS_PIXELS
    worth = best[25] == PALETTE or pixels <= (SMALL_PIXELS if every else MOST_ROUNDS_PIXELS)
    if worth and ZOPFLI_COSTS * took < min(MOST_ZOPFLI_SECONDS, budget.left):
        best = screened(best, oxipng.Deflaters.zopfli(MOST_ROUNDS if tiny else ZOPFLI_ROUNDS))
    return best


def screened(data: bytes, deflate: oxipng.Deflaters = HARDEST) -> bytes:
    """The file or a smaller one, by the filter that does best in quick trials."""
    made = oxipng.optimize_from_memory(data, level=SCREENED, strip=KEEP, filter=FILTERS, deflate=deflate)
    return min(data, bytes(made), key=len)
