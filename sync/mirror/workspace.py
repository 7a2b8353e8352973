"""The run's own connection to the mirror, and the only place that begins and commits its transactions.

It sees `mirror.db` (or the schema) and its temporary tables, never `yj.db`: no window waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection

from fallback_server.store.database import open_mirror_engine

_OPEN: Final = "yj_transaction"
LOCK: Final = "mirror"  # the single instance of whoever writes the mirror
SQLITE_CACHE_KIB: Final = 8 * 1024


@contextmanager
def workspace(url: str) -> Iterator[Connection]:
    """A connection that may write the mirror of the store at `url`; temporary tables live as long as the block."""
    engine = open_mirror_engine(url)
    try:
        with engine.connect().execution_options(yj_write=True) as connection:
            _give_room(connection)
            yield connection
    finally:
        engine.dispose()


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Everything in the block is committed at its end, or nothing is. Inside another one it is part of that."""
    # Our own mark, not in_transaction(): a statement outside of any block begins one that nobody would commit.
    if connection.info.get(_OPEN):
        yield
        return
    with connection.begin():
        connection.info[_OPEN] = True
        try:
            yield
        finally:
            connection.info[_OPEN] = False


def shrink(connection: Connection, names: Iterable[str]) -> bool:
    """Give what rows left behind in the file (PostgreSQL: in these tables) back to the system, outside a transaction.

    False where a reader is in the way: what was deleted is still in the log of the file then, until the next attempt.
    """
    raw = connection.connection.dbapi_connection
    assert raw is not None  # noqa: S101  (it is open)
    cursor = raw.cursor()
    if connection.dialect.name == "sqlite":
        cursor.execute("VACUUM mirror")
        busy = cursor.execute("PRAGMA mirror.wal_checkpoint(TRUNCATE)").fetchone()[0]
        return not busy
    raw.rollback()
    raw.set_session(autocommit=True)
    for name in names:
        cursor.execute(f"VACUUM (FULL) mirror.{name}")
    return True


def _give_room(connection: Connection) -> None:
    with transaction(connection):
        if connection.dialect.name == "postgresql":
            # A few thousand rows are looked up among a million: on no disk of today is reading all of them quicker.
            connection.exec_driver_sql("SET random_page_cost = 1.1")
            return
        # SQLite's default of 2 MB lets index pages of 300,000 rows go round and round.
        for schema in ("temp", "mirror"):
            connection.exec_driver_sql(f"PRAGMA {schema}.cache_size = -{SQLITE_CACHE_KIB}")
