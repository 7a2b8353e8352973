"""Backups as the console shows them: from what was written down when they were made, opened and thinned out.

The folders are not looked into here: the second place may be a share that hangs, and a page must not.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select

from fallback_server.domain.clock import from_text
from fallback_server.domain.policy import Policy
from fallback_server.store import alarms, backup_rows
from fallback_server.store.backup_rows import BACKUP, REHEARSAL, VERIFY, backup_run
from fallback_server.store.session import Tx

RUNS_READ: Final = 600  # three days of an outage, and what was made before it
QUIET_HOURS: Final = 48  # in ordinary times there is one a day


def overview(tx: Tx, policy: Policy) -> dict[str, Any]:
    """The newest good one and its age, when one was last opened and rehearsed, what is wrong, and the list."""
    runs = [
        dict(row)
        for row in tx.conn.execute(select(backup_run).order_by(backup_run.c.id.desc()).limit(RUNS_READ)).mappings()
    ]
    good, tried = backup_rows.last(tx.conn, BACKUP, ok=True), backup_rows.last(tx.conn, BACKUP)
    age = (tx.now - from_text(good["finished_at"])).total_seconds() if good else None
    rehearsed = backup_rows.last(tx.conn, REHEARSAL, ok=True)
    rest = backup_rows.ended(rehearsed)
    fence = backup_rows.unrecovered(tx.conn)
    return {
        "last": _made(good, runs) if good else None,
        "age_seconds": age,
        "old": age is None or age > _limit(tx, policy).total_seconds(),
        "failed": _run(tried) if tried is not None and not tried["ok"] else None,
        "verified": _run(next((row for row in runs if row["kind"] != BACKUP and row["ok"]), None)),
        "rehearsed": _run(rehearsed),
        "rehearsal_due": rest is None or tx.now - rest > timedelta(days=policy.standards.backup_rehearsal_days),
        "places": list(policy.backup_places),
        "schedule": {
            "daily_at": policy.backup_daily_at,
            "emergency_minutes": policy.standards.backup_emergency_minutes,
        },
        "alarms": [row for row in alarms.on(tx.conn) if row["subject"].split(".")[0] == "backup"],
        "restored": {name: fence[name] for name in ("at", "operator_code", "backup_name")} if fence else None,
        "items": [_made(row, runs) for row in runs if row["kind"] == BACKUP],
        "opened": [_run(row) for row in runs if row["kind"] in (VERIFY, REHEARSAL)],
    }


def _limit(tx: Tx, policy: Policy) -> timedelta:
    """Twice what the schedule promises is too old, as `yj ready` says."""
    quiet = str(tx.mode.mode) == "normal"
    return timedelta(hours=QUIET_HOURS) if quiet else timedelta(minutes=2 * policy.standards.backup_emergency_minutes)


def _made(row: dict[str, Any], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """A backup, with what became of it since: opened again, or gone because later ones stand for it."""
    later = [one for one in runs if one["id"] > row["id"]]
    checked = next((one for one in later if one["kind"] != BACKUP and one["name"] == row["name"]), None)
    gone = any(row["name"] in one["detail"].get("removed", ()) for one in later if one["kind"] == BACKUP)
    return {**_run(row), "second": row["detail"].get("second"), "checked": _run(checked), "gone": gone}


def _run(row: dict[str, Any] | None) -> Any:
    if row is None:
        return None
    detail = row["detail"]
    shown = ("kind", "name", "ok", "bytes", "code")
    return {
        "id": str(row["id"]), "at": row["finished_at"], "by": row["requested_by"],
        **{name: row[name] for name in shown}, "seconds": detail.get("seconds"), "note": detail.get("note"),
        "place": detail.get("place"),
    }  # fmt: skip
