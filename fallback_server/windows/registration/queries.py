"""Reading patients and visits for the registration desk."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from fallback_server.acts import charges, open_work, orders, patients, prescriptions, registrations, rendering
from fallback_server.acts.views import PatientView, VisitView
from fallback_server.store.session import Tx
from fallback_server.store.visits import registration


def find_patients(tx: Tx, q: str, limit: int) -> dict[str, Any]:
    """People who fit what was typed, identifiers masked."""
    found = patients.search(tx, q, limit)
    return {
        "items": [rendering.patient_item(view, tx.today) for view in found],
        "next_cursor": None,
        "as_of": open_work.as_of(tx, "patient"),
    }


def patient(tx: Tx, patient_id: str) -> dict[str, Any]:
    """One person in full."""
    view = patients.get(tx, patient_id)
    as_of = open_work.as_of(tx, "patient") if view.origin == "centre" else None
    return {**rendering.patient_full(view, tx.today), "as_of": as_of}


def visits(tx: Tx, wanted: registrations.Filter) -> dict[str, Any]:
    """Visits of both origins that fit."""
    found = registrations.find(tx, wanted)
    people = patients.many(tx, {view.patient_id for view in found})
    as_of = open_work.as_of(tx, "open_registration")
    items = [rendering.visit(view, people.get(view.patient_id), tx.today, as_of) for view in found]
    return {"items": items, "next_cursor": None, "as_of": as_of}


def visit(tx: Tx, registration_id: str) -> dict[str, Any]:
    """One visit with its prescriptions, orders and charges."""
    view = registrations.get(tx, registration_id)
    of_rx, of_order = (open_work.as_of(tx, name) for name in ("open_prescription", "open_order"))
    return {
        **shown(tx, view),
        "prescriptions": [rendering.billable(b, of_rx) for b in prescriptions.of_registration(tx, view.id)],
        "orders": [rendering.billable(b, of_order) for b in orders.of_registration(tx, view.id)],
        "charges": charges.of_registration(tx, view.id),
    }


def shown(tx: Tx, view: VisitView) -> dict[str, Any]:
    """One visit with what stands beside the patient's name."""
    person = patients.many(tx, [view.patient_id]).get(view.patient_id)
    return rendering.visit(view, person, tx.today, open_work.as_of(tx, "open_registration"))


def sold(tx: Tx, schedule: dict[str, Any]) -> int:
    """Numbers sold of a schedule: the centre's as of the mirror, and ours made since."""
    since = open_work.as_of(tx, "schedule") or ""
    ours = tx.conn.execute(
        select(func.count())
        .select_from(registration)
        .where(
            registration.c.schedule_id == schedule["schedule_id"],
            registration.c.cancelled_at.is_(None),
            registration.c.drill == tx.mode.drill,
            registration.c.created_at > since,
        )
    ).scalar_one()
    return int(schedule["used"] or 0) + int(ours)


def live_visit(tx: Tx, person: PatientView, department_code: str) -> VisitView | None:
    """A visit of this person in this department that is neither cancelled nor over."""
    found = registrations.find(tx, registrations.Filter(patient_id=person.id, department_code=department_code))
    today = [view for view in found if view.registered_at[:10] == tx.today.isoformat()]
    return next((view for view in today if not view.cancelled and view.status != "seen"), None)
