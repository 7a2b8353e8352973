"""The hall's two lanes: patients of the central queue, and YJ patients."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select

from fallback_server.acts import masters, open_work, patients, registrations, rendering
from fallback_server.acts.views import VisitView
from fallback_server.domain.identity import mask_name
from fallback_server.store import mirror
from fallback_server.store.session import Tx
from fallback_server.store.visits import queue_place

_HALLS: Final = ("outpatient", "emergency")
_LAST = 999_999
NEXT_IN_HALL = 12


def departments(tx: Tx) -> list[dict[str, Any]]:
    """Departments before whose doors patients wait: clinics, and any other that has visits (a check-up centre)."""
    visits = mirror.datasets["open_registration"].c.department_code
    ours = select(queue_place.c.department_code).where(queue_place.c.incident_no.in_(open_work.unclosed()))
    waiting = {row[0] for found in (ours, select(visits)) for row in tx.conn.execute(found.distinct())}
    known = masters.departments(tx, registrations.SELLING_KINDS)
    return [one for one in known if one["kind"] in _HALLS or one["code"] in waiting]


def lanes(tx: Tx, department_code: str | None, staff_code: str | None, status: str | None) -> dict[str, Any]:
    """Both lanes of a department in the order of the queue; those already seen are left out unless asked for."""
    wanted = registrations.Filter(
        department_code=department_code, staff_code=staff_code, status=status, in_hall=status is None
    )
    found = registrations.find(tx, wanted)
    people = patients.many(tx, {view.patient_id for view in found})
    as_of = open_work.as_of(tx, "open_registration")
    shown = {"centre": [], "yj": []}  # type: dict[str, list[dict[str, Any]]]
    for view in sorted(found, key=_place):
        shown[view.origin].append(rendering.visit(view, people.get(view.patient_id), tx.today, as_of))
    return {**shown, "as_of": as_of}


def paused(tx: Tx, department_code: str) -> list[VisitView]:
    """The YJ visits of a department that wait for the nurse."""
    found = registrations.find(tx, registrations.Filter(department_code=department_code, status="paused"))
    return [view for view in found if view.origin == "yj"]


def hall(tx: Tx, department_code: str) -> dict[str, Any]:
    """What everybody in the waiting hall may read: who is called, who is next, by number and masked name."""
    department = masters.require(tx, "department", department_code, active=False)
    found = registrations.find(tx, registrations.Filter(department_code=department_code, in_hall=True))
    ordered = sorted(found, key=_place)
    waiting = [view for view in ordered if view.status == "waiting"]
    return {
        "mode": tx.mode.mode.value,
        "drill": tx.mode.drill,
        "notice": tx.mode.notice,
        "department": department["name"],
        "location": department["location"],
        "called": [_in_hall(view) for view in ordered if view.status == "called"],
        "waiting": [_in_hall(view) for view in waiting[:NEXT_IN_HALL]],
        "more": max(0, len(waiting) - NEXT_IN_HALL),
        "absent": [_in_hall(view) for view in ordered if view.status == "absent"],
    }


def _in_hall(view: VisitView) -> dict[str, Any]:
    lane = "YJ " if view.origin == "yj" else ""
    number = f"{lane}{view.queue_no if view.queue_no is not None else '–'}"
    return {"number": number, "name": mask_name(view.patient_name), "doctor": view.staff_name}


def _place(view: VisitView) -> tuple[int, str, int]:
    """The gravest first, then by day and number."""
    grave = view.triage_level if view.triage_level in (1, 2) else _LAST
    return (grave, view.registered_at[:10], view.queue_no if view.queue_no is not None else _LAST)
