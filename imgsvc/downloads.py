"""Pictures kept for one download: a link to each, the right to send what it holds, and the sending itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from imgsvc.engine.result import Result
from imgsvc.errors import InUse, NotFound
from imgsvc.store import links
from imgsvc.store.blobs import Blobs
from imgsvc.store.db import Database
from imgsvc.store.links import Claim as Claim
from imgsvc.store.links import Link as Link
from imgsvc.store.links import Offer as Offer

CHUNK = 64 * 1024
PATIENCE = (0.02, 0.05, 0.1, 0.2)
"""Seconds between looks at a link in use: who has just read its last byte and asks again is told that it is gone."""


@dataclass(frozen=True, slots=True)
class Downloads:
    """The one-shot links of an installation. A link lives `seconds`, and `lease` is how long one may be at it."""

    database: Database
    blobs: Blobs
    seconds: float
    lease: float
    clock: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep

    def keep(self, result: Result, filename: str) -> Link:
        """A link that gives the result away once, under a file name; StorageFull where the disk is."""
        blob = self.blobs.put(result.data)
        now, size = self.clock(), result.size
        return links.make(
            self.database, blob=blob, mime=result.mime, filename=filename, size=size, seconds=self.seconds, now=now
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
        return links.claim(self.database, token, lease_seconds=self.lease, now=self.clock())

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
        return self.clock() + self.lease / 2

    def _renewed(self, claim: Claim, due: float) -> float:
        now = self.clock()
        if now < due:
            return due
        if not links.extend(self.database, claim, lease_seconds=self.lease, now=now):
            raise InUse
        return self._renewal()

    def release(self, claim: Claim) -> None:
        """Free the link for another try; nothing happens where it was sent to the end."""
        links.release(self.database, claim)
