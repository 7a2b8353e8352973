"""Would the standby take over now: what its own tables say, for `yj ready` and the console alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy import Connection, select

from fallback_server.domain.clock import to_text
from fallback_server.store import backup_rows, centre_look, credentials, mirror_status, staffing
from fallback_server.store.mirror_status import StaleRules
from fallback_server.store.people import operator

# Without one of these no window can work: nobody logs in, nobody is found, nothing has a price. The first run after the
# founding may be one of the open work alone.
NEEDED: Final = ("operator", "department", "patient", "register_type", "fee_item", "drug")


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `ok` None: a warning that does not keep the standby from working.

    `code` names the sentence, `values` are what it speaks of; `subject` tells several findings of a check apart.
    """

    check: str
    ok: bool | None
    code: str
    values: Mapping[str, Any] = field(default_factory=dict)
    subject: str = ""


def findings(conn: Connection, now: datetime, rules: StaleRules) -> list[Finding]:
    """Mirror, administrators, worker and centre, in this order; a fault is never hidden behind another."""
    return [*mirror(conn, now, rules), administrators(conn), *worker_and_centre(conn, now)]


def people(conn: Connection, now: datetime, night_roles: Iterable[str]) -> Iterator[Finding]:
    """Whether those who work could log in, and every role of the night; what was done alone; the broken seal."""
    found = staffing.everyone(conn, now)
    lately, of_all = staffing.share(found, now), staffing.share(found, now, of_all=True)
    for one in (lately, of_all) if lately.known else (of_all,):
        ok = True if one.enough else None if lately.known and one is of_all else False
        values = {"percent": one.percent, "can": one.can, "of": one.of, "least": staffing.LEAST_SHARE}
        yield Finding("operators", ok, "operators_seen" if one.known else "operators_all", values, str(one.known))
    for role in staffing.roles_without(found, night_roles):
        yield Finding("night_shift", False, "night_role_empty", {"role": role}, role)
    for row in credentials.unsigned(conn):
        late = row["due_at"] < to_text(now)
        values = {"act": row["act"], "operator": row["operator_code"], "at": row["at"], "due": row["due_at"]}
        yield Finding("alone", None, "alone_overdue" if late else "alone_unsigned", values, str(row["id"]))
    seal = credentials.newest_seal(conn)
    if seal is None:
        yield Finding("seal", None, "seal_missing")
    elif seal["opened_at"] is not None:
        yield Finding("seal", None, "seal_opened", {"at": seal["opened_at"]})


class BackupLimits(Protocol):
    """The keys of [backup] that say when one is too old."""

    @property
    def emergency_minutes(self) -> int: ...
    @property
    def rehearsal_days(self) -> int: ...
    @property
    def second_directory(self) -> str: ...


def backups(conn: Connection, now: datetime, mode: str, rules: BackupLimits) -> Iterator[Finding]:
    """Age of the last good backup and of the last rehearsal, the second place, and whether uploads are fenced.

    Twice what the schedule promises is too old. A store in PostgreSQL is backed up by others: a word, no verdict.
    """
    fence = backup_rows.unrecovered(conn)
    if fence is not None:
        yield Finding("restored", None, "restored_unrecovered", {"at": fence["at"], "name": fence["backup_name"]})
    if conn.dialect.name == "postgresql":
        yield Finding("backup", None, "backup_elsewhere")
        return
    good = backup_rows.last(conn, backup_rows.BACKUP, ok=True)
    made, limit = backup_rows.ended(good), timedelta(minutes=2 * rules.emergency_minutes)
    if made is None or good is None:
        yield Finding("backup", None, "backup_never")
        return
    old = now - made > (timedelta(hours=48) if mode == "normal" else limit)
    values = {"name": good["name"], "minutes": (now - made) // timedelta(minutes=1)}
    yield Finding("backup", not old, "backup_old" if old else "backup_there", values)
    if not rules.second_directory:
        yield Finding("backup", None, "backup_one_place", subject="second")
    elif good["code"] is not None:
        yield Finding("backup", None, "backup_second_failed", {"name": good["name"]}, "second")
    rehearsed = backup_rows.ended(backup_rows.last(conn, backup_rows.REHEARSAL, ok=True))
    days = (now - rehearsed) // timedelta(days=1) if rehearsed is not None else None
    if days is None:
        yield Finding("rehearsal", None, "rehearsal_never")
    else:
        yield Finding("rehearsal", None if days > rules.rehearsal_days else True, "rehearsal_was", {"days": days})


def mirror(conn: Connection, now: datetime, rules: StaleRules) -> Iterator[Finding]:
    """Whether there is a mirror, how old each dataset is, and what holds it up."""
    found = mirror_status.overview(conn, now, rules)
    if found["generation"] is None:
        yield Finding("mirror", False, "mirror_missing")
        return
    rows = sum(one["rows"] for one in found["datasets"])
    yield Finding("mirror", True, "mirror_there", {"n": found["generation"], "rows": rows, "as_of": found["as_of"]})
    there = {one["dataset"] for one in found["datasets"]}
    if lacking := [name for name in NEEDED if name not in there]:
        yield Finding("mirror", False, "mirror_lacks", {"datasets": lacking})
    worst = {"warn": None, "fail": False}
    for one in found["datasets"]:
        if one["stale"] != "ok":
            values = {"dataset": one["dataset"], "minutes": one["age_seconds"] // 60}
            yield Finding("mirror", worst[one["stale"]], "mirror_old", values, one["dataset"])
    for one in found["held"]:
        yield Finding("mirror", None, "mirror_held", {"run": one["run_id"]}, str(one["run_id"]))
    if found["stopped"] is not None:
        yield Finding("mirror", None, "mirror_stopped", {"reason": found["stopped"]["reason"]}, "stopped")


def administrators(conn: Connection) -> Finding:
    """Two of our own can log in without the centre: the way back needs two people."""
    roles = conn.execute(select(operator.c.roles).where(operator.c.disabled_at.is_(None))).scalars().all()
    admins = sum("admin" in one for one in roles)
    return Finding("administrators", admins >= 2, "administrators", {"n": admins})


def worker_and_centre(conn: Connection, now: datetime) -> Iterator[Finding]:
    """Whether somebody watches the centre, and what was seen. A centre that is away is what the standby is for."""
    look = centre_look.last(conn, now)
    yield Finding("worker", look["watched"], "worker_there" if look["watched"] else "worker_away", look)
    if look["watched"]:
        good = True if look["state"] == centre_look.FINE else None
        yield Finding("centre", good, f"centre_{look['state']}", look)
