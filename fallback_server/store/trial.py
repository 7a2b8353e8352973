"""When a test document was last tried, and what came of it: one row."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Boolean, CheckConstraint, Column, Connection, Float, Integer, String, Table, select, update

from fallback_server.domain.modes import Permit
from fallback_server.store.mode import SYSTEM_OPERATOR
from fallback_server.store.schema import metadata
from fallback_server.store.session import Actor, Store

EVERY_SECONDS: Final = 300  # the worker tries one so often
OLD_SECONDS: Final = 3 * EVERY_SECONDS

trial = Table(
    "trial",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", String(35), nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("code", String(48)),  # why not
    Column("seconds", Float, nullable=False),
    CheckConstraint("id = 1", name="single_row"),
)


def note(store: Store, ok: bool, code: str | None, seconds: float) -> None:
    """Remember how a trial ended. That this can be committed is part of the trial: the other part was rolled back."""
    values = {"ok": ok, "code": code, "seconds": round(seconds, 4)}
    with store.writing(Permit.HOUSEKEEPING, Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)) as tx:
        if tx.conn.execute(update(trial).values(at=tx.at, **values)).rowcount == 0:
            tx.conn.execute(trial.insert().values(id=1, at=tx.at, **values))


def last(conn: Connection) -> dict[str, Any] | None:
    """`{at, ok, code, seconds}` of the last one, or None."""
    row = conn.execute(select(trial)).mappings().first()
    return dict(row) if row is not None else None
