"""Backups of the standby's own store: made while windows work, sealed, in two places; see backup_opening.py for whether
one can be relied on.

What is copied is the standby's own: documents, money, audit, people. The mirror is not: it is the centre's, and is read
again. A store in PostgreSQL becomes the same file as an embedded one (backup_postgres.py).
"""

from __future__ import annotations

import errno
import hashlib
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from fallback_server.domain import backups
from fallback_server.domain.clock import to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store import alarms, backup_file, backup_postgres, backup_rows, backup_second
from fallback_server.store import audit as audit_log
from fallback_server.store.database import is_sqlite, sqlite_files
from fallback_server.store.locks import LockBusy, single_instance
from fallback_server.store.mode import SYSTEM_OPERATOR
from fallback_server.store.session import Actor, Store

LOCK: Final = "backup"
ALARM: Final = "backup"
WORK: Final = "backup-work"
STEP_PAGES: Final = 512  # two megabytes between two breaths: windows and the disk come first
BREATH_SECONDS: Final = 0.002
WAIT_SECONDS: Final = 900.0
_SECOND: Final = {
    backup_second.FAILED: (
        "second", "备份没有写入第二个位置。", "The backup could not be put into its second place.",
    ),
    backup_second.SLOW: (
        "second_slow", "备份的第二个位置没有及时响应。", "The second place of the backups does not answer in time.",
    ),
    backup_second.ABSENT: (
        "second_absent", "备份的第二个位置不是原来那个，可能没有挂载。",
        "The second place of the backups is not the one it was; it may not be mounted.",
    ),
    backup_second.OTHER: (
        "second_other", "备份的第二个位置是另一套应急系统的。",
        "The second place of the backups is that of another standby.",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Places:
    """Where backups go, the key, which is never in the same folder, and where an unsealed copy may lie for seconds."""

    directory: Path
    second: Path | None
    key: Path
    work: Path  # on the disk of the store
    spare_bytes: int = 0  # what must be left free beside a backup


@dataclass
class Made:
    """A finished backup. `second`: whether it lies in the second place too (None: there is none); `code`: why not, or
    that this is the same disk."""

    name: str
    bytes: int
    seconds: float
    second: bool | None
    manifest: dict[str, Any]
    removed: list[str] = field(default_factory=list)
    code: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data, for `--json`."""
        return asdict(self)


def create(
    store: Store, places: Places, rules: backups.BackupRules, by: str = SYSTEM_OPERATOR, *, second_is_new: bool = False,
    second_seconds: float | None = backup_second.LONGEST_SECONDS,
) -> Made:  # fmt: skip
    """Make a backup, put it into both places, thin out old ones; what came of it is remembered, a failure is an alarm.

    The second place is written outside the lock, and waited for `second_seconds` at most (None: as long as it moves). A
    copy that moves then goes on behind the caller's back; what comes of it is remembered when it has ended.
    Raises backup_no_space, backup_failed, backup_busy, backup_key_missing, backup_wrong_key.
    """
    actor, started = Actor(by, by), to_text(store.clock.now())
    try:
        with told_plainly(places.work), single_instance(store.url, LOCK, wait_seconds=WAIT_SECONDS):
            made = _make(store, places)
            made.removed = _thin_out(places.directory, store.clock.now(), rules)
    except YjError as error:
        _failed(store, actor, started, error)
        raise
    later = _to_second(store, places, rules, made, is_new=second_is_new, longest=second_seconds)
    number = _succeeded(store, actor, started, made)
    if later is not None:
        wait = partial(_arrived, store, actor, number, later)
        threading.Thread(target=wait, daemon=True, name="second-place-later").start()
    return made


@contextmanager
def told_plainly(work: Path) -> Iterator[None]:
    """Faults of disk and file, and another one that does not end, as refusals with a cure. `work`: where room is wanted
    if the fault does not say."""
    try:
        yield
    except LockBusy as error:
        raise YjError("backup_busy") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise YjError("backup_no_space", place=str(error.filename or work)) from error
        raise YjError("backup_failed", problem=f"{error.strerror} {error.filename or ''}".strip()) from error
    except sqlite3.Error as error:
        if "full" in str(error):
            raise YjError("backup_no_space", place=str(work)) from error
        raise YjError("backup_failed", problem=str(error)) from error
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None)
        if isinstance(cause, sqlite3.Error) and "full" in str(cause):
            raise YjError("backup_no_space", place=str(work)) from error
        # The words of the server may quote rows.
        raise YjError("backup_failed", problem=type(cause or error).__name__) from error


def _make(store: Store, places: Places) -> Made:
    begun, now = time.monotonic(), store.clock.now()
    places.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = _key(store, places)
    with scratch(places) as folder:
        _clear(places)
        size = _size(store)
        for place in (folder, places.directory):
            require_room(place, size + places.spare_bytes)
        copy = folder / "yj.db"
        if is_sqlite(store.url):
            snapshot(sqlite_files(store.url)[0], copy)
        else:
            backup_postgres.copy_out(store.engine, copy)
        manifest = {"made_at": to_text(now), **describe(copy)}
        path = places.directory / backups.file_name(now, secrets.token_hex(4))
        backup_file.write(path, key, manifest, copy)
    return Made(path.name, path.stat().st_size, round(time.monotonic() - begun, 3), None, manifest)


def _size(store: Store) -> int:
    return sqlite_files(store.url)[0].stat().st_size if is_sqlite(store.url) else backup_postgres.size(store.engine)


def _key(store: Store, places: Places) -> bytes:
    """The key; made at first use. One that is gone is never replaced in silence: earlier backups need it."""
    if places.key.exists():
        return backup_file.read_key(places.key)
    with store.reading() as tx:
        earlier = backup_rows.last(tx.conn, backup_rows.BACKUP, ok=True)
    if earlier is not None or names_in(places.directory):
        raise YjError("backup_key_missing", path=str(places.key))
    return backup_file.make_key(places.key)


@contextmanager
def scratch(places: Places) -> Iterator[Path]:
    """A folder for what is not sealed; emptied before (a killed run may have left some), gone after.

    Under the lock only.
    """
    folder = places.work
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _clear(places: Places) -> None:
    """Remove what killed runs left half written."""
    for part in places.directory.glob(f"yj-*{backups.SUFFIX}.part"):
        part.unlink(missing_ok=True)


def require_room(place: Path, wanted: int) -> None:
    """Raises backup_no_space where the disk of `place` has fewer bytes free."""
    if shutil.disk_usage(place).free < wanted:
        raise YjError("backup_no_space", place=str(place))


def snapshot(source: Path, target: Path) -> None:
    """The store as of one moment in a new file. With a read transaction held open no window waits for it."""
    with (
        closing(sqlite3.connect(f"file:{source.as_posix()}?mode=ro", uri=True, isolation_level=None)) as live,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        target.chmod(0o600)
        live.execute("BEGIN")
        live.execute("SELECT count(*) FROM sqlite_master").fetchone()
        live.backup(copy, pages=STEP_PAGES, progress=lambda *_: time.sleep(BREATH_SECONDS))
        live.execute("ROLLBACK")
        copy.execute("PRAGMA journal_mode=DELETE")


def describe(copy: Path) -> dict[str, Any]:
    """What a copy of the store holds: whose it is, mode and incident, rows by table, head of the audit log, SHA-256."""
    with closing(sqlite3.connect(copy)) as conn:
        # What is in the file counts, not what this program knows: the manifest outlives versions.
        named = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        tables = [str(name) for (name,) in conn.execute(named)]
        rows = {name: conn.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}  # noqa: S608
        owner = conn.execute("SELECT installation_id FROM installation").fetchone()
        mode = conn.execute("SELECT mode, epoch, incident_no FROM mode").fetchone()
        head = conn.execute("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1").fetchone()
        documents = conn.execute("SELECT max(value) FROM counter WHERE name = 'document'").fetchone()[0]
        version = conn.execute("SELECT version_num FROM schema_version").fetchone()
    with copy.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {
        "installation_id": owner[0] if owner else None,
        "mode": mode[0], "epoch": mode[1], "incident_no": mode[2],
        "schema": version[0] if version else None,
        "document_sequence": documents or 0,
        "rows": rows,
        "audit_head": {"sequence": head[0], "hash": head[1]} if head else {"sequence": 0, "hash": audit_log.GENESIS},
        "size": copy.stat().st_size,
        "sha256": digest,
    }  # fmt: skip


def _to_second(
    store: Store, places: Places, rules: backups.BackupRules, made: Made, **how: Any
) -> Callable[[], backup_second.Second] | None:
    """Returns what waits for a copy that is under way."""
    if places.second is None:
        return None
    now, source = store.clock.now(), places.directory / made.name
    told = backup_second.bring(
        store.url,
        source,
        places.second,
        places.spare_bytes,
        lambda place: _thin_out(place, now, rules),
        owner=str(made.manifest["installation_id"]),
        **how,
    )
    made.second, made.code = told.there, told.code
    made.removed = sorted({*made.removed, *told.removed})
    return told.later


def names_in(place: Path | None) -> list[str]:
    """The finished backups of a folder, oldest first."""
    if place is None or not place.is_dir():
        return []
    return sorted(path.name for path in place.iterdir() if backups.made_at(path.name) is not None)


def _thin_out(place: Path, now: datetime, rules: backups.BackupRules) -> list[str]:
    """Remove what may go. What cannot be removed today goes another day: the backup of this run is good already."""
    gone = []
    with suppress(OSError):
        for name in backups.superfluous(names_in(place), now, rules):
            (place / name).unlink(missing_ok=True)
            gone.append(name)
    return gone


# -- what came of it -------------------------------------------------------------------------------------------------


def _succeeded(store: Store, actor: Actor, started: str, made: Made) -> int:
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        number = backup_rows.note(
            tx, backup_rows.BACKUP, started, True, name=made.name, bytes=made.bytes,
            document_sequence=made.manifest["document_sequence"],
            code=made.code,
            detail={"seconds": made.seconds, "second": made.second, "removed": made.removed},
        )  # fmt: skip
        if made.second is not False:
            alarms.turn_off(tx, ALARM)
    if made.code in _SECOND:
        alarms.sound(store, ALARM, *_SECOND[made.code])
    return number


def _arrived(store: Store, actor: Actor, number: int, later: Callable[[], backup_second.Second]) -> None:
    """How a copy ended that was under way. Edge of a thread; a store that is away then keeps the row as it is, and
    readiness says so."""
    told = later()
    with suppress(SQLAlchemyError, YjError):
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            newest = backup_rows.arrived(tx, number, told.there, told.code, list(told.removed))
            if newest and told.there:
                alarms.turn_off(tx, ALARM)
        if newest and told.code in _SECOND:
            alarms.sound(store, ALARM, *_SECOND[told.code])


def _failed(store: Store, actor: Actor, started: str, error: YjError) -> None:
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        backup_rows.note(
            tx, backup_rows.BACKUP, started, False, code=error.code, detail={"problem": error.sentence("en")}
        )
    alarms.sound(store, ALARM, "failed", "备份失败。", "A backup failed.", code=error.code)


# -- finding one again ------------------------------------------------------------------------------------------------


def find(places: Places, name: str | None, place: str | None = None) -> Path:
    """The backup of that name (or path), or the newest; of both places, or the first or second. Raises
    backup_not_found."""
    if name is not None and (given := Path(name)).is_file() and backups.made_at(given.name) is not None:
        return given
    found = []
    if place in (None, "first"):
        found += [places.directory / one for one in names_in(places.directory)]
    if place in (None, "second"):
        found += backup_second.seen(places.second, lambda folder: [folder / one for one in names_in(folder)])
    wanted = [path for path in found if name in (None, path.name)]
    if not wanted:
        raise YjError("backup_not_found", name=name or "*")
    return max(wanted, key=lambda path: path.name)


def listed(places: Places) -> list[dict[str, Any]]:
    """Every backup of both places, newest first, with what it says of itself."""
    found: dict[str, dict[str, Any]] = {}
    for label, told in (
        ("first", _summaries(places.directory)),
        ("second", backup_second.seen(places.second, _summaries)),
    ):
        for name, summary in told:
            row = found.setdefault(name, {"name": name, "places": [], "problem": None})
            row["places"].append(label)
            row |= summary
    return sorted(found.values(), key=lambda row: str(row["name"]), reverse=True)


def _summaries(place: Path) -> list[tuple[str, dict[str, Any]]]:
    return [(name, _summary(place / name)) for name in names_in(place)]


def _summary(path: Path) -> dict[str, Any]:
    try:
        header = backup_file.read_header(path)
    except YjError as error:
        return {"problem": error.code}
    told = ("made_at", "installation_id", "mode", "incident_no", "rows", "key_id")
    return {"bytes": path.stat().st_size, **{name: header.get(name) for name in told}}
