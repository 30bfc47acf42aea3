"""What imgsvc can do, whoever asks: optimise a picture or what a URL holds, keep it for one download, hand it out."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from imgsvc.engine.budget import Limits
from imgsvc.engine.recipe import Recipe
from imgsvc.engine.result import Result, Step, from_wire
from imgsvc.errors import (
    Busy,
    InUse,
    MissingImage,
    NotFound,
    OutOfOrder,
    StorageFull,
    TooManyBytes,
    UnsupportedKind,
    UrlNotAllowed,
)
from imgsvc.fetch import Fetcher
from imgsvc.gate import Admission
from imgsvc.remote import Hosts, Order, Remote
from imgsvc.room import Room, Share
from imgsvc.sandbox import Load, Pool
from imgsvc.settings import Settings
from imgsvc.store import keys, links
from imgsvc.store.blobs import Blobs
from imgsvc.store.cache import Cache, Made
from imgsvc.store.db import Database
from imgsvc.store.links import Claim as Claim
from imgsvc.store.links import Link as Link
from imgsvc.store.links import Offer as Offer

CHUNK = 64 * 1024
PATIENCE = (0.02, 0.05, 0.1, 0.2)
"""Seconds between looks at a link in use: who has just read its last byte and asks again is told that it is gone."""


@dataclass(frozen=True, slots=True)
class Service:
    """The verbs. Holds the parts they need and nothing else."""

    settings: Settings
    database: Database
    blobs: Blobs
    pool: Pool
    room: Room
    fetcher: Fetcher
    cache: Cache
    clock: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep

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
        self, data: bytes, recipe: Recipe, admission: Admission, gone: Callable[[], bool] = lambda: False
    ) -> Result:
        """The picture as the recipe wants it; InputError for what cannot be used, Busy when there is no room.

        ClientGone soon after `gone` says that nobody waits for it any more.
        """
        if not data:
            raise MissingImage("image: the file is empty, expected a picture.")
        if len(data) > admission.max_bytes:
            raise TooManyBytes(f"image: got {len(data)} bytes, expected at most {admission.max_bytes}.")
        return self.pool.run(data, recipe, seconds=self.settings.deadline, limits=self._limits(admission), gone=gone)

    def order(self, url: str, recipe: Recipe, *, api: str, hosts: Hosts, via: str = "") -> Order:
        """The order of what a URL holds, which `find` and `obtain` take.

        UrlNotAllowed for a URL or a host that may not be asked, and for a request that this installation sent itself,
        as its Via header tells.
        """
        target = self.fetcher.read(url)
        if not hosts(target.host) or self.fetcher.is_own(via):
            raise UrlNotAllowed
        return Order(target.url, recipe, api, hosts, via)

    def find(self, order: Order) -> Remote | None:
        """What was made of an order before, if that may still be used."""
        entry = self.cache.find(order.key)
        return None if entry is None else Remote(from_wire(entry.note, entry.data), entry.expires_at, known=True)

    def obtain(
        self,
        order: Order,
        admission: Admission,
        *,
        seconds: float,
        keep: Callable[[int | None], float],
        gone: Callable[[], bool] = lambda: False,
    ) -> Remote:
        """What is made of an order, once for all who ask at the same time; fetching and work take at most `seconds`.

        `keep` makes of the seconds that the source may be kept, None for unsaid, those that the result is kept. The
        errors of `Fetcher.get` and `optimize`; TooSlow where another who makes it takes too long.
        """
        end = time.monotonic() + seconds

        def make(deserted: Callable[[], bool]) -> Made:
            return self._made(order, admission, end, keep, deserted)

        entry, known = self.cache.get(order.key, make, seconds=seconds, gone=gone)
        return Remote(from_wire(entry.note, entry.data), entry.expires_at, known)

    def _made(
        self,
        order: Order,
        admission: Admission,
        end: float,
        keep: Callable[[int | None], float],
        gone: Callable[[], bool],
    ) -> Made:
        share = self.expect()
        try:
            source = self.fetcher.get(
                order.url,
                seconds=min(self.settings.fetch_seconds, end - time.monotonic()),
                max_bytes=admission.max_bytes,
                via=order.via,
                grow=share.grow,
                gone=gone,
                hosts=order.hosts,
            )
            if not source.data:
                raise UnsupportedKind
            limits = self._limits(admission)
            result = self.pool.run(
                source.data, order.recipe, seconds=self.settings.deadline, limits=limits, gone=gone, until=end
            )
            return Made(result.data, result.to_wire(), keep(source.fresh))
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

    def keep(self, result: Result, filename: str) -> Link:
        """A link that gives the result away once, under a file name; StorageFull where the disk is."""
        blob = self.blobs.put(result.data)
        now, seconds = self.clock(), self.settings.link_seconds
        size = result.size
        return links.make(
            self.database, blob=blob, mime=result.mime, filename=filename, size=size, seconds=seconds, now=now
        )

    def look(self, token: str) -> Offer:
        """What a link would give, without taking it; NotFound where there is none."""
        return links.peek(self.database, token, self.clock())

    def claim(self, token: str) -> Claim:
        """The right to send what a link holds; NotFound where there is none, InUse while another has it."""
        for seconds in PATIENCE:
            try:
                return self._claim(token)
            except InUse:
                self.pause(seconds)
        return self._claim(token)

    def _claim(self, token: str) -> Claim:
        return links.claim(self.database, token, lease_seconds=self.settings.lease_seconds, now=self.clock())

    def send(self, claim: Claim, pending: Callable[[], bool] = lambda: False) -> Iterator[bytes]:
        """The claimed file in pieces. After the last one link and file are gone; before that, `release` frees them.

        `pending` says, after a moment, whether bytes are still on their way, and raises when they will never arrive.
        NotFound where the file is missing; while sending, InUse where another got the link meanwhile.
        """
        try:
            file = self.blobs.open(claim.blob)
        except NotFound:
            links.finish(self.database, claim)
            raise
        return self._pieces(file, claim, pending)

    def _pieces(self, file: BinaryIO, claim: Claim, pending: Callable[[], bool]) -> Iterator[bytes]:
        due = self._renewal()
        with file:
            while piece := file.read(CHUNK):
                yield piece
                due = self._renewed(claim, due)
        while pending():
            due = self._renewed(claim, due)
        if links.finish(self.database, claim):
            self.blobs.delete(claim.blob)

    def _renewal(self) -> float:
        return self.clock() + self.settings.lease_seconds / 2

    def _renewed(self, claim: Claim, due: float) -> float:
        now = self.clock()
        if now < due:
            return due
        if not links.extend(self.database, claim, lease_seconds=self.settings.lease_seconds, now=now):
            raise InUse
        return self._renewal()

    def release(self, claim: Claim) -> None:
        """Free the link for another try; nothing happens where it was sent to the end."""
        links.release(self.database, claim)

    def health(self) -> Load:
        """How busy the helpers are; Busy, or the database's own error, where the database does not answer."""
        keys.find(self.database, "")
        return self.pool.load()


def facts(result: Result) -> dict[str, Any]:
    """What a log line says of a result: formats, sizes in bytes, score, seconds of work, the passes tried."""
    return {
        "original_format": result.original_format,
        "original_size": result.original_size,
        "format": result.format,
        "optimized_size": result.size,
        "score": None if result.score is None else round(result.score, 2),
        "work_seconds": round(result.seconds, 3),
        "steps": [_told(step) for step in result.steps],
    }


def _told(step: Step) -> str:
    words = (
        step.name,
        step.outcome,
        step.size,
        None if step.score is None else round(step.score, 1),
        step.note or None,
    )
    return " ".join(str(word) for word in words if word is not None)
