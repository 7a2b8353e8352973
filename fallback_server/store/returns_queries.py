"""How far the way back is, computed from the queue tables each time it is asked: a stored "done" could lie.

`clean` is what the uploader can still move by itself; `held` waits behind a document that is with a person.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import CTE, Connection, func, select

from fallback_server.domain.outbox import OPEN_WORK, OutboxState
from fallback_server.store.outbox import outbox, outbox_parent
from fallback_server.store.returning import conflict, upload_run

_CHUNK = 500
_OPEN = tuple(state.value for state in OPEN_WORK)
LEFT_STATES = (*_OPEN, OutboxState.CONFLICT.value)


def upload_progress(conn: Connection, incident_no: int) -> dict[str, Any]:
    """States by entity and in all, what is clean or held, the oldest waiting document, the last error, the last run.

    `{incident_no, documents, confirmed, settled, left, clean, held, open_conflicts, states, entities, oldest_waiting,
    last_error, run}`; `left` counts everything that is neither confirmed nor settled nor fenced.
    """
    entities: dict[str, dict[str, int]] = {}
    states: dict[str, int] = {}
    waits: list[str] = []
    counted = conn.execute(
        select(outbox.c.entity, outbox.c.state, func.count().label("n"), func.min(outbox.c.created_at).label("first"))
        .where(outbox.c.incident_no == incident_no)
        .group_by(outbox.c.state, outbox.c.entity)
        .order_by(outbox.c.state, outbox.c.entity)
    )
    for row in counted:
        entities.setdefault(row.entity, {})[row.state] = row.n
        states[row.state] = states.get(row.state, 0) + row.n
        waits += [str(row.first)] if row.state in LEFT_STATES else []
    held = held_count(conn, incident_no)
    waiting = sum(states.get(state, 0) for state in _OPEN)
    return {
        "incident_no": incident_no,
        "documents": sum(states.values()),
        "confirmed": states.get("confirmed", 0),
        "settled": states.get("settled", 0),
        "left": sum(states.get(state, 0) for state in LEFT_STATES),
        "clean": waiting - held,
        "held": held,
        "open_conflicts": open_conflict_count(conn, incident_no),
        "states": states,
        "entities": entities,
        "oldest_waiting": min(waits, default=None),
        "last_error": _last_error(conn, incident_no),
        "run": last_run(conn, incident_no),
    }


def clean_left(conn: Connection, incident_no: int) -> int:
    """Documents that the uploader still has to move and that no parked document holds up."""
    waiting = conn.execute(
        select(func.count()).select_from(outbox).where(outbox.c.incident_no == incident_no, outbox.c.state.in_(_OPEN))
    ).scalar_one()
    return int(waiting) - held_count(conn, incident_no)


def held_count(conn: Connection, incident_no: int) -> int:
    """Documents not yet sent that wait, directly or through others, for one that is with a person."""
    ids = list(conn.execute(select(_held().c.yj_id)).scalars())
    held = 0
    for start in range(0, len(ids), _CHUNK):
        # By their ids, which are few: without statistics SQLite would rather look at all that waits.
        one = select(outbox.c.incident_no, outbox.c.state).where(outbox.c.yj_id.in_(ids[start : start + _CHUNK]))
        held += sum(row.incident_no == incident_no and row.state in _OPEN for row in conn.execute(one))
    return held


def open_conflict_count(conn: Connection, incident_no: int) -> int:
    """Items that still want a decision, those of the blind window included."""
    return int(
        conn.execute(
            select(func.count())
            .select_from(conflict)
            .where(conflict.c.incident_no == incident_no, conflict.c.decision.is_(None))
        ).scalar_one()
    )


def last_run(conn: Connection, incident_no: int, *, dry_run: bool | None = None) -> dict[str, Any] | None:
    """The newest upload run of an incident, with its report; None before the first."""
    statement = select(upload_run).where(upload_run.c.incident_no == incident_no)
    if dry_run is not None:
        statement = statement.where(upload_run.c.dry_run == dry_run)
    row = conn.execute(statement.order_by(upload_run.c.id.desc()).limit(1)).mappings().first()
    return dict(row) if row is not None else None


def _held() -> CTE:
    """Everything below a document in conflict. Nothing below a confirmed one waits: the walk stops at what was sent."""
    first = (
        select(outbox_parent.c.yj_id)
        .join(outbox, outbox.c.yj_id == outbox_parent.c.parent_id)
        .where(outbox.c.state == OutboxState.CONFLICT.value)
    )
    held = first.cte("held", recursive=True)
    return held.union(select(outbox_parent.c.yj_id).join(held, held.c.yj_id == outbox_parent.c.parent_id))


def _last_error(conn: Connection, incident_no: int) -> str | None:
    value = conn.execute(
        select(outbox.c.last_error)
        .where(outbox.c.incident_no == incident_no, outbox.c.state.in_(LEFT_STATES), outbox.c.last_error.is_not(None))
        .order_by(outbox.c.sequence.desc())
        .limit(1)
    ).scalar()
    return str(value) if value is not None else None
