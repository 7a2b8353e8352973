"""What was seen of the centre before: every change of the verdict, the minutes of two days, what is usual at each hour.

All of it is bounded: changes of a year at most, 2880 minutes, two weeks of hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import JSON, Column, Connection, Float, Integer, String, Table, delete, select, update

from fallback_server.domain.clock import to_text
from fallback_server.domain.usual import KEEP_DAYS, Usual, bucket, usual
from fallback_server.store.schema import BigKey, metadata
from fallback_server.store.session import Tx

MINUTES_KEPT: Final = timedelta(hours=48)
CHANGES_KEPT: Final = timedelta(days=400)
MINUTE: Final = len("2026-11-23T08:30")

centre_change = Table(
    "centre_change",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("at", String(35), nullable=False),  # when it was recognised
    Column("since", String(35), nullable=False),  # when it began
    Column("verdict", String(12), nullable=False),
    Column("before", String(12), nullable=False),
    Column("fault", String(12), nullable=False),
    Column("evidence", JSON, nullable=False),
)

centre_minute = Table(
    "centre_minute",
    metadata,
    Column("minute", String(16), primary_key=True),
    Column("at", String(35), nullable=False),
    Column("seconds", Float),  # the slowest answer in it; NULL: no look of it was answered
    Column("bad", Integer, nullable=False),  # looks that were not answered
    Column("windows_no", Integer, nullable=False),
    Column("windows_known", Integer, nullable=False),
)

centre_usual = Table(
    "centre_usual",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("hour", Integer, primary_key=True, autoincrement=False),
    Column("step", String(8), primary_key=True),
    Column("counts", JSON, nullable=False),  # bucket of domain.usual → looks
)


def changed(tx: Tx, before: str, verdict: str, since: str, fault: str, evidence: Mapping[str, Any]) -> None:
    """The verdict is another one from now on."""
    row = {"at": tx.at, "since": since, "verdict": verdict, "before": before, "fault": fault, "evidence": evidence}
    tx.conn.execute(centre_change.insert().values(**row))
    tx.conn.execute(delete(centre_change).where(centre_change.c.at < to_text(tx.now - CHANGES_KEPT)))


def changes(conn: Connection, most: int) -> list[dict[str, Any]]:
    """The newest changes first."""
    statement = select(centre_change).order_by(centre_change.c.id.desc()).limit(most)
    return [dict(row) for row in conn.execute(statement).mappings()]


def add(tx: Tx, seconds: Mapping[str, float], answered: float | None, no: int, known: int) -> None:
    """Count one look: into its minute, and what its steps took into its hour."""
    here = centre_minute.c.minute == tx.at[:MINUTE]
    row = tx.conn.execute(select(centre_minute).where(here)).mappings().first()
    told = {"at": tx.at, "windows_no": no, "windows_known": known}
    if row is None:
        values = {"minute": tx.at[:MINUTE], "seconds": answered, "bad": int(answered is None), **told}
        tx.conn.execute(centre_minute.insert().values(**values))
        tx.conn.execute(delete(centre_minute).where(centre_minute.c.at < to_text(tx.now - MINUTES_KEPT)))
    else:
        slowest = max((one for one in (row["seconds"], answered) if one is not None), default=None)
        values = {"seconds": slowest, "bad": row["bad"] + (answered is None), **told}
        tx.conn.execute(update(centre_minute).where(here).values(**values))
    for step, spent in seconds.items():
        _count(tx, step, spent)


def minutes(conn: Connection, since: datetime) -> list[dict[str, Any]]:
    """The minutes from then on, oldest first."""
    statement = select(centre_minute).where(centre_minute.c.at >= to_text(since)).order_by(centre_minute.c.minute)
    return [dict(row) for row in conn.execute(statement).mappings()]


def usual_now(conn: Connection, now: datetime) -> dict[str, Usual | None]:
    """What is usual at this hour, by step; while this hour is not known well enough, what is usual at any."""
    days: dict[str, dict[tuple[str, bool], dict[int, int]]] = {}
    for row in conn.execute(select(centre_usual)):
        for key in {(row.day, row.hour == now.hour), (row.day, False)}:
            counts = days.setdefault(row.step, {}).setdefault(key, {})
            for number, looks in row.counts.items():
                counts[int(number)] = counts.get(int(number), 0) + looks
    return {step: usual(_of(found, here=True)) or usual(_of(found, here=False)) for step, found in days.items()}


def _of(found: Mapping[tuple[str, bool], dict[int, int]], *, here: bool) -> list[dict[int, int]]:
    return [counts for (_, at_this_hour), counts in found.items() if at_this_hour is here]


def _count(tx: Tx, step: str, spent: float) -> None:
    key = {"day": tx.today.isoformat(), "hour": tx.now.hour, "step": step}
    here = [centre_usual.c[name] == value for name, value in key.items()]
    counts = tx.conn.execute(select(centre_usual.c.counts).where(*here)).scalar()
    number = str(bucket(spent))
    if counts is None:
        tx.conn.execute(centre_usual.insert().values(**key, counts={number: 1}))
        oldest = (tx.today - timedelta(days=KEEP_DAYS)).isoformat()
        tx.conn.execute(delete(centre_usual).where(centre_usual.c.day < oldest))
    else:
        more = {**counts, number: counts.get(number, 0) + 1}
        tx.conn.execute(update(centre_usual).where(*here).values(counts=more))
