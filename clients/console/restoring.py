"""Putting a backup in the place of the store: everything is made ready beside it, then one rename, or one transaction.

Killed before it, nothing has happened; after it, all of it has. The store before is kept aside: its file in a folder,
its tables (PostgreSQL) in a schema of their own.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clients.console.context import Instance
from clients.console.locks import only_one
from clients.console.people import Passwords, acting

if TYPE_CHECKING:
    from fallback_server.store.backup import Places
    from fallback_server.store.session import Actor, Store

RUNNING: Final = ("up", "worker")
STORE_LOCKS: Final = ("worker", "mirror", "upload", "backup")


def restore(
    found: Instance, places: Places, name: str | None, key: Path | None, operator: str, approver: str | None,
    alone: str | None, reason: str, passwords: Passwords,
) -> dict[str, Any]:  # fmt: skip
    """See `yj backup restore`. Who may do it is asked of the store in the backup: the one in place may be lost.

    Raises NotInOrder while the standby runs; StoreIsNewer, restore_refused, backup_*, login_failed,
    second_person_required.
    """
    from fallback_server.domain.errors import YjError
    from fallback_server.store import backup, backup_file, backup_opening
    from fallback_server.store.locks import LockBusy, single_instance

    url = found.settings.database.url
    with backup.told_plainly(places.work), ExitStack() as held:
        for part in RUNNING:
            held.enter_context(only_one(found.home.resolve(), part))
        try:
            for lock in STORE_LOCKS:
                held.enter_context(single_instance(url, lock, wait_seconds=0))
        except LockBusy as error:
            raise YjError("restore_refused", problem=f"{error} 正在运行 / {error} is at work") from error
        path = backup.find(places, name)
        folder = held.enter_context(backup.scratch(places))
        size = backup_file.read_header(path).get("size", 0)
        backup.require_room(folder, 2 * size + places.spare_bytes)
        manifest, opened = backup_opening.check(path, backup_file.read_key(key or places.key), folder)
        _same_installation(url, manifest)
        told = _make_ready(found, opened, path.name, manifest, operator, approver, alone, reason, passwords)
        aside = _swap(found, opened)
    return {"name": path.name, "made_at": manifest["made_at"], "aside": aside, **told}


def _same_installation(url: str, manifest: dict[str, Any]) -> None:
    """Another installation's store would make a twin of it. A store that cannot be read any more is no objection."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    from fallback_server.domain.errors import YjError
    from fallback_server.store.database import is_sqlite, sqlite_files

    # An embedded store is only looked at: opened like a store it would be made where there is none.
    looked = f"sqlite:///file:{sqlite_files(url)[0].as_posix()}?mode=ro&uri=true" if is_sqlite(url) else url
    engine = create_engine(looked, poolclass=NullPool)
    try:
        with engine.connect() as conn:
            mine = conn.execute(text("SELECT installation_id FROM installation")).scalar()
            used = conn.execute(text("SELECT count(*) FROM outbox")).scalar()
    except SQLAlchemyError:
        return
    finally:
        engine.dispose()
    # A fresh installation on a new machine has no documents yet: it becomes the one that was lost.
    if mine is not None and used and mine != manifest["installation_id"]:
        raise YjError(
            "restore_refused",
            problem="备份属于另一套应急系统 / the backup is of another installation, and this one has documents",
        )


def _make_ready(
    found: Instance, opened: Path, name: str, manifest: dict[str, Any], operator: str, approver: str | None,
    alone: str | None, reason: str, passwords: Passwords,
) -> dict[str, Any]:  # fmt: skip
    """Bring the opened store to this version, check the two people, mark it as restored, let numbers jump."""
    from fallback_server.domain.modes import Permit
    from fallback_server.store import second_person
    from fallback_server.store.session import Store
    from migrations.upgrade import upgrade

    url = f"sqlite:///{opened.as_posix()}"
    _lend_mirror(found, opened, lambda: upgrade(url, found.clock))
    store = Store(url, found.clock, pool_size=2)
    try:
        actor = acting(
            store, operator, ("admin", "duty"), passwords, approver, policy=found.policy, acts=("restore",), alone=alone
        )
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            second_person.require(tx, found.policy, "restore", name)
        told = _mark(store, actor, name, manifest, reason)
    finally:
        store.close()
    with closing(sqlite3.connect(opened, isolation_level=None)) as conn:
        conn.execute("PRAGMA journal_mode=DELETE")
    return told


