"""The line between our documents and the centre's open work, and between drill and real work.

Documents of a closed incident are the HIS's again: lists leave them out and nothing may be done to them here. What of
an unclosed incident has arrived at the centre and comes back in the mirror's open work is shown once, as ours.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Select, false, select

from fallback_server.domain.clock import to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import IncidentState
from fallback_server.store.mode import incident
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Tx, mirror_as_of


def require_usable(tx: Tx, origin: str, drill: bool, incident_no: int | None) -> None:
    """Refuse to work on a document of the other kind of incident, of a closed one, or, in a drill, of the centre."""
    if origin == "centre":
        if tx.mode.drill:
            raise YjError("drill_touches_open_work")
        return
    if drill != tx.mode.drill:
        raise YjError("drill_mismatch")
    require_unclosed(tx, incident_no)


def require_ours(origin: str) -> None:
    """Refuse to change a document of the HIS."""
    if origin != "yj":
        raise YjError("not_yj_document")


def require_unclosed(tx: Tx, incident_no: int | None) -> None:
    """Refuse work on a document whose incident is signed off; its place is the HIS now."""
    state = tx.conn.execute(select(incident.c.state).where(incident.c.incident_no == incident_no)).scalar()
    if state == IncidentState.CLOSED.value:
        raise YjError("incident_closed")


def unclosed() -> Select[tuple[int]]:
    """Numbers of the incidents whose documents are still ours to work on."""
    return select(incident.c.incident_no).where(incident.c.state != IncidentState.CLOSED.value)


def not_ours(tx: Tx, key: ColumnElement[str], entity: str) -> ColumnElement[bool]:
    """Condition: the centre's row is not one of ours come back. Nothing of the centre is seen in a drill."""
    if tx.mode.drill:
        return false()
    # Key by key on its index: a list of all that came back would be as long as the outage was.
    ours = select(outbox.c.central_key).where(
        outbox.c.entity == entity, outbox.c.central_key == key, outbox.c.incident_no.in_(unclosed())
    )
    return ~ours.exists()


def as_of(tx: Tx, dataset: str) -> str | None:
    """The moment whose state the mirrored rows of this dataset show."""
    return mirror_as_of(tx.conn).get(dataset)


def moment(tx: Tx, local: str) -> str:
    """A mirrored local time (`YYYY-MM-DD HH:MM:SS`) as RFC 3339 in the hospital's zone; other text stays as it is."""
    try:
        return to_text(datetime.fromisoformat(local).replace(tzinfo=tx.now.tzinfo))
    except ValueError:
        return local
