"""The last look at the centre and what is concluded from it: one row that the worker writes and every page may read.

It also says whether the worker lives: a look that is old means that nobody looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import JSON, CheckConstraint, Column, Connection, Float, Integer, String, Table, select, update

from fallback_server.domain.clock import from_text
from fallback_server.domain.detection import Verdict, Watch
from fallback_server.domain.modes import Permit
from fallback_server.domain.usual import WITHOUT_SECONDS
from fallback_server.store.mode import SYSTEM_OPERATOR
from fallback_server.store.schema import metadata
from fallback_server.store.session import Actor, Store, Tx

FINE, SLOW, DOWN, UNKNOWN = "fine", "slow", "down", "unknown"
SLOW_SECONDS: Final = WITHOUT_SECONDS  # while nothing usual is known
OLD_SECONDS: Final = 60  # the worker looks every ten

centre_look = Table(
    "centre_look",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("looked_at", String(35), nullable=False),
    Column("state", String(8), nullable=False),  # as the standby alone sees it
    Column("since", String(35), nullable=False),  # of this state
    Column("seconds", Float),  # how long the centre took to answer this time
    Column("clock_offset_seconds", Float),
    Column("detail", String(200), nullable=False),
    Column("fault", String(12), nullable=False, server_default=""),  # the step by which it is slow or down
    Column("verdict", String(12), nullable=False),  # as standby and windows see it together
    Column("verdict_since", String(35), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("memory", JSON, nullable=False),  # of the watches, so that a worker that starts goes on with them
    CheckConstraint("id = 1", name="single_row"),
    CheckConstraint("state IN ('unknown', 'fine', 'slow', 'down')", name="state"),
    CheckConstraint(
        "verdict IN ('unknown', 'fine', 'slow', 'dead', 'windows_cut', 'standby_cut', 'locked_out')", name="verdict"
    ),
)


@dataclass(frozen=True)
class Concluded:
    """What the looks so far amount to. `memory` is what the next look goes on from."""

    state: str
    since: str
    verdict: str
    verdict_since: str
    fault: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)


def put(tx: Tx, seconds: float | None, clock_offset: float | None, detail: str, concluded: Concluded) -> None:
    """Write down a look and what it amounts to, in place of the one before."""
    row = {
        **concluded.__dict__, "seconds": seconds, "clock_offset_seconds": clock_offset, "detail": detail[:200],
        "looked_at": tx.at,
    }  # fmt: skip
    if not tx.conn.execute(update(centre_look).values(**row)).rowcount:
        tx.conn.execute(centre_look.insert().values(id=1, **row))


def note(store: Store, seconds: float | None, clock_offset: float | None, detail: str) -> str:
    """Write down a look that speaks for itself, without hysteresis; `seconds` None: no sound answer. Returns the state.

    Before the worker's first look, and where a centre is only pretended.
    """
    state = judged(seconds)
    verdict = Verdict.DEAD.value if state == DOWN else state
    with store.writing(Permit.HOUSEKEEPING, Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)) as tx:
        before = known(tx.conn)
        since = before["since"] if before and before["state"] == state else tx.at
        put(tx, seconds, clock_offset, detail, Concluded(state, since, verdict, since))
    return state


def judged(seconds: float | None) -> str:
    """What an answer after so many seconds (None: none) makes of the centre."""
    return DOWN if seconds is None else SLOW if seconds > SLOW_SECONDS else FINE


def known(conn: Connection) -> dict[str, Any] | None:
    """The row as it stands, None before the first look."""
    row = conn.execute(select(centre_look)).mappings().first()
    return None if row is None else dict(row)


def last(conn: Connection, now: datetime) -> dict[str, Any]:
    """`{state, since, looked_at, seconds, clock_offset_seconds, detail, fault, verdict, verdict_since, evidence,
    watched}`.

    `unknown` before the first look; `watched` False when the worker, who looks, has not looked lately.
    """
    row = known(conn)
    if row is None:
        nothing = dict.fromkeys(("since", "looked_at", "seconds", "clock_offset_seconds", "verdict_since"))
        return {"state": UNKNOWN, "verdict": UNKNOWN, **nothing, "detail": "", "fault": "", "evidence": {},
                "watched": False}  # fmt: skip
    watched = (now - from_text(row["looked_at"])).total_seconds() <= OLD_SECONDS
    shown = {name: value for name, value in row.items() if name not in ("id", "memory")}
    return {**shown, **({} if watched else {"state": UNKNOWN, "verdict": UNKNOWN}), "watched": watched}


def watches(row: Mapping[str, Any] | None) -> tuple[Watch, Watch]:
    """What standby and windows have said lately, out of the row."""
    memory = row["memory"] if row is not None else {}
    return Watch.from_json(memory.get("standby")), Watch.from_json(memory.get("windows"))
