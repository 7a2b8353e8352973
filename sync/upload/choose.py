"""Which incident an upload run is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import IncidentState
from fallback_server.store.conflicts import decided_links
from fallback_server.store.mode import incident
from fallback_server.store.outbox import outbox
from fallback_server.store.returns_queries import LEFT_STATES, clean_left
from fallback_server.store.session import Store


def choose_incident(store: Store, incident_no: int | None) -> Mapping[str, Any] | None:
    """The incident to upload: the one asked for, else the oldest in which something can move, else the oldest.

    None if none was asked for and none waits.
    """
    with store.reading() as tx:
        rows = tx.conn.execute(select(incident).order_by(incident.c.incident_no)).mappings().all()
        if incident_no is None:
            waiting = [dict(r) for r in rows if not r["drill"] and r["state"] not in ("open", "closed")]
            moving = (row for row in waiting if _can_move(tx.conn, row))
            return next(moving, waiting[0] if waiting else None)
    found = [row for row in rows if row["incident_no"] == incident_no]
    if not found:
        raise YjError("incident_not_found")
    if found[0]["drill"]:
        raise YjError("drill_fenced")
    if found[0]["state"] == IncidentState.OPEN.value:
        raise YjError("incident_open", state=found[0]["state"])
    if found[0]["state"] == IncidentState.CLOSED.value:
        raise YjError("incident_closed")
    return dict(found[0])


def _can_move(conn: Connection, row: Mapping[str, Any]) -> bool:
    number = row["incident_no"]
    return row["state"] == "closing" or clean_left(conn, number) > 0 or bool(decided_links(conn, number))


def older_to_enter(conn: Connection, number: int) -> list[Mapping[str, Any]]:
    """Ended outages before this one of which documents are left, oldest first: the centre does not know them yet, or no
    more, if it was rewound. One without documents is closed here without the centre."""
    left = outbox.c.state.in_(LEFT_STATES)
    held = select(outbox.c.yj_id).where(outbox.c.incident_no == incident.c.incident_no, left).exists()
    ended = incident.c.state.not_in((IncidentState.OPEN.value, IncidentState.CLOSED.value))
    mine = (incident.c.incident_no < number, ended, ~incident.c.drill, held)
    rows = conn.execute(select(incident).where(*mine).order_by(incident.c.incident_no)).mappings()
    return [dict(row) for row in rows]
