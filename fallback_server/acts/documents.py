"""Acting on a document that exists already: it must be ours, of the present kind of incident, and still open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import IncidentState
from fallback_server.domain.numbers import is_ulid
from fallback_server.store import cash
from fallback_server.store.mode import incident
from fallback_server.store.session import Tx


def charge_row(tx: Tx, charge_id: str) -> dict[str, Any]:
    """The row of a charge or refund; raises charge_not_found."""
    row = tx.conn.execute(select(cash.charge).where(cash.charge.c.id == charge_id)).mappings().first()
    if row is None:
        raise YjError("charge_not_found")
    return dict(row)


def require_ours(tx: Tx, charge_id: str) -> dict[str, Any]:
    """The row of a charge that can still be changed here.

    Raises pre_outage_charge for what the centre wrote (its ids are no ULIDs) and for what has returned to it,
    charge_not_found, drill_mismatch.
    """
    if not is_ulid(charge_id):
        raise YjError("pre_outage_charge")
    row = charge_row(tx, charge_id)
    require_kind(tx, row)
    if incident_state(tx, row["incident_no"]) is IncidentState.CLOSED:
        raise YjError("pre_outage_charge")
    return row


def require_kind(tx: Tx, row: Mapping[str, Any]) -> None:
    """Drill and real work never mix; raises drill_mismatch."""
    if bool(row["drill"]) != tx.mode.drill:
        raise YjError("drill_mismatch")


def incident_state(tx: Tx, incident_no: int) -> IncidentState:
    """Where an incident stands."""
    state = tx.conn.execute(select(incident.c.state).where(incident.c.incident_no == incident_no)).scalar_one()
    return IncidentState(state)


def adopt_incident(tx: Tx, incident_no: int | None) -> None:
    """For aftercare in normal mode: what is written now belongs to the incident of the document it is about.

    Raises incident_closed once that is signed off, mode_normal for what never belonged to an incident.
    """
    if incident_no is not None and incident_state(tx, incident_no) is IncidentState.CLOSED:
        raise YjError("incident_closed")
    if tx.mode.incident_no is None:
        if incident_no is None:
            raise YjError("mode_normal")
        tx.mode = replace(tx.mode, incident_no=incident_no)
