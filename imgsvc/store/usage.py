"""Counters for rate limits: hits of a name within a window of time, exact over all processes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, or_

from imgsvc.store.db import Database, insert
from imgsvc.store.schema import USAGE

CLOCK_SLACK = 60


@dataclass(frozen=True, slots=True)
class Count:
    """Hits in the window, the asking one included, and when the next window begins (seconds since 1970)."""

    hits: int
    resets_at: float


def count(db: Database, name: str, *, window: int, now: float) -> Count:
    """Count one hit of `name`. Windows are `window` seconds long and begin at whole multiples of it since 1970."""
    starts_at = int(now // window) * window
    with db.write() as connection:
        first = insert(connection, USAGE).values(name=name, seconds=window, starts_at=starts_at, hits=1)
        statement = first.on_conflict_do_update(
            index_elements=[USAGE.c.name, USAGE.c.seconds, USAGE.c.starts_at],
            set_={"hits": USAGE.c.hits + 1},
        )
        hits = connection.execute(statement.returning(USAGE.c.hits)).scalar_one()
    return Count(hits=hits, resets_at=float(starts_at + window))


def clear(db: Database, now: float) -> int:
    """Remove counters of windows that are over, or that a clock set back since has put in the future; how many."""
    over = USAGE.c.starts_at + USAGE.c.seconds <= now
    with db.write() as connection:
        statement = delete(USAGE).where(or_(over, USAGE.c.starts_at > now + CLOCK_SLACK))
        return connection.execute(statement).rowcount
