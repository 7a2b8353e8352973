"""Alarms: what somebody must look at, said once.

Rows with a beginning and an end; whether one is on is asked of the table, so a restart repeats none.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import JSON, Column, Connection, Index, String, Table, Text, select, text, update

from fallback_server.domain.modes import Permit
from fallback_server.store.mode import SYSTEM_OPERATOR
from fallback_server.store.schema import BigKey, metadata
from fallback_server.store.session import Actor, Store, Tx

CENTRE: Final = "centre"
MIRROR: Final = "mirror"
SEAL: Final = "seal"

alarm = Table(
    "alarm",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("subject", String(32), nullable=False),  # centre | mirror.master | mirror.open | seal
    Column("kind", String(48), nullable=False),
    Column("zh", Text, nullable=False),
    Column("en", Text, nullable=False),
    Column("detail", JSON, nullable=False),
    Column("opened_at", String(35), nullable=False),
    Column("closed_at", String(35)),
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


def sound(store: Store, subject: str, kind: str, zh: str, en: str, *, action: str = "alarm.on", **detail: Any) -> bool:
    """Turn an alarm on; False if this one is on already. Another kind for the same subject takes its place."""
    with store.reading() as tx:
        if any(row["kind"] == kind for row in on(tx.conn, subject)):
            return False
    with store.writing(Permit.HOUSEKEEPING, _SYSTEM) as tx:
        turn_on(tx, subject, kind, zh, en, action=action, **detail)
    return True


def turn_on(tx: Tx, subject: str, kind: str, zh: str, en: str, *, action: str = "alarm.on", **detail: Any) -> None:
    """The same inside a transaction: the alarm stands if and only if what it speaks of was committed."""
    _close(tx, subject)
    row = {"subject": subject, "kind": kind, "zh": zh, "en": en, "detail": detail, "opened_at": tx.at}
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
