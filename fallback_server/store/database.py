"""Opening the store: SQLite files with the mirror attached, or PostgreSQL with a schema for it.

SQLite: `yj.db` is the main database, `mirror.db` beside it is attached as `mirror`. Windows attach it **read-only**:
BEGIN IMMEDIATE takes the write lock of every attached file that can be written, so a writable mirror would make each
charge wait for a publish (and the other way round).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool, QueuePool

from fallback_server.store.schema import MIRROR_SCHEMA

BUSY_TIMEOUT_MS = 10_000


def is_sqlite(url: str) -> bool:
    """Whether the address is that of an embedded store."""
    return make_url(url).get_backend_name() == "sqlite"


def sqlite_files(url: str) -> tuple[Path, Path]:
    """The two files of an embedded store: (yj.db, mirror.db)."""
    main = Path(make_url(url).database or "")
    return main, main.with_name("mirror.db")


def damaged_mirror(url: str) -> Path | None:
    """The file of the mirror of an embedded store, where it is one no more; a store that is opened fails as a whole."""
    if not is_sqlite(url) or not (mirror := sqlite_files(url)[1]).is_file():
        return None
    try:
        with closing(sqlite3.connect(f"file:{mirror.as_posix()}?mode=ro", uri=True)) as conn:
            conn.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:  # it cannot be read now, which says nothing
        return None
    except sqlite3.DatabaseError:
        return mirror
    return None


def open_engine(url: str, *, mirror_writable: bool = False, pool_size: int = 20) -> Engine:
    """An engine on an existing store. `mirror_writable` is for migrations and the mirror only.

    Every SQLite connection runs WAL with synchronous=FULL: what was acknowledged is on disk (P1).
    """
    if not is_sqlite(url):
        return _postgresql(url, pool_size)
    main, mirror = sqlite_files(url)
    return _sqlite(
        f"file:{main.as_posix()}", f"file:{mirror.as_posix()}?mode={'rwc' if mirror_writable else 'ro'}", pool_size
    )


def open_mirror_engine(url: str) -> Engine:
    """An engine that writes the mirror and cannot see `yj.db`: a publish never holds the lock that windows need."""
    if not is_sqlite(url):
        return _postgresql(url, 2)
    _, mirror = sqlite_files(url)
    return _sqlite("file::memory:", f"file:{mirror.as_posix()}?mode=rw", None)


def _postgresql(url: str, pool_size: int) -> Engine:
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=4,
        pool_pre_ping=True,
        hide_parameters=True,  # an error that is logged quotes no patient
        # Rows that are changed many at a time go many in a message: each message is a wait for the interpreter as well,
        # which the windows' threads want too. The heartbeats of 500 agents were a thousand of them.
        executemany_mode="values_plus_batch",
        executemany_batch_page_size=200,
        connect_args={
            "options": "-c timezone=UTC -c lock_timeout=10s -c synchronous_commit=on",
            "application_name": "his-yj",
        },
    )


def _sqlite(main: str, mirror: str, pool_size: int | None) -> Engine:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            main, uri=True, timeout=BUSY_TIMEOUT_MS / 1000, check_same_thread=False, isolation_level=None
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"ATTACH DATABASE ? AS {MIRROR_SCHEMA}", (mirror,))
        if not mirror.endswith("mode=ro"):
            connection.execute(f"PRAGMA {MIRROR_SCHEMA}.journal_mode=WAL")
            connection.execute(f"PRAGMA {MIRROR_SCHEMA}.synchronous=FULL")
        return connection

    options: dict[str, Any] = {"poolclass": NullPool}
    if pool_size is not None:
        options = {"poolclass": QueuePool, "pool_size": pool_size, "max_overflow": 4}
    engine = create_engine("sqlite+pysqlite://", creator=connect, hide_parameters=True, **options)

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # The driver's own BEGIN is off (isolation_level None): readers begin deferred, writers take the lock at once,
        # so that nobody upgrades a read and fails half way.
        write = connection.get_execution_options().get("yj_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine
