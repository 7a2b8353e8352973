"""The first mirror after a return looks at every row: meanwhile the centre was mended by hand, and uploaded to."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from fallback_server.domain.modes import IncidentState
from fallback_server.store.mirror_status import swept
from fallback_server.store.mode import incident, incident_event


def due(conn: Connection, marked: Iterable[str]) -> set[str]:
    """Which of the datasets that are not read whole every time were last so before the newest return was over."""
    over = _last_return(conn)
    if over is None:
        return set()
    since = swept(conn)
    return {name for name in marked if since.get(name, "") < over}


def _last_return(conn: Connection) -> str | None:
    """When the newest return was over: its documents were back for the first time, or there were none."""
    back = (
        select(func.min(incident_event.c.at))
        .where(
            incident_event.c.incident_no == incident.c.incident_no,
            incident_event.c.kind == IncidentState.RECONCILING.value,
        )
        .scalar_subquery()
    )
    found = conn.execute(
        select(func.max(func.coalesce(back, incident.c.closed_at))).where(incident.c.drill.is_(False))
    ).scalar()
    return None if found is None else str(found)
