"""Alarms: what somebody must look at, said once, until its cause is gone; acknowledged means that somebody is at it.

Rows with a beginning and an end; whether one is on is asked of the table, so a restart repeats none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import JSON, CheckConstraint, Column, Connection, Index, String, Table, Text, func, select, text, update

from fallback_server.domain.alerting import Alert, severity_of
from fallback_server.domain.clock import from_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store.mode import SYSTEM_OPERATOR
from fallback_server.store.schema import BigKey, metadata
from fallback_server.store.session import Actor, Store, Tx

CENTRE: Final = "centre"
CENTRE_AWAY: Final = ("lost", "standby_cut", "locked_out")
"""The kinds of its alarm in which the standby gets nothing from the centre; it may also be slow, or windows cut off."""
MIRROR: Final = "mirror"
SEAL: Final = "seal"
READY: Final = "ready"
CHANNEL: Final = "channel"  # with a name behind it
CHANNELS: Final = "channels"  # that there are none
SWITCH: Final = "switch"
ALONE: Final = "alone"

alarm = Table(
    "alarm",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("subject", String(32), nullable=False),  # its first word says whose: centre, mirror, ready, …
    Column("kind", String(48), nullable=False),
    Column("zh", Text, nullable=False),
    Column("en", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Column("opened_at", String(35), nullable=False),
    Column("closed_at", String(35)),
    Column("severity", String(8), nullable=False),
    Column("acknowledged_at", String(35)),
    Column("acknowledged_by", String(64)),
    Column("note", String(500)),
    CheckConstraint("severity IN ('info', 'warning', 'critical')", name="severity"),
    CheckConstraint("(acknowledged_at IS NULL) = (acknowledged_by IS NULL)", name="acknowledged_by_somebody"),
)
# Promise: one alarm a subject, however many runs meet the same trouble.
Index(
    "uq_alarm_open",
    alarm.c.subject,
    unique=True,
    sqlite_where=text("closed_at IS NULL"),
    postgresql_where=text("closed_at IS NULL"),
)


def on(conn: Connection, subject: str | None = None) -> list[dict[str, Any]]:
    """The alarms that are on, oldest first."""
    statement = select(alarm).where(alarm.c.closed_at.is_(None)).order_by(alarm.c.id)
    if subject is not None:
        statement = statement.where(alarm.c.subject == subject)
    return [dict(row) for row in conn.execute(statement).mappings()]


def newest(conn: Connection) -> list[Alert]:
    """Of every subject the alarm that was on last, as channels see it."""
    last = select(func.max(alarm.c.id)).group_by(alarm.c.subject)
    rows = conn.execute(select(alarm).where(alarm.c.id.in_(last)).order_by(alarm.c.id)).mappings()
    return [_alert(row) for row in rows]


def history(conn: Connection, limit: int, before: int | None = None) -> list[dict[str, Any]]:
    """Alarms that are over, newest first; `before` an id for the next page."""
    statement = select(alarm).where(alarm.c.closed_at.is_not(None)).order_by(alarm.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(alarm.c.id < before)
    return [dict(row) for row in conn.execute(statement).mappings()]


def acknowledge(tx: Tx, number: int, note: str) -> dict[str, Any]:
    """Somebody is at it: it is not said again while it stays on. Raises not_found, wrong_state for one that is over.

    Who acknowledged first stays; the same again changes nothing.
    """
    row = tx.conn.execute(select(alarm).where(alarm.c.id == number)).mappings().first()
    if row is None:
        raise YjError("not_found")
    if row["closed_at"] is not None:
        raise YjError("wrong_state")
    if row["acknowledged_at"] is None:
        values = {"acknowledged_at": tx.at, "acknowledged_by": tx.who.operator_code, "note": note}
        tx.conn.execute(update(alarm).where(alarm.c.id == number).values(**values))
        tx.audit("alarm.acknowledge", subject=row["subject"], alarm=number, kind=row["kind"], note=note)
        return {**row, **values}
    return dict(row)


def _alert(row: Mapping[Any, Any]) -> Alert:
    closed = from_text(row["closed_at"]) if row["closed_at"] else None
    return Alert(
        row["id"], row["subject"], row["kind"], row["severity"], row["zh"], row["en"], from_text(row["opened_at"]),
        closed, row["acknowledged_at"] is not None,
    )  # fmt: skip


def sound(store: Store, subject: str, kind: str, zh: str, en: str, *, action: str = "alarm.on", **detail: Any) -> bool:
    """Turn an alarm on; False if this one is on already. Another kind for the same subject takes its place."""
    with store.reading() as tx:
        if any(row["kind"] == kind for row in on(tx.conn, subject)):
            return False
    with store.writing(Permit.HOUSEKEEPING, _SYSTEM) as tx:
        turn_on(tx, subject, kind, zh, en, action=action, **detail)
    return True


def turn_on(
    tx: Tx, subject: str, kind: str, zh: str, en: str, *, action: str = "alarm.on", severity: str = "", **detail: Any
) -> None:
    """The same inside a transaction: the alarm stands if and only if what it speaks of was committed."""
    _close(tx, subject)
    row = {"subject": subject, "kind": kind, "zh": zh, "en": en, "detail": detail, "opened_at": tx.at}
    row["severity"] = severity or severity_of(subject)
    tx.conn.execute(alarm.insert().values(**row))
    tx.audit(action, subject=subject, ok=False, kind=kind, **detail)


def turn_off(tx: Tx, subject: str, *, action: str = "alarm.off") -> None:
    """Turn the alarm of a subject off inside a transaction; harmless where none is on."""
    if on(tx.conn, subject):
        _close(tx, subject)
        tx.audit(action, subject=subject)


def silence(store: Store, subject: str, *, action: str = "alarm.off") -> bool:
    """Turn the alarm of a subject off: its cause is gone. False if none was on."""
    with store.reading() as tx:
        if not on(tx.conn, subject):
            return False
    with store.writing(Permit.HOUSEKEEPING, _SYSTEM) as tx:
        _close(tx, subject)
        tx.audit(action, subject=subject)
    return True


_SYSTEM: Final = Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)


def _close(tx: Tx, subject: str) -> None:
    still = (alarm.c.subject == subject, alarm.c.closed_at.is_(None))
    tx.conn.execute(update(alarm).where(*still).values(closed_at=tx.at))
