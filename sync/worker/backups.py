"""Backups by the worker: once a day, every quarter of an hour in an outage, and before an upload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from fallback_server.domain import backups
from fallback_server.domain.errors import YjError
from fallback_server.store import backup, backup_opening, backup_rows, backup_second, counters
from fallback_server.store.database import is_sqlite, sqlite_files
from fallback_server.store.locks import LockBusy
from fallback_server.store.session import Actor, Store

UPLOAD_WAITS_SECONDS: Final = (
    60.0  # for the second place; a copy that moves then is finished behind its back, and is no alarm
)
FAILURES: Final = (YjError, SQLAlchemyError, LockBusy, OSError)
log: Any = structlog.get_logger("yj.worker")


def places(settings: Settings) -> backup.Places:
    """The folders and the key of an instance."""
    rules = settings.backup
    second = settings.home / rules.second_directory if rules.second_directory else None
    spare = rules.spare_mb * 1_000_000
    url = settings.database.url
    # On the disk of the store: a restore ends with a rename.
    beside = sqlite_files(url)[0].parent if is_sqlite(url) else settings.home
    return backup.Places(
        settings.home / rules.directory, second, settings.home / rules.key, beside / backup.WORK, spare
    )


def look(store: Store, settings: Settings) -> None:
    """Make a backup if one is due; that of the day is restored into a scratch instance to be sure, out of both places.
    Raises nothing."""
    try:
        with store.reading() as tx:
            good = backup_rows.ended(backup_rows.last(tx.conn, backup_rows.BACKUP, ok=True))
            tried = backup_rows.ended(backup_rows.last(tx.conn, backup_rows.BACKUP))
            mode, now = str(tx.mode.mode), tx.now
        if not backups.due(now, mode, good, tried, settings.backup):
            return
        made = backup.create(store, places(settings), settings.backup)
        log.info("backup", name=made.name, bytes=made.bytes, seconds=made.seconds, second=made.second)
        if mode == "normal":
            backup_opening.verify(store, places(settings), made.name, place="first")
            # While a slow place still takes this one, the one before is opened there.
            if made.second or made.code == backup_second.UNDER_WAY:
                backup_opening.verify(store, places(settings), made.name if made.second else None, place="second")
    except FAILURES as error:
        log.error("backup_failed", error=getattr(error, "code", type(error).__name__))


def before_upload(store: Store, settings: Settings, by: str) -> None:
    """A backup that has every document that is about to be sent. One that fails is an alarm and holds nothing up:
    documents that reach the centre are safe there."""
    try:
        with store.reading() as tx:
            last = backup_rows.last(tx.conn, backup_rows.BACKUP, ok=True)
            documents = counters.current(tx.conn, counters.DOCUMENT_SEQUENCE)
        if documents and (last is None or (last["document_sequence"] or 0) < documents):
            made = backup.create(store, places(settings), settings.backup, by, second_seconds=UPLOAD_WAITS_SECONDS)
            log.info("backup", name=made.name, bytes=made.bytes, seconds=made.seconds, before="upload")
    except FAILURES as error:
        log.error("backup_failed", error=getattr(error, "code", type(error).__name__))


def open_again(store: Store, settings: Settings, by: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Verify the backup that somebody named at the console (None: the newest), or rehearse with the key from paper.

    `wanted`: verify (name), place (first or second), and of a rehearsal its words and the id of the key that was typed.
    """
    told = backup_opening.verify(
        store, places(settings), wanted["verify"], place=wanted.get("place"), key_id=wanted.get("key_id"),
        rehearsal=wanted.get("rehearsal"), actor=Actor(by, by),
    )  # fmt: skip
    manifest = told.pop("manifest")
    return {**told, "rows": sum(manifest["rows"].values()), "head": manifest["audit_head"]}
