"""What a database error means where not the act is wrong but the store: words for staff, a cure for IT.

In every case named here nothing of the act was kept, or its key will tell: it may be sent again, with the same key.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, DisconnectionError

from fallback_server.domain.errors import YjError

FULL: Final = "store_full"
READ_ONLY: Final = "store_read_only"
DAMAGED: Final = "store_damaged"
AWAY: Final = "store_unavailable"
BUSY: Final = "busy"

_SQLITE: Final = {
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: READ_ONLY,  # the files beside it cannot be made: the folder takes nothing any more
    sqlite3.SQLITE_IOERR: DAMAGED,
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: DAMAGED,
}
# Of the many kinds of reading and writing that can fail, this one is the lack of room for the shared index of the log.
_NO_ROOM: Final = sqlite3.SQLITE_IOERR_SHMSIZE
_POSTGRESQL: Final = {
    "55P03": BUSY,  # lock not available
    "40P01": BUSY,  # deadlock
    "40001": BUSY,  # serialisation
    "53100": FULL,
    "25006": READ_ONLY,  # a standby of PostgreSQL, or one that was set so
    "58030": DAMAGED,  # input or output failed
    "XX001": DAMAGED,
    "XX002": DAMAGED,
}
_SERVER_GOES: Final = ("57P", "08")  # PostgreSQL: shut down, crashed, starting up; connection broken

DISK: Final = frozenset({FULL, READ_ONLY, DAMAGED})
OF_THE_STORE: Final = frozenset({FULL, READ_ONLY, DAMAGED, AWAY, BUSY})
"""Nobody refused the act: the store had no turn, no room or no answer for it."""

log = logging.getLogger("yj.store")


@contextmanager
def told_plainly() -> Iterator[None]:
    """Raises the store's own trouble as busy, store_full, store_read_only, store_damaged or store_unavailable."""
    try:
        yield
    except (DBAPIError, DisconnectionError) as error:
        if (trouble := trouble_of(error)) is None:
            raise
        if trouble.code != BUSY:
            log.error("%s: %s", trouble.code, getattr(error, "orig", error))
        raise trouble from error


def trouble_of(error: DBAPIError | DisconnectionError) -> YjError | None:
    """The store's own trouble behind an error; None where it is no such thing and belongs into the log as it is."""
    code = _code(error)
    return YjError(code) if code is not None else None


def _code(error: DBAPIError | DisconnectionError) -> str | None:
    if isinstance(error, DisconnectionError):
        return AWAY
    if isinstance(error.orig, sqlite3.Error):
        number = getattr(error.orig, "sqlite_errorcode", 0)  # missing where the driver itself refuses
        return FULL if number == _NO_ROOM else _SQLITE.get(number & 0xFF)
    if not hasattr(error.orig, "pgcode"):
        return None
    state: str | None = getattr(error.orig, "pgcode", None)
    if state in _POSTGRESQL:
        return _POSTGRESQL[state]
    # No state: no server answered. What became of a commit the key will tell when it is sent again.
    away = error.connection_invalidated or (state is None and _is_operational(error)) or _goes(state)
    return AWAY if away else None


def _is_operational(error: DBAPIError) -> bool:
    return any(kind.__name__ == "OperationalError" for kind in type(error.orig).__mro__)


def _goes(state: str | None) -> bool:
    return state is not None and state.startswith(_SERVER_GOES)
