"""One run: its pictures, its two processes, and what could not be measured."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from bench.corpus import Picture
from bench.figures import Figure
from bench.peers import Peer
from imgsvc.engine import pipeline

PROCESSES = 2
T = TypeVar("T")
Item = TypeVar("Item")


@dataclass(slots=True)
class Run:
    """What a row may use. `said` collects sentences on what was skipped or failed."""

    pictures: list[Picture]
    executor: ProcessPoolExecutor
    said: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    """Every single measurement by row, for the JSON file and the plots."""

    def each(self, act: Callable[[Item], T], items: Sequence[Item], label: Callable[[Item], str] = str) -> list[T]:
        """What `act` gives for each item, in two processes; an item that fails is said and left out."""
        tasks = [(label(item), self.executor.submit(act, item)) for item in items]
        done = []
        for name, task in tasks:
            try:
                done.append(task.result())
            except Exception as error:  # noqa: BLE001 - a peer may fail on any picture; the others go on
                self.said.append(f"{name}: {type(error).__name__}: {str(error)[:200]}")
        return done

    def have(self, *peers: Peer) -> list[Peer]:
        """The peers that are installed; the others are said."""
        for peer in peers:
            if peer.missing:
                self.said.append(f"{peer.name}: skipped, {', '.join(peer.missing)} not installed")
        return [peer for peer in peers if not peer.missing]

    def stills(self) -> list[Picture]:
        return [picture for picture in self.pictures if picture.still]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table, or a few that share their measurements."""

    name: str
    measure: Callable[[Run], list[Figure]]


def executor() -> ProcessPoolExecutor:
    """Two fresh processes, set up as a helper of the service is."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(PROCESSES, mp_context=context, initializer=partial(pipeline.prepare))
