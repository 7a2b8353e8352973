"""Prints that an agent makes at a workstation, because its browser can reach only the default printer.

    waiting ─take→ taken ─finish→ done | failed | unknown          waiting ─withdraw→ withdrawn

Promise: a print is taken by one running agent, and what was taken cannot be withdrawn: either the agent prints it or
the browser does. That agent may ask again for what it has not reported, because the answer was lost on the way; it
knows which of them it has handed to the printer. Who gave up waiting for one that was taken, or hears that it is
`unknown`, must ask the paper.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    String,
    Table,
    delete,
    func,
    select,
    text,
    update,
)

from fallback_server.domain.clock import to_text
from fallback_server.store.schema import metadata

STATES: Final = ("waiting", "taken", "done", "failed", "unknown", "withdrawn")
AGAIN: Final = timedelta(seconds=10)  # how long a lost answer is given again: later the page has told people to look
_KEPT: Final = timedelta(days=1)  # what was printed stands in print_record; this is only the way to the printer

print_job = Table(
    "print_job",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("workstation", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("path", String(256), nullable=False),  # of the print; '' is the printer's test page
    Column("language", String(8), nullable=False),
    Column("printer", String(128), nullable=False),
    Column("tray", String(64), nullable=False),
    Column("offset_x_mm", Float, nullable=False),
    Column("offset_y_mm", Float, nullable=False),
    Column("copies", Integer, nullable=False),
    # Who asked for it: the agent may read this one print, as that person may.
    Column("operator_code", String(64), nullable=False),
    Column("operator_name", String(128), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("state", String(12), nullable=False),
    Column("asked_at", String(35), nullable=False),
    Column("expires_at", String(35), nullable=False),
    Column("taken_at", String(35)),
    Column("taken_by", String(32)),  # the running agent, as it names itself
    Column("ended_at", String(35)),
    Column("detail", String(200)),
    Column("test", Boolean, nullable=False),
    CheckConstraint(f"state IN {STATES}", name="state"),
)
Index(
    "ix_print_job_waiting",
    print_job.c.workstation,
    sqlite_where=text("state = 'waiting'"),
    postgresql_where=text("state = 'waiting'"),
)


def ask(conn: Connection, row: dict[str, Any], now: datetime, patience: float) -> None:
    """A print that waits for its agent; it may be taken for `patience` seconds. What is old is forgotten."""
    conn.execute(delete(print_job).where(print_job.c.asked_at < to_text(now - _KEPT)))
    at, until = to_text(now), to_text(now + timedelta(seconds=patience))
    conn.execute(print_job.insert().values(**row, state="waiting", asked_at=at, expires_at=until))


def waiting(conn: Connection, at: str) -> dict[str, str]:
    """Workstations whose agent has something to print: code → the newest of it."""
    table = print_job
    asked = select(table.c.workstation, func.max(table.c.id)).where(_takable(at)).group_by(table.c.workstation)
    return {row[0]: row[1] for row in conn.execute(asked)}


def take(conn: Connection, workstation: str, now: datetime, instance: str | None = None) -> list[dict[str, Any]]:
    """What this workstation's agent shall print, handed out once; to the same `instance` again while it is fresh."""
    table, at = print_job, to_text(now)
    ids = conn.execute(
        select(table.c.id).where(table.c.workstation == workstation, _takable(at)).order_by(table.c.id)
    ).scalars()
    mine = [
        one
        for one in ids.all()
        if conn.execute(
            update(table)
            .where(table.c.id == one, table.c.state == "waiting")
            .values(state="taken", taken_at=at, taken_by=instance)
        ).rowcount
    ]
    wanted: Any = table.c.id.in_(mine)
    if instance:
        fresh = (table.c.state == "taken") & (table.c.taken_at > to_text(now - AGAIN))
        wanted = wanted | ((table.c.workstation == workstation) & (table.c.taken_by == instance) & fresh)
    rows = conn.execute(select(table).where(wanted).order_by(table.c.id)).mappings()
    return [dict(row) for row in rows]


def finish(
    conn: Connection, workstation: str, job: str, at: str, *, ok: bool | None, detail: str
) -> tuple[dict[str, Any] | None, bool]:
    """What became of a print that was taken there, None for one that was not; and whether it was news.

    `ok` None: nobody knows whether it came out. The first word counts.
    """
    table = print_job
    ended = "unknown" if ok is None else "done" if ok else "failed"
    values = {"state": ended, "ended_at": at, "detail": detail[:200]}
    place = (table.c.id == job, table.c.workstation == workstation)
    news = conn.execute(update(table).where(*place, table.c.state == "taken").values(**values)).rowcount > 0
    row = conn.execute(select(table).where(*place, table.c.taken_at.is_not(None))).mappings().first()
    return dict(row) if row is not None else None, news


def withdraw(conn: Connection, workstation: str, job: str, at: str) -> None:
    """The page prints it itself: nobody may take it any more. Without effect on one that was taken."""
    table = print_job
    place = (table.c.id == job, table.c.workstation == workstation, table.c.state == "waiting")
    conn.execute(update(table).where(*place).values(state="withdrawn", ended_at=at))


def find(conn: Connection, job: str) -> dict[str, Any] | None:
    """One print."""
    row = conn.execute(select(print_job).where(print_job.c.id == job)).mappings().first()
    return dict(row) if row is not None else None


def _takable(at: str) -> Any:
    return (print_job.c.state == "waiting") & (print_job.c.expires_at > at)
