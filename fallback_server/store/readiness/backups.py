"""Backups: their age, the second place, the last rehearsal, and whether a restore still fences uploads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from fallback_server.domain.modes import Mode
from fallback_server.domain.readiness import Finding
from fallback_server.store import backup_rows
from fallback_server.store.readiness.look import Look

QUIET: Final = timedelta(hours=48)  # one of the day, and one that was missed


def backups(look: Look) -> Iterator[Finding]:
    """Twice what the schedule promises is too old."""
    fence = backup_rows.unrecovered(look.conn)
    if fence is not None:
        values = {"at": fence["at"], "name": fence["backup_name"]}
        yield Finding("restored", None, "restored_unrecovered", values, age_seconds=look.age(fence["at"]))
    yield from _made(look)
    yield from _opened(look)
    yield _rehearsed(look)


def _made(look: Look) -> Iterator[Finding]:
    standards = look.policy.standards
    good = backup_rows.last(look.conn, backup_rows.BACKUP, ok=True)
    age = look.age(backup_rows.ended(good))
    if good is None or age is None:
        yield Finding("backup", None, "backup_never", limit=f"{QUIET // timedelta(hours=1)} h")
        return
    quiet = look.mode.mode is Mode.NORMAL
    limit = QUIET if quiet else timedelta(minutes=2 * standards.backup_emergency_minutes)
    old = age > limit.total_seconds()
    shown = f"{limit // timedelta(hours=1)} h" if quiet else f"{limit // timedelta(minutes=1)} min"
    values = {"name": good["name"], "minutes": age // 60}
    yield Finding("backup", not old, "backup_old" if old else "backup_there", values, "", age, shown)
    if not standards.backup_second_place:
        yield Finding("backup", None, "backup_one_place", subject="second")
    elif good["code"] is not None:
        yield Finding("backup", None, good["code"], {"name": good["name"]}, "second", age)


def _opened(look: Look) -> Iterator[Finding]:
    """A backup that nobody opened again may be none."""
    runs = (backup_rows.last(look.conn, kind) for kind in (backup_rows.VERIFY, backup_rows.REHEARSAL))
    tried = max((one for one in runs if one is not None), key=lambda one: int(one["id"]), default=None)
    age = look.age(backup_rows.ended(tried))
    if tried is not None and not tried["ok"]:
        yield Finding(
            "backup", None, "backup_not_opened", {"name": tried["name"], "code": tried["code"]}, "opened", age
        )
    elif (age is None or age > QUIET.total_seconds()) and backup_rows.last(look.conn, backup_rows.BACKUP, ok=True):
        yield Finding("backup", None, "backup_unopened", {}, "opened", age, f"{QUIET // timedelta(hours=1)} h")


def _rehearsed(look: Look) -> Finding:
    limit = look.policy.standards.backup_rehearsal_days
    age = look.age(backup_rows.ended(backup_rows.last(look.conn, backup_rows.REHEARSAL, ok=True)))
    if age is None:
        return Finding("rehearsal", None, "rehearsal_never", limit=f"{limit} d")
    days = age // 86_400
    return Finding("rehearsal", None if days > limit else True, "rehearsal_was", {"days": days}, "", age, f"{limit} d")