def _lend_mirror(found: Instance, opened: Path, upgrade: Callable[[], object]) -> None:
    """Operators log in with what the mirror says of them: a copy of it beside the store that is brought up to date."""
    from fallback_server.store import backup_postgres
    from fallback_server.store.database import is_sqlite, open_engine, sqlite_files

    url = found.settings.database.url
    if is_sqlite(url):
        mirror = sqlite_files(url)[1]
        if mirror.exists():
            _lend_file(mirror, opened.with_name("mirror.db"))
        upgrade()
        return
    upgrade()
    engine = open_engine(url, pool_size=1)
    try:
        backup_postgres.lend_mirror(engine, opened.with_name("mirror.db"))
    finally:
        engine.dispose()


def _lend_file(mirror: Path, beside: Path) -> None:
    """A mirror that is damaged is lent by nobody: what the backup knows of the operators has to do."""
    from fallback_server.store import backup

    try:
        backup.snapshot(mirror, beside)
    except sqlite3.OperationalError:  # no room, or not to be read now
        raise
    except sqlite3.DatabaseError:
        beside.unlink(missing_ok=True)


def _mark(store: Store, actor: Actor, name: str, manifest: dict[str, Any], reason: str) -> dict[str, Any]:
    """The mark that fences uploads, in the restored store itself; sessions end, numbers on paper jump forward."""
    from sqlalchemy import select, update

    from fallback_server.domain.modes import Permit
    from fallback_server.store import backup_rows, counters
    from fallback_server.store.people import session, workstation

    with store.writing(Permit.HOUSEKEEPING, replace(actor, alone=None)) as tx:
        tx.conn.execute(
            backup_rows.restored.insert().values(
                at=tx.at, operator_code=actor.operator_code, approver_code=actor.approver_code, backup_name=name,
                made_at=manifest["made_at"], reason=reason, numbers_skipped=backup_rows.JUMP,
            )
        )  # fmt: skip
        tx.conn.execute(update(session).where(session.c.ended_at.is_(None)).values(ended_at=tx.at))
        # Paper of the time that was lost carries numbers this store knows nothing of; none is given out twice.
        for code in tx.conn.execute(select(workstation.c.code)).scalars().all():
            for day in sorted({manifest["made_at"][:10], tx.today.isoformat()}):
                counters.skip_yj_numbers(tx.conn, code, day, backup_rows.JUMP)
        tx.audit("backup.restore", subject=name, made_at=manifest["made_at"], reason=reason)
    return {"mode": manifest["mode"], "incident_no": manifest["incident_no"], "numbers_skipped": backup_rows.JUMP}


def _swap(found: Instance, ready: Path) -> str:
    """The store before goes aside, the restored one takes its place; returns where the former is."""
    from fallback_server.store.database import is_sqlite, sqlite_files

    url, stamp = found.settings.database.url, found.clock.now().strftime("%Y%m%dT%H%M%S")
    if is_sqlite(url):
        return str(_swap_files(sqlite_files(url)[0], ready, stamp))
    return _swap_tables(url, ready, f"yj_replaced_{stamp.lower()}")


def _swap_tables(url: str, ready: Path, aside: str) -> str:
    from sqlalchemy.exc import OperationalError

    from fallback_server.domain.errors import YjError
    from fallback_server.store import backup_postgres
    from fallback_server.store.database import open_engine
    from fallback_server.store.trouble import BUSY, trouble_of

    engine = open_engine(url, pool_size=1)
    try:
        backup_postgres.swap(engine, ready, aside)
    except OperationalError as error:
        known = trouble_of(error)
        if known is not None and known.code != BUSY:
            raise known from error
        raise YjError("restore_refused", problem="数据库正在使用 / the store is in use by another process") from error
    finally:
        engine.dispose()
    return aside


def _swap_files(live: Path, ready: Path, stamp: str) -> Path:
    from fallback_server.store.backup_file import sync_folder

    if live.exists():
        _alone_with(live)
    aside = Path(tempfile.mkdtemp(prefix=f"replaced-{stamp}-", dir=live.parent))
    if live.exists():
        # What was not yet in the file itself goes first: a log of the old store must never be read into the new one.
        for suffix in ("-wal", "-shm"):
            rest = live.with_name(live.name + suffix)
            if rest.exists():
                rest.replace(aside / rest.name)
        _keep(live, aside / live.name)
    ready.replace(live)
    sync_folder(live.parent)
    return aside


def _alone_with(live: Path) -> None:
    """Nobody else has the store open. One that is damaged beyond reading is nobody's."""
    from fallback_server.domain.errors import YjError

    try:
        with closing(sqlite3.connect(live, isolation_level=None, timeout=1)) as conn:
            conn.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise YjError(
                "restore_refused", problem="数据库正在使用 / the store is in use by another process"
            ) from error
    except sqlite3.DatabaseError:
        return


def _keep(live: Path, target: Path) -> None:
    try:
        os.link(live, target)
    except OSError:  # a file system without links
        shutil.copy2(live, target)
