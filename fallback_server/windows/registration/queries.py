"""Reading patients and visits for the registration desk."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import and_, func, select

from fallback_server.acts import charges, masters, open_work, orders, patients, prescriptions, registrations, rendering
from fallback_server.acts.views import PatientView, VisitView
from fallback_server.domain import money
from fallback_server.domain.errors import YjError
from fallback_server.domain.outbox import FINAL, OutboxState
from fallback_server.store import mirror
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Tx
from fallback_server.store.visits import registration

_ON_THE_WAY = [state.value for state in OutboxState if state not in FINAL]
RECENT = 30  # of one's own registrations: what is cancelled or reprinted is seldom older


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


def own_recent(tx: Tx) -> dict[str, Any]:
    """What the acting person registered today, newest first."""
    mine = (
        select(registration.c.id)
        .where(
            registration.c.operator_code == tx.who.operator_code,
            registration.c.business_date == tx.today.isoformat(),
            registration.c.drill == tx.mode.drill,
        )
        .order_by(registration.c.created_at.desc(), registration.c.id.desc())
        .limit(RECENT)
    )
    return {"items": [shown(tx, registrations.get(tx, row.id)) for row in tx.conn.execute(mine)]}


def sold(tx: Tx, schedule: dict[str, Any]) -> int:
    """Numbers sold of a schedule: the centre's as of the mirror, and ours made since."""
    ours = _sold_here(tx, [schedule["schedule_id"]]).get(schedule["schedule_id"], 0)
    return int(schedule["used"] or 0) + ours


def _sold_here(tx: Tx, schedule_ids: list[str]) -> dict[str, int]:
    since = open_work.as_of(tx, "schedule") or ""
    # Where masters go on during the outage, what is newer than a number of ours does not hold it yet.
    waits = select(outbox.c.yj_id).where(
        outbox.c.yj_id == registration.c.id,
        outbox.c.state.in_(_ON_THE_WAY) | (outbox.c.confirmed_at > since),
    )
    rows = tx.conn.execute(
        select(registration.c.schedule_id, func.count())
        .where(
            registration.c.schedule_id.in_(schedule_ids),
            registration.c.cancelled_at.is_(None),
            registration.c.drill == tx.mode.drill,
            (registration.c.created_at > since) | waits.exists(),
        )
        .group_by(registration.c.schedule_id)
    )
    return {row[0]: int(row[1]) for row in rows}


def live_visit(tx: Tx, person: PatientView, department_code: str) -> VisitView | None:
    """A visit of this person in this department that is neither cancelled nor over."""
    found = registrations.find(tx, registrations.Filter(patient_id=person.id, department_code=department_code))
    today = [view for view in found if view.registered_at[:10] == tx.today.isoformat()]
    return next((view for view in today if not view.cancelled and view.status != "seen"), None)


# --- what the desk can sell ------------------------------------------------------------------------------------------


def types(tx: Tx) -> list[dict[str, Any]]:
    """Registration types with what each costs; the free ones last, lest Enter give a number away."""
    table = mirror.datasets["register_type"]
    rows = tx.conn.execute(select(table).where(table.c.active.is_(True)).order_by(table.c.type_code)).mappings()
    shown = [{"type_code": row["type_code"], "name": row["name"], "total": money.to_text(fee(row))} for row in rows]
    return sorted(shown, key=lambda one: one["total"] == "0.00")


def fee(kind: Any) -> Decimal:
    """What a registration of this type costs."""
    return money.total((kind["registration_fee"], kind["consultation_fee"]))


def codes(tx: Tx, dictionary: str) -> list[dict[str, str]]:
    """A dictionary of the centre, empty where it has none of this name."""
    table = mirror.datasets["dictionary"]
    rows = tx.conn.execute(select(table.c.code, table.c.name).where(table.c.dict == dictionary).order_by(table.c.code))
    return [{"code": row.code, "name": row.name} for row in rows]


def offer(tx: Tx, department_code: str) -> dict[str, Any]:
    """What a department sells today: its doctors' sessions with sold and capacity, and its doctors. Raises unknown_…"""
    registrations.selling_department(tx, department_code)
    return {
        "department_code": department_code,
        "in_scope": tx.mode.in_scope(department_code),
        "as_of": open_work.as_of(tx, "schedule"),
        "schedules": _schedules(tx, department_code),
        "types": types(tx),
        "staff": masters.doctors(tx, department_code),
    }


def _schedules(tx: Tx, department_code: str) -> list[dict[str, Any]]:
    table, staff, kind = (mirror.datasets[name] for name in ("schedule", "staff", "register_type"))
    rows = tx.conn.execute(
        select(table, staff.c.name.label("staff_name"), staff.c.title, kind.c.name.label("type_name"),
               kind.c.registration_fee, kind.c.consultation_fee)
        .select_from(
            table.outerjoin(staff, staff.c.staff_code == table.c.staff_code)
            .join(kind, and_(kind.c.type_code == table.c.type_code, kind.c.active.is_(True)))
        )
        .where(table.c.department_code == department_code, table.c.date == tx.today.isoformat())
        .order_by(table.c.session, table.c.staff_code, table.c.schedule_id)
    ).mappings().all()  # fmt: skip
    here = _sold_here(tx, [row["schedule_id"] for row in rows])
    return [_on_sale(row, int(row["used"] or 0) + here.get(row["schedule_id"], 0)) for row in rows]


def _on_sale(row: Any, gone: int) -> dict[str, Any]:
    names = ("schedule_id", "session", "staff_code", "staff_name", "title", "type_code", "type_name", "capacity")
    full = row["capacity"] is not None and gone >= row["capacity"]
    return {**{name: row[name] for name in names}, "total": money.to_text(fee(row)), "sold": gone, "full": full}


# --- the slip --------------------------------------------------------------------------------------------------------


def slip(tx: Tx, registration_id: str) -> dict[str, Any]:
    """What stands on a registration slip: what was sold, not where the visit stands by now."""
    row = tx.conn.execute(select(registration).where(registration.c.id == registration_id)).mappings().first()
    if row is None:
        raise YjError("registration_not_found")
    person = patients.many(tx, [row["patient_id"]]).get(row["patient_id"])
    department = masters.find(tx, "department", row["department_code"]) or {}
    paid = [one for one in charges.of_registration(tx, registration_id) if one["kind"] == "registration"]
    return {
        "visit": dict(row),
        "person": rendering.patient_beside(person, tx.today),
        "location": department.get("location"),
        "charge": next((one for one in paid if one["refund_of"] is None), None),
    }
