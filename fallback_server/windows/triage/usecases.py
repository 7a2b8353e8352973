"""Moves in the queue. They are no documents: they stay possible in every mode until the incident is signed off."""

from __future__ import annotations

from typing import Any

from fallback_server.acts import documents, locks, masters, open_work, patients, queue, registrations, rendering
from fallback_server.acts.views import VisitView
from fallback_server.domain.errors import YjError
from fallback_server.store.session import Tx
from fallback_server.windows.triage import queries


def move(
    tx: Tx, registration_id: str, status: str, department_code: str | None, staff_code: str | None
) -> dict[str, Any]:
    """Put a visit into another state, before another door or doctor. Standing there already is no move.

    Raises registration_not_found, registration_cancelled, unknown_…, inactive, forbidden where a doctor moves doors,
    mode_normal for a visit of the centre that never had a place here, and the refusals of drills and closed incidents.
    """
    if (department_code or staff_code) and "triage" not in tx.who.roles:
        raise YjError("forbidden", roles="triage")
    if department_code is not None:
        masters.require(tx, "department", department_code)
    if staff_code is not None:
        masters.require(tx, "staff", staff_code)
    locks.hold(tx, registrations.hold_name(registration_id))
    view = registrations.get(tx, registration_id)
    if view.cancelled:
        raise YjError("registration_cancelled")
    _step(tx, view, status, department_code, staff_code)
    return _shown(tx, registrations.get(tx, registration_id))


def resume_all(tx: Tx, department_code: str) -> dict[str, Any]:
    """Let all paused YJ patients of a department wait in the queue; answers who they are."""
    masters.require(tx, "department", department_code, active=False)
    resumed = []
    for view in queries.paused(tx, department_code):
        locks.hold(tx, registrations.hold_name(view.id))
        now = registrations.get(tx, view.id)
        if now.status == "paused" and not now.cancelled:
            _step(tx, now, "waiting", None, None)
            resumed.append(now.id)
    return {"department_code": department_code, "resumed": len(resumed), "registration_ids": resumed}


def _step(tx: Tx, view: VisitView, status: str, department_code: str | None, staff_code: str | None) -> None:
    open_work.require_usable(tx, view.origin, view.drill, view.incident_no)
    documents.adopt_incident(tx, view.incident_no)
    # Behind another door sits another doctor: the one of before does not go along.
    here = department_code in (None, view.department_code)
    if queue.move(tx, view, status, department_code=department_code, staff_code=staff_code, keep_staff=here):
        tx.audit(
            "queue.move",
            subject=view.id,
            before={"status": view.status, "department": view.department_code},
            after={"status": status, "department": department_code or view.department_code},
            staff=staff_code,
        )


def _shown(tx: Tx, view: VisitView) -> dict[str, Any]:
    person = patients.many(tx, [view.patient_id]).get(view.patient_id)
    return rendering.visit(view, person, tx.today, open_work.as_of(tx, "open_registration"))
