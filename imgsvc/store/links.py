"""Download links that work once: ready -> sending (under a lease) -> gone.

Whoever claims a link sends its blob, then finishes: the row goes, and after it the file. A sender that dies or gives
up leaves the link to the next one: at once after `release`, else when the lease has run out.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, or_, select, update

from imgsvc.errors import InUse, NotFound
from imgsvc.store.db import Database
from imgsvc.store.schema import LINKS
from imgsvc.store.tokens import digest, fresh

RETRY_AFTER = 5
CLOCK_SLACK = 60.0
_OFFER = (LINKS.c.blob, LINKS.c.mime, LINKS.c.filename, LINKS.c.size)


@dataclass(frozen=True, slots=True)
class Link:
    """A link as its maker hands it on; the token cannot be had again."""

    token: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Offer:
    """What a link would send: the blob's id, media type, file name and size in bytes."""

    blob: str
    mime: str
    filename: str
    size: int


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to send a link's blob, until its lease runs out and another claims the link under another fence."""

    blob: str
    mime: str
    filename: str
    size: int
    link: str
    fence: str


def make(db: Database, *, blob: str, mime: str, filename: str, size: int, seconds: float, now: float) -> Link:
    """A new link to a blob that is already stored, good for one download within `seconds`."""
    link = Link(token=fresh(), expires_at=now + seconds)
    row = {"blob": blob, "mime": mime, "filename": filename, "size": size, "created_at": now}
    with db.write() as connection:
        life = {"expires_at": link.expires_at, "fence": "", "lease_until": 0.0}
        connection.execute(insert(LINKS).values(digest=digest(link.token), **row, **life))
    return link


def peek(db: Database, token: str, now: float) -> Offer:
    """What the link would send, without using it up; NotFound as in `claim`."""
    with db.read() as connection:
        row = connection.execute(select(*_OFFER).where(_alive(token, now))).one_or_none()
    if row is None:
        raise NotFound
    return Offer(**row._mapping)


def claim(db: Database, token: str, *, lease_seconds: float, now: float) -> Claim:
    """Take the link for sending: of any number of racing callers one gets it.

    InUse(retry_after=5) while somebody else sends it. NotFound, after the same work, for a token that expired, was
    fetched, never was, or is malformed.
    """
    link, fence = digest(token), secrets.token_hex(16)
    free = and_(_alive(token, now), LINKS.c.lease_until <= now)
    lease = {"fence": fence, "lease_until": now + lease_seconds}
    with db.write() as connection:
        row = connection.execute(update(LINKS).where(free).values(lease).returning(*_OFFER)).one_or_none()
        if row is None:
            raise _refusal(connection, token, now)
    return Claim(link=link, fence=fence, **row._mapping)


def extend(db: Database, claim: Claim, *, lease_seconds: float, now: float) -> bool:
    """Lengthen the lease of a transfer that is still going; False when the claim was lost."""
    with db.write() as connection:
        statement = update(LINKS).where(_held(claim)).values(lease_until=now + lease_seconds)
        return connection.execute(statement).rowcount == 1


def release(db: Database, claim: Claim) -> bool:
    """Give the link back unsent, for the next caller to claim at once; False when the claim was lost."""
    with db.write() as connection:
        statement = update(LINKS).where(_held(claim)).values(fence="", lease_until=0.0)
        return connection.execute(statement).rowcount == 1


def finish(db: Database, claim: Claim) -> bool:
    """End the link after its last byte was sent; True when the caller must now delete the blob.

    False when the claim was lost: another sender holds the link, or has ended it, and the blob is theirs.
    """
    with db.write() as connection:
        return connection.execute(delete(LINKS).where(_held(claim))).rowcount == 1


def clear(db: Database, now: float) -> list[str]:
    """Remove links that can never be fetched again, except those being sent; the ids of their blobs."""
    expired = and_(LINKS.c.expires_at <= now, LINKS.c.lease_until <= now)
    with db.write() as connection:
        statement = delete(LINKS).where(or_(expired, _from_the_future(now))).returning(LINKS.c.blob)
        return list(connection.execute(statement).scalars())


def blobs(db: Database) -> set[str]:
    """The ids of all blobs that links point to."""
    with db.read() as connection:
        return set(connection.execute(select(LINKS.c.blob)).scalars())


def _refusal(connection: Connection, token: str, now: float) -> InUse | NotFound:
    alive = connection.execute(select(LINKS.c.blob).where(_alive(token, now))).one_or_none()
    return InUse(retry_after=RETRY_AFTER) if alive else NotFound()


def _alive(token: str, now: float) -> ColumnElement[bool]:
    return and_(LINKS.c.digest == digest(token), LINKS.c.expires_at > now, ~_from_the_future(now))


def _from_the_future(now: float) -> ColumnElement[bool]:
    # The clock was set back since: by its own times such a link would live too long.
    return LINKS.c.created_at - CLOCK_SLACK > now


def _held(claim: Claim) -> ColumnElement[bool]:
    return and_(LINKS.c.digest == claim.link, LINKS.c.fence == claim.fence)
