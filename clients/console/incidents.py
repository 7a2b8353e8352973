"""Which incident a verb means when none is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clients.console.context import NotInOrder

if TYPE_CHECKING:
    from sqlalchemy import Connection


def chosen(conn: Connection, number: int | None) -> int:
    """The incident `number`, or the newest real one. Raises NotInOrder where there is none, incident_not_found."""
    from sqlalchemy import func, select

    from fallback_server.store.mode import incident
    from fallback_server.store.mode_switch import incident_row

    if number is None:
        number = conn.execute(select(func.max(incident.c.incident_no)).where(incident.c.drill.is_(False))).scalar()
    if number is None:
        raise NotInOrder("there is no incident yet")
    return int(incident_row(conn, number)["incident_no"])
