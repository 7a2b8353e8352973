"""Single instances: a lock that dies with its holder. A file lock beside SQLite, an advisory lock on PostgreSQL.

Never a flag row: nobody would take that back after a power cut.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from fallback_server.store.database import is_sqlite, sqlite_files
from fallback_server.store.file_lock import try_lock_file

POLL_SECONDS = 0.1


class LockBusy(Exception):
    """Somebody else holds the lock and did not give it back in time."""


@contextmanager
def single_instance(
    url: str, name: str, *, wait_seconds: float | None = None, give_up: Callable[[], bool] | None = None
) -> Iterator[None]:
    """Hold the lock `name` of the store at `url` for the block.

    Waits up to `wait_seconds` (None: for ever, 0: not at all), or until `give_up` says so, for another holder in any
    process or thread; then raises LockBusy. If this process dies, the lock is free.
    """
    with _holder(url, name) as try_lock:
        _wait(try_lock, name, wait_seconds, give_up)
        yield


def clear_away(url: str, name: str, folder: Path) -> bool:
    """Remove a folder that only the holder of the lock `name` works in; False while there is one, or it cannot be."""
    try:
        with single_instance(url, name, wait_seconds=0):
            if folder.exists():
                shutil.rmtree(folder)
    except (LockBusy, OSError):
        return False
    return True


def _wait(
    try_lock: Callable[[], bool], name: str, wait_seconds: float | None, give_up: Callable[[], bool] | None
) -> None:
    deadline = None if wait_seconds is None else time.monotonic() + wait_seconds
    while not try_lock():
        if (deadline is not None and time.monotonic() >= deadline) or (give_up is not None and give_up()):
            raise LockBusy(name)
        time.sleep(POLL_SECONDS)


@contextmanager
def _holder(url: str, name: str) -> Iterator[Callable[[], bool]]:
    if is_sqlite(url):
        with _file(sqlite_files(url)[0].with_name(f"{name}.lock")) as try_lock:
            yield try_lock
    else:
        with _advisory(url, name) as try_lock:
            yield try_lock


@contextmanager
def _file(path: Path) -> Iterator[Callable[[], bool]]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield lambda: try_lock_file(descriptor)
    finally:
        os.close(descriptor)  # gives the lock back


@contextmanager
def _advisory(url: str, name: str) -> Iterator[Callable[[], bool]]:
    key = int.from_bytes(hashlib.blake2b(f"his-yj:{name}".encode(), digest_size=7).digest())
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            take = text("SELECT pg_try_advisory_lock(:key)")
            yield lambda: bool(connection.execute(take, {"key": key}).scalar_one())
    finally:
        engine.dispose()
