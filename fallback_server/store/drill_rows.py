"""What is on record of drills: plans, findings, rehearsals of the return, self-tests; who knew of the switch and when.

A drill is an incident; its row here says what it was for. The acts are in `drills`; here are the tables, and what the
switch itself writes down.
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
    func,
    select,
    update,
)

from fallback_server.store.mode import mode_change
from fallback_server.store.people import workstation, workstation_epoch
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
    Column("done_at", String(35)),
    Column("done_by", String(64)),
    Column("done_note", Text),
    CheckConstraint("kind IN ('good', 'problem', 'idea')", name="kind"),
    # Promise: what is mended was mended by somebody, who says how.
    CheckConstraint("done_at IS NULL OR (done_by IS NOT NULL AND done_note IS NOT NULL)", name="done_by_a_person"),
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
    row = {**EMPTY, "departments": scope, "incident_no": incident_no}
    conn.execute(drill.insert().values(title=title[:200], created_at=at, created_by=by, **row))
    return True


def acknowledgements(conn: Connection, incident_no: int) -> dict[str, str]:
    """Computer → when it first knew that this incident is on; consoles only look on and do not count.

    The first time counts: the scope of a drill may change while it goes on.
    """
    on = select(mode_change.c.epoch).where(
        mode_change.c.incident_no == incident_no, mode_change.c.to_mode == "emergency"
    )
    rows = conn.execute(
        select(workstation.c.code, func.min(workstation_epoch.c.at).label("at"))
        .join(workstation, workstation.c.code == workstation_epoch.c.code)
        .where(workstation_epoch.c.epoch.in_(on), workstation.c.role.is_distinct_from("console"))
        .group_by(workstation.c.code)
    )
    return {row.code: row.at for row in rows}


def row_of(conn: Connection, number: int) -> dict[str, Any] | None:
    """A drill by its own number; None if there is none."""
    row = conn.execute(select(drill).where(drill.c.id == number)).mappings().first()
    return dict(row) if row is not None else None
