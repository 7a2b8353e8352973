"""How busy the standby is, minute by minute, and how fast the way back goes: counted when asked, for charts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.outbox import FINAL, OutboxState
from fallback_server.store.outbox import outbox, outbox_move

MINUTE: Final = len("2026-11-23T08:30")
RATE_SECONDS: Final = 60.0
_FINAL = tuple(state.value for state in FINAL)
# What a drill made is fenced, and nothing else is. So said, an index answers and no payload is read.
_REAL: Final = outbox.c.state != OutboxState.FENCED.value


@dataclass(frozen=True)
class Slots:
    """A span of time cut into equal slots of whole minutes."""

    begin: datetime
    minutes: int
    count: int

    def starts(self) -> list[datetime]:
        return [self.begin + timedelta(minutes=self.minutes * index) for index in range(self.count)]

    def of(self, moment: datetime) -> int:
        """The slot a moment falls into; outside the span the nearest end."""
        index = int((moment - self.begin).total_seconds() // (60 * self.minutes))
        return max(0, min(self.count - 1, index))


def slots(since: datetime, until: datetime, most: int = 60) -> Slots:
    """Slots that cover the span, at most `most`, each as short as possible and a round number of minutes."""
    span = max(1, int((until - since).total_seconds() // 60) + 1)
    minutes = next(one for one in (1, 2, 5, 10, 15, 30, 60, 120, 240, 720, 1440, 10_080, 525_600) if span <= one * most)
    begin = since.replace(second=0, microsecond=0)
    return Slots(begin, minutes, max(1, -(-span // minutes)))


def per_minute(conn: Connection, incident_no: int | None, cut: Slots) -> list[float]:
    """Documents made a minute in each slot, those of one incident or all that are no drill's."""
    wanted = _REAL if incident_no is None else outbox.c.incident_no == incident_no
    counts = [0] * cut.count
    for moment, number in _by_minute(
        conn, outbox.c.created_at, and_(wanted, outbox.c.created_at >= to_text(cut.begin))
    ):
        counts[cut.of(moment)] += number
    return [round(number / cut.minutes, 2) for number in counts]


def waiting(conn: Connection, cut: Slots) -> list[int]:
    """How many documents waited for the centre at the end of each slot; a drill's never do."""
    begin = to_text(cut.begin)
    came = [0] * cut.count
    level = _count(conn, and_(_REAL, outbox.c.created_at < begin))
    level -= _moved(conn, outbox_move.c.to_state.in_(_FINAL), begin)
    level += _moved(conn, outbox_move.c.from_state.in_(_FINAL), begin)
    for moment, number in _by_minute(conn, outbox.c.created_at, and_(_REAL, outbox.c.created_at >= begin)):
        came[cut.of(moment)] += number
    for ended, sign in ((outbox_move.c.to_state, -1), (outbox_move.c.from_state, 1)):
        later = and_(ended.in_(_FINAL), outbox_move.c.at >= begin)
        for moment, number in _by_minute(conn, outbox_move.c.at, later):
            came[cut.of(moment)] += sign * number
    line = []
    for change in came:
        level += change
        line.append(max(0, level))
    return line


def upload_pace(conn: Connection, incident_no: int, progress: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """How fast documents leave now: `{per_minute, seconds_left}`; None where nothing moved in the last minute."""
    since = now - timedelta(seconds=RATE_SECONDS)
    run = progress["run"]
    if run is not None and run["state"] == "running":
        since = max(since, from_text(run["started_at"]))
    mine = select(outbox.c.yj_id).where(outbox.c.yj_id == outbox_move.c.yj_id, outbox.c.incident_no == incident_no)
    moved = conn.execute(
        select(func.count())
        .select_from(outbox_move)
        .where(
            mine.exists(),
            outbox_move.c.at >= to_text(since),
            or_(outbox_move.c.to_state.in_(_FINAL), outbox_move.c.to_state == "conflict"),
        )
    ).scalar_one()
    spent = (now - since).total_seconds()
    if not moved or spent <= 0:
        return {"per_minute": None, "seconds_left": None}
    return {
        "per_minute": round(60 * moved / spent),
        "seconds_left": int(progress["clean"] * spent / moved) if progress["clean"] else 0,
    }


def _by_minute(conn: Connection, column: Any, wanted: ColumnElement[bool]) -> Iterable[tuple[datetime, int]]:
    """(minute, rows), with the hospital's offset: stored times all carry the same one."""
    minute = func.substr(column, 1, MINUTE)
    rows = conn.execute(
        select(minute.label("minute"), func.max(column).label("at"), func.count().label("n"))
        .where(wanted)
        .group_by(minute)
    )
    for row in rows:
        yield from_text(row.at), int(row.n)


def _count(conn: Connection, wanted: ColumnElement[bool]) -> int:
    return int(conn.execute(select(func.count()).select_from(outbox).where(wanted)).scalar_one())


def _moved(conn: Connection, which: ColumnElement[bool], before: str) -> int:
    statement = select(func.count()).select_from(outbox_move).where(which, outbox_move.c.at < before)
    return int(conn.execute(statement).scalar_one())
