"""Putting a backup in the place of the store: everything is made ready beside it, then one rename.

Killed before the rename, nothing has happened; after it, all of it has. The store before is kept aside.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
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

    Raises NotInOrder while the standby runs; restore_refused, backup_*, login_failed, second_person_required.
    """
    from fallback_server.domain.errors import YjError
    from fallback_server.store import backup, backup_file
    from fallback_server.store.database import is_sqlite, sqlite_files
    from fallback_server.store.locks import LockBusy, single_instance

    url = found.settings.database.url
    if not is_sqlite(url):
        raise YjError("backup_postgresql")
    with ExitStack() as held:
        for part in RUNNING:
            held.enter_context(only_one(found.home.resolve(), part))
        try:
            for lock in STORE_LOCKS:
                held.enter_context(single_instance(url, lock, wait_seconds=0))
        except LockBusy as error:
            raise YjError("restore_refused", problem=f"{error} 正在运行 / {error} is at work") from error
        path = backup.find(places, name)
        folder = held.enter_context(backup.scratch(url))
        size = backup_file.read_header(path).get("size", 0)
        backup.require_room(folder, 2 * size + places.spare_bytes)
        manifest, opened = backup.check(path, backup_file.read_key(key or places.key), folder)
        live = sqlite_files(url)[0]
        _same_installation(live, manifest)
        told = _make_ready(found, opened, path.name, manifest, operator, approver, alone, reason, passwords)
        aside = _swap(live, opened, found)
    return {"name": path.name, "made_at": manifest["made_at"], "aside": str(aside), **told}


def _same_installation(live: Path, manifest: dict[str, Any]) -> None:
    """Another installation's store would make a twin of it. A store that cannot be read any more is no objection."""
    from fallback_server.domain.errors import YjError

    try:
        with closing(sqlite3.connect(f"file:{live.as_posix()}?mode=ro", uri=True)) as conn:
            mine = conn.execute("SELECT installation_id FROM installation").fetchone()
            used = conn.execute("SELECT count(*) FROM outbox").fetchone()[0]
    except sqlite3.Error:
        return
    # A fresh installation on a new machine has no documents yet: it becomes the one that was lost.
    if mine is not None and used and mine[0] != manifest["installation_id"]:
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
    _lend_mirror(found, opened)
    upgrade(url, found.clock)
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


def _lend_mirror(found: Instance, opened: Path) -> None:
    """Operators log in with what the mirror says of them: a copy of it beside the store that is made ready."""
    from fallback_server.store.backup import snapshot
    from fallback_server.store.database import sqlite_files

    mirror = sqlite_files(found.settings.database.url)[1]
    if mirror.exists():
        snapshot(mirror, opened.with_name("mirror.db"))


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


def _swap(live: Path, ready: Path, found: Instance) -> Path:
    """The store before goes aside, the restored one takes its name."""
    from fallback_server.store.backup_file import sync_folder

    stamp = found.clock.now().strftime("%Y%m%dT%H%M%S")
    aside = Path(tempfile.mkdtemp(prefix=f"replaced-{stamp}-", dir=live.parent))
    if live.exists():
        _alone_with(live)
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
