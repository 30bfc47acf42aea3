"""What a database's failure means to a caller: come back later, no room, or a fault of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from imgsvc.errors import Busy, ImgsvcError, StorageFull

RETRY_AFTER = 1
POSTGRES_DISK_FULL = "53100"
# Classes of SQLSTATE for a server that cannot serve now: connection, resources, lock or state, operator, system.
POSTGRES_LATER = ("08", "53", "55", "57", "58", "40")


@contextmanager
def translated() -> Iterator[None]:
    """Raise Busy for locks and lost servers, StorageFull for a full disk; any other database error as it came."""
    try:
        yield
    except exc.TimeoutError as error:
        raise Busy(retry_after=RETRY_AFTER) from error
    except exc.DBAPIError as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from error


def _meaning(error: exc.DBAPIError) -> ImgsvcError | None:
    if hasattr(error.orig, "sqlstate"):
        return _of_postgres(error)
    name = str(getattr(error.orig, "sqlite_errorname", ""))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Busy(retry_after=RETRY_AFTER)
    return StorageFull() if name == "SQLITE_FULL" else None


def _of_postgres(error: exc.DBAPIError) -> ImgsvcError | None:
    state = getattr(error.orig, "sqlstate", None)
    if state == POSTGRES_DISK_FULL:
        return StorageFull()
    # A server that cannot be reached names no state.
    later = state.startswith(POSTGRES_LATER) if state else isinstance(error, exc.OperationalError)
    return Busy(retry_after=RETRY_AFTER) if later else None
