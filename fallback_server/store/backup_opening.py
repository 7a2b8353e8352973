"""Opening a backup again, to be sure: every byte, every table, the audit chain; in PostgreSQL too, where it must go."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from fallback_server.domain.clock import to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store import alarms, backup_file, backup_postgres, backup_rows, backup_second
from fallback_server.store import audit as audit_log
from fallback_server.store.backup import LOCK, WAIT_SECONDS, Places, describe, find, require_room, scratch, told_plainly
from fallback_server.store.database import is_sqlite
from fallback_server.store.locks import single_instance
from fallback_server.store.mode import SYSTEM_OPERATOR
from fallback_server.store.session import Actor, Store

# Of their own: the next one that is made says nothing about whether it opens, and one place nothing about the other.
ALARM_RESTORE: Final = "backup.restore"
ALARM_SECOND: Final = "backup.restore.second"
DAMAGED: Final = "damaged"
_OF_THE_BACKUP: Final = frozenset({"backup_damaged", "backup_wrong_key", "backup_key_missing"})


def check(path: Path, key: bytes, folder: Path) -> tuple[dict[str, Any], Path]:
    """Open a backup into `folder` and hold it against its manifest: every byte, every table, the audit chain.

    Returns manifest and the opened store, always an embedded one. Raises backup_wrong_key, backup_damaged.
    """
    opened = folder / "yj.db"
    manifest = backup_file.unpack(path, key, opened)
    if (problem := _problem(manifest, opened)) is not None:
        opened.unlink()
        raise YjError("backup_damaged", name=path.name, problem=problem)
    return manifest, opened


def _problem(manifest: dict[str, Any], opened: Path) -> str | None:
    found = describe(opened)
    for name in ("sha256", "rows", "audit_head", "installation_id", "document_sequence"):
        if found[name] != manifest.get(name):
            return f"{name} differs from what was written down when it was made"
    with closing(sqlite3.connect(opened)) as conn:
        sound = conn.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if sound != "ok":
            return f"the store inside is damaged: {sound}"
        if conn.execute("PRAGMA foreign_key_check").fetchone() is not None:
            return "rows inside point at rows that are not there"
    engine = create_engine(f"sqlite:///{opened.as_posix()}", poolclass=NullPool)
    try:
        with engine.connect() as connection:
            breaks = audit_log.verify(connection)[1]
    finally:
        engine.dispose()
    return f"the audit log inside is broken: {breaks[0]}" if breaks else None


def verify(store: Store, places: Places, name: str | None = None, *, place: str | None = None,
           key: Path | None = None, key_id: str | None = None, actor: Actor | None = None,
           rehearsal: str | None = None) -> dict[str, Any]:  # fmt: skip
    """Restore a backup (None: the newest) into a scratch instance and check it there; remembered either way, one that
    could not be tried as well. Only a name that somebody mistyped is not, or a place without any: nothing was to be
    opened.

    `rehearsal`: words of the person who did it as a rehearsal; `key_id`: of the key they typed in from paper, which
    must be that of the backup. Raises as `check` and `find` do, and backup_busy.
    """
    actor, started, begun = (
        actor or Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR),
        to_text(store.clock.now()),
        time.monotonic(),
    )
    kind = backup_rows.REHEARSAL if rehearsal is not None else backup_rows.VERIFY
    path = (places.second if place == "second" and places.second else places.directory) / (name or "*")
    try:
        with told_plainly(places.work):
            path = find(places, name, place)
        with told_plainly(places.work), _near(store, places, path) as near:
            size = near.stat().st_size
            with single_instance(store.url, LOCK, wait_seconds=WAIT_SECONDS), scratch(places) as folder:
                header = backup_file.read_header(near)
                if key_id not in (None, header.get("key_id")):
                    raise YjError("backup_wrong_key", name=path.name)
                require_room(folder, header.get("size", 0) + places.spare_bytes)
                manifest, opened = check(near, backup_file.read_key(key or places.key), folder)
                _into_postgresql(store, path, manifest, opened)
    except YjError as error:
        if error.code == "backup_not_found" and None in (place, name):
            raise
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            backup_rows.note(tx, kind, started, False, name=path.name, code=error.code)
        _tell(store, places, path, error.code)
        raise
    seconds = round(time.monotonic() - begun, 3)
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        detail = {"seconds": seconds, "note": rehearsal, "place": str(path.parent)}
        backup_rows.note(tx, kind, started, True, name=path.name, bytes=size, detail=detail)
        alarms.turn_off(tx, _subject(places, path))
        if places.second is None:  # there is none any more
            alarms.turn_off(tx, ALARM_SECOND)
    return {"name": path.name, "place": str(path.parent), "seconds": seconds, "manifest": manifest}


def _subject(places: Places, path: Path) -> str:
    return ALARM_SECOND if path.parent == places.second else ALARM_RESTORE


def _tell(store: Store, places: Places, path: Path, code: str) -> None:
    """A backup that is bad, or one that could not be opened now; the second takes back nothing of the first."""
    subject = _subject(places, path)
    said = {"name": path.name, "place": str(path.parent), "code": code}
    if code in _OF_THE_BACKUP:
        alarms.sound(store, subject, DAMAGED, "备份不能恢复。", "A backup cannot be restored.", **said)
        return
    with store.reading() as tx:
        if any(row["kind"] == DAMAGED for row in alarms.on(tx.conn, subject)):
            return
    zh, en = "备份现在打不开，不能确认是否可以恢复。", "A backup cannot be opened now; it may be good."
    alarms.sound(store, subject, "unopened", zh, en, **said)


@contextmanager
def _near(store: Store, places: Places, path: Path) -> Iterator[Path]:
    """The backup where reading it can hang nobody: one of the second place is fetched first."""
    if path.parent != places.second:
        yield path
        return
    folder = places.work.with_name(backup_second.FETCH)
    with backup_second.fetched(store.url, path, folder, places.spare_bytes) as near:
        yield near


def _into_postgresql(store: Store, path: Path, manifest: dict[str, Any], opened: Path) -> None:
    """Where the store is in PostgreSQL the backup must go into PostgreSQL too, today: tried in a schema of its own.

    One of an older schema is brought up to date only when it is restored; it was checked as a file.
    """
    if is_sqlite(store.url):
        return
    with store.engine.connect() as conn:
        if backup_postgres.version(conn) != manifest["schema"]:
            return
    if (problem := backup_postgres.rehearse(store.engine, opened, manifest["rows"])) is not None:
        raise YjError("backup_damaged", name=path.name, problem=problem)
