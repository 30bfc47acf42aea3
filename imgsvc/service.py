"""What imgsvc can do, whoever asks: optimise a picture, or what a URL holds; `downloads` keeps and hands out."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from imgsvc.downloads import Downloads
from imgsvc.engine.budget import Limits
from imgsvc.engine.recipe import Recipe
from imgsvc.engine.result import Result, Step
from imgsvc.errors import (
    Busy,
    HostNotAllowed,
    MissingImage,
    OutOfOrder,
    StorageFull,
    TooManyBytes,
    TooSlow,
    Unfinished,
    UnsupportedKind,
    UrlNotAllowed,
)
from imgsvc.fetch import Fetcher
from imgsvc.gate import Admission
from imgsvc.hops import NOWHERE, Hops
from imgsvc.remote import Hosts, Keep, Order, Remote
from imgsvc.room import Room, Share
from imgsvc.sandbox import Load, Pool
from imgsvc.sandbox.wire import read_result
from imgsvc.settings import Settings
from imgsvc.store import keys
from imgsvc.store.cache import Cache, Made
from imgsvc.store.db import Database
from imgsvc.store.results import Entry


@dataclass(frozen=True, slots=True)
class Service:
    """The verbs. Holds the parts they need and nothing else."""

    settings: Settings
    database: Database
    pool: Pool
    room: Room
    fetcher: Fetcher
    cache: Cache
    downloads: Downloads
    clock: Callable[[], float] = time.time

    def start(self) -> None:
        """Get the helpers ready, so that the first picture need not wait; to be called after any fork."""
        self.pool.start()

    def expect(self) -> Share:
        """Room for an upload, asked for before its body is read: StorageFull, or Busy when all places are taken."""
        if shutil.disk_usage(self.settings.instance).free < self.settings.disk_reserve:
            raise StorageFull
        load = self.pool.load()
        if load.out_of_order:
            raise OutOfOrder(retry_after=load.retry_after)
        if load.running >= load.helpers and load.waiting >= self.settings.queue:
            raise Busy(retry_after=load.retry_after)
        return self.room.share()

    def optimize(
        self,
        data: bytes,
        recipe: Recipe,
        admission: Admission,
        gone: Callable[[], bool] = lambda: False,
        *,
        seconds: float | None = None,
    ) -> Result:
        """The picture as the recipe wants it; InputError for what cannot be used, Busy when there is no room.

        ClientGone soon after `gone` says that nobody waits for it any more. `seconds` of work, by default the deadline.
        """
        if not data:
            raise MissingImage("image: the file is empty, expected a picture.")
        if len(data) > admission.max_bytes:
            raise TooManyBytes(f"image: got {len(data)} bytes, expected at most {admission.max_bytes}.")
        work = self.settings.deadline if seconds is None else seconds
        return self.pool.run(data, recipe, seconds=work, limits=self._limits(admission), gone=gone)

    def order(
        self, url: str, recipe: Recipe, *, api: str, hosts: Hosts, hops: Hops = NOWHERE, work: float | None = None
    ) -> Order:
        """The order of what a URL holds, which `find` and `obtain` take; `work` as in `Order`.

        HostNotAllowed for a host that `hosts` does not name, UrlNotAllowed for a URL that may not be asked, and for a
        request that this installation sent itself, as its hops tell.
        """
        target = self.fetcher.read(url)
        if self.fetcher.is_own(hops):
            raise UrlNotAllowed
        if not hosts(target.host):
            raise HostNotAllowed
        return Order(target.url, recipe, api, hosts, hops, work)

    def find(self, order: Order) -> Remote | None:
        """What was made of an order before, if that may still be used."""
        entry = self.cache.find(order.key)
        return None if entry is None else _remote(entry, known=True)

    def obtain(
        self,
        order: Order,
        admission: Admission,
        *,
        seconds: float,
        keep: Keep,
        gone: Callable[[], bool] = lambda: False,
    ) -> Remote:
        """What is made of an order, once for all who ask at the same time; fetching and work take at most `seconds`.

        The errors of `Fetcher.get` and `optimize`; Unfinished where the picture was fetched and nothing came of it in
        time, any other TooSlow where another who makes it takes too long.
        """
        end = time.monotonic() + seconds

        def make(deserted: Callable[[], bool]) -> Made:
            return self._made(order, admission, end, keep, deserted)

        entry, known = self.cache.get(order.key, make, seconds=seconds, gone=gone)
        if remote := _remote(entry, known=known):
            return remote
        made, now = make(gone), self.clock()
        return Remote(read_result(made.note, made.data), now, now + made.seconds, known=False)

    def _made(
        self,
        order: Order,
        admission: Admission,
        end: float,
        keep: Keep,
        gone: Callable[[], bool],
    ) -> Made:
        share = self.expect()
        try:
            source = self.fetcher.get(
                order.url,
                seconds=min(self.settings.fetch_seconds, end - time.monotonic()),
                max_bytes=admission.max_bytes,
                hops=order.hops,
                grow=share.grow,
                gone=gone,
                hosts=order.hosts,
            )
            if not source.data:
                raise UnsupportedKind
            limits, work = self._limits(admission), order.work or self.settings.deadline
            result = self.pool.run(source.data, order.recipe, seconds=work, limits=limits, gone=gone, until=end)
            return Made(result.data, result.to_wire(), keep(result, source.fresh))
        except TooSlow as error:
            raise Unfinished from error
        finally:
            share.end()

    def _limits(self, admission: Admission) -> Limits:
        return Limits(
            max_width=admission.max_width,
            max_height=admission.max_height,
            max_frame_pixels=self.settings.max_frame_pixels,
            max_total_pixels=self.settings.max_total_pixels,
            max_frames=self.settings.max_frames,
        )

    def health(self) -> Load:
        """How busy the helpers are; Busy, or the database's own error, where the database does not answer."""
        keys.find(self.database, "")
        return self.pool.load()


def _remote(entry: Entry, *, known: bool) -> Remote | None:
    """A result as it was kept; None where it says what no engine of ours writes, as one of another build may."""
    with suppress(ValueError):
        return Remote(read_result(entry.note, entry.data), entry.made_at, entry.expires_at, known)
    return None


def facts(result: Result, *, known: bool = False) -> dict[str, Any]:
    """What a log line says of a result: formats, sizes in bytes, score, seconds of work, the passes tried.

    The passes are told where it is made, and not again where it was known.
    """
    line = {
        "original_format": result.original_format,
        "original_size": result.original_size,
        "format": result.format,
        "optimized_size": result.size,
        "score": None if result.score is None else round(result.score, 2),
        "work_seconds": round(result.seconds, 3),
        "hurried": result.hurried,
    }
    return line if known else line | {"steps": [_told(step) for step in result.steps]}


def _told(step: Step) -> str:
    words = (
        step.name,
        step.outcome,
        step.size,
        None if step.score is None else round(step.score, 1),
        step.note or None,
    )
    return " ".join(str(word) for word in words if word is not None)
