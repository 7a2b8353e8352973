"""The last look at the centre: one row that the worker writes and every page may read.

It also says whether the worker lives: a look that is old means that nobody looks.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import CheckConstraint, Column, Connection, Float, Integer, String, Table, select, update

from fallback_server.domain.clock import from_text
from fallback_server.domain.modes import Permit
from fallback_server.store.mode import SYSTEM_OPERATOR
from fallback_server.store.schema import metadata
from fallback_server.store.session import Actor, Store

FINE, SLOW, DOWN, UNKNOWN = "fine", "slow", "down", "unknown"
SLOW_SECONDS: Final = 2.0  # a probe is one small question: a centre that takes longer keeps windows waiting
OLD_SECONDS: Final = 60  # the worker looks every fifteen

centre_look = Table(
    "centre_look",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("looked_at", String(35), nullable=False),
    Column("state", String(8), nullable=False),
    Column("since", String(35), nullable=False),  # of this state
    Column("seconds", Float),  # how long the centre took to answer
    Column("clock_offset_seconds", Float),
    Column("detail", String(200), nullable=False),
    CheckConstraint("id = 1", name="single_row"),
    CheckConstraint("state IN ('fine', 'slow', 'down')", name="state"),
)


def note(store: Store, seconds: float | None, clock_offset: float | None, detail: str) -> str:
    """Write down a look; `seconds` None: the centre did not answer soundly. Returns its state."""
    state = judged(seconds)
    values = {"state": state, "seconds": seconds, "clock_offset_seconds": clock_offset, "detail": detail[:200]}
    with store.writing(Permit.HOUSEKEEPING, Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)) as tx:
        before = tx.conn.execute(select(centre_look)).mappings().first()
        since = before["since"] if before is not None and before["state"] == state else tx.at
        row = {**values, "looked_at": tx.at, "since": since}
        if before is None:
            tx.conn.execute(centre_look.insert().values(id=1, **row))
        else:
            tx.conn.execute(update(centre_look).values(**row))
    return state


def judged(seconds: float | None) -> str:
    """What an answer after so many seconds (None: none) makes of the centre."""
    return DOWN if seconds is None else SLOW if seconds > SLOW_SECONDS else FINE


def last(conn: Connection, now: datetime) -> dict[str, Any]:
    """`{state, since, looked_at, seconds, clock_offset_seconds, detail, watched}`.

    `unknown` before the first look; `watched` False when the worker, who looks, has not looked lately.
    """
    row = conn.execute(select(centre_look)).mappings().first()
    if row is None:
        nothing = dict.fromkeys(("since", "looked_at", "seconds", "clock_offset_seconds"))
        return {"state": UNKNOWN, **nothing, "detail": "", "watched": False}
    watched = (now - from_text(row["looked_at"])).total_seconds() <= OLD_SECONDS
    shown = {name: row[name] for name in ("since", "looked_at", "seconds", "clock_offset_seconds", "detail")}
    return {"state": row["state"] if watched else UNKNOWN, **shown, "watched": watched}
