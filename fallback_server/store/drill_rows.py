"""What is on record of drills: plans, findings, rehearsals of the return, self-tests; who knew of the switch and when.

A drill is an incident; its row here says what it was for. The acts are in `drills`; here are the tables, and what the
switch itself writes down while it happens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    select,
    update,
)

from fallback_server.store.people import workstation
from fallback_server.store.schema import BigKey, metadata

drill = Table(
    "drill",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("title", String(200), nullable=False),
    Column("objectives", Text, nullable=False),
    Column("departments", JSON(none_as_null=True)),  # as the scope of an incident: NULL is the whole hospital
    Column("workstations", JSON, nullable=False),  # the computers that should take part
    Column("people", JSON, nullable=False),  # who takes part, as they are called
    Column("observers", JSON, nullable=False),  # who looks on and writes down
    Column("planned_for", String(35)),
    Column("created_at", String(35), nullable=False),
    Column("created_by", String(64), nullable=False),
    # Promise: one drill an incident, one incident a drill.
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), unique=True),
    Column("acknowledged", JSON, nullable=False),  # computer → when it knew of the switch
    Column("called_off_at", String(35)),
    Column("called_off_by", String(64)),
    Column("called_off_reason", Text),
    CheckConstraint("called_off_at IS NULL OR incident_no IS NULL", name="called_off_before_it_began"),
)

drill_finding = Table(
    "drill_finding",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("drill_id", BigKey, ForeignKey("drill.id"), nullable=False, index=True),
    Column("at", String(35), nullable=False),
    Column("operator_code", String(64), nullable=False),
    Column("operator_name", String(128), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("text", Text, nullable=False),
    Column("owner", String(128)),  # who puts it right
    Column("due_on", String(10)),
    CheckConstraint("kind IN ('good', 'problem', 'idea')", name="kind"),
)

drill_rehearsal = Table(
    "drill_rehearsal",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("drill_id", BigKey, ForeignKey("drill.id"), nullable=False, index=True),
    Column("requested_by", String(64), nullable=False),
    Column("started_at", String(35), nullable=False),
    Column("finished_at", String(35), nullable=False),
    Column("target", String(255), nullable=False),  # the copy, without its password
    Column("ok", Boolean, nullable=False),
    Column("code", String(48)),  # why it was refused or stopped
    Column("report", JSON, nullable=False),
)

self_test = Table(
    "self_test",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("requested_by", String(64), nullable=False),
    Column("started_at", String(35), nullable=False),
    Column("finished_at", String(35)),  # NULL: at work, or killed
    Column("ok", Boolean),
    Column("source", String(96)),  # the backup it was restored from, or `copy`
    Column("steps", JSON, nullable=False),  # [{step, seconds}]
    Column("problem", Text),
    CheckConstraint("(finished_at IS NULL) = (ok IS NULL)", name="ended"),
)

EMPTY: Final[dict[str, Any]] = {
    "objectives": "", "departments": None, "workstations": [], "people": [], "observers": [], "planned_for": None,
}  # fmt: skip


def begun(
    conn: Connection, incident_no: int, *, plan: int | None, title: str, departments: Sequence[str] | None, at: str,
    by: str,
) -> bool:  # fmt: skip
    """Tie an incident that has just begun as a drill to its plan; one that nobody planned gets a row of its own.

    False where the plan is not there, was called off, or has begun already: a conditional update decides.
    """
    if plan is not None:
        waiting = (drill.c.id == plan, drill.c.incident_no.is_(None), drill.c.called_off_at.is_(None))
        return conn.execute(update(drill).where(*waiting).values(incident_no=incident_no)).rowcount == 1
    scope = list(departments) if departments else None
    row = {**EMPTY, "departments": scope, "acknowledged": {}, "incident_no": incident_no}
    conn.execute(drill.insert().values(title=title[:200], created_at=at, created_by=by, **row))
    return True


def keep_acknowledged(conn: Connection, incident_no: int | None, epoch: int) -> None:
    """Before the epoch of a drill is over: write down which computers knew of it, and since when.

    Their own rows hold only the newest epoch. The first time counts: a drill's scope may change while it goes on.
    """
    known = conn.execute(select(drill.c.acknowledged).where(drill.c.incident_no == incident_no)).scalar()
    if known is None:
        return
    told = {**acknowledgements(conn, epoch), **known}
    conn.execute(update(drill).where(drill.c.incident_no == incident_no).values(acknowledged=told))


def acknowledgements(conn: Connection, epoch: int) -> dict[str, str]:
    """Computer → when it acknowledged this epoch; consoles only look on and do not count."""
    rows = conn.execute(
        select(workstation.c.code, workstation.c.epoch_at).where(
            workstation.c.epoch == epoch,
            workstation.c.epoch_at.is_not(None),
            workstation.c.role.is_distinct_from("console"),
        )
    )
    return {row.code: row.epoch_at for row in rows}


def row_of(conn: Connection, number: int) -> dict[str, Any] | None:
    """A drill by its own number; None if there is none."""
    row = conn.execute(select(drill).where(drill.c.id == number)).mappings().first()
    return dict(row) if row is not None else None
