"""The lists of the time after the return, computed from the documents each time: what is done leaves them by itself.

An incident's items appear when it has ended. They outlive its closing: a signature hands no drug out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select, type_coerce

from fallback_server.domain.modes import IncidentState
from fallback_server.store import cash, mirror, visits
from fallback_server.store.after import dispense_watch, queue_handback, receipt_exchange
from fallback_server.store.mode import incident
from fallback_server.store.outbox import outbox
from fallback_server.store.schema import Cents

WAITING: Final = "waiting"  # what every visit is in the HIS when it arrives there


def _ended(drill: bool = False) -> Select[Any]:
    return select(incident.c.incident_no).where(incident.c.state != IncidentState.OPEN.value, incident.c.drill == drill)


# --- drugs -----------------------------------------------------------------------------------------------------------


def to_dispense(
    conn: Connection, *, incident_no: int | None = None, done: bool = False, limit: int | None = None
) -> list[dict[str, Any]]:
    """Prescriptions whose drugs are with the patient and must be dispensed in the HIS, the longest waiting first.

    With `done` those that are, newest first. Each `{prescription_id, origin, incident_no, handed_at, last_at, pieces,
    note_id, ended_at, status, asked_at, dispensed_at, dispensed_by, done_at, done_by, note}`.
    """
    head, line, watch = visits.handover, visits.handover_line, dispense_watch
    last = func.max(head.c.created_at)
    finished = and_(watch.c.done_at.is_not(None), watch.c.done_at >= last)
    statement = (
        select(
            head.c.prescription_id,
            func.min(head.c.prescription_origin).label("origin"),
            func.max(head.c.incident_no).label("incident_no"),
            func.min(head.c.created_at).label("handed_at"),
            last.label("last_at"),
            func.sum(line.c.quantity).label("pieces"),
            func.max(head.c.id).label("note_id"),
            func.max(incident.c.ended_at).label("ended_at"),
            *_watch_columns(),
        )
        .select_from(
            head.join(line, line.c.handover_id == head.c.id)
            .join(incident, incident.c.incident_no == head.c.incident_no)
            .outerjoin(watch, watch.c.prescription_id == head.c.prescription_id)
        )
        .where(head.c.drill.is_(False), head.c.incident_no.in_(_ended()))
        .group_by(head.c.prescription_id, *_watch_columns())
        .having(func.sum(line.c.quantity) > 0, finished if done else or_(watch.c.done_at.is_(None), ~finished))
        .order_by(watch.c.done_at.desc() if done else func.min(head.c.created_at), head.c.prescription_id)
    )
    if incident_no is not None:
        statement = statement.where(head.c.incident_no == incident_no)
    return [dict(row) for row in conn.execute(statement.limit(limit)).mappings()]


def _watch_columns() -> list[ColumnElement[Any]]:
    names = ("status", "central_key", "asked_at", "dispensed_at", "dispensed_by", "done_at", "done_by", "note")
    return [dispense_watch.c[name] for name in names]


def keys_of_prescriptions(conn: Connection, items: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Prescription → its key at the centre; those that have not arrived there yet are left out.

    Ours got theirs with the upload; the centre's own is named in the dispense note, which no later mirror changes.
    """
    own = [item["prescription_id"] for item in items if item["origin"] == "yj"]
    notes = {item["note_id"]: item["prescription_id"] for item in items if item["origin"] == "centre"}
    keys = {
        row.yj_id: row.central_key
        for row in conn.execute(
            select(outbox.c.yj_id, outbox.c.central_key).where(
                outbox.c.yj_id.in_(own), outbox.c.central_key.is_not(None), outbox.c.state == "confirmed"
            )
        )
    }
    for row in conn.execute(select(outbox.c.yj_id, outbox.c.payload).where(outbox.c.yj_id.in_(list(notes)))):
        ref = (json.loads(row.payload).get("refs") or {}).get("prescription") or {}
        if ref.get("central_key"):
            keys[notes[row.yj_id]] = str(ref["central_key"])
    return keys


def given_lines(conn: Connection, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Prescription → what of it is with the patient: `{item_code, name, quantity}`, in the order of its lines."""
    head, line = visits.handover, visits.handover_line
    rows = conn.execute(
        select(
            head.c.prescription_id, line.c.line_no, line.c.item_code, line.c.name,
            func.sum(line.c.quantity).label("quantity"),
        )
        .join_from(line, head)
        .where(head.c.prescription_id.in_(list(ids)))
        .group_by(head.c.prescription_id, line.c.line_id, line.c.line_no, line.c.item_code, line.c.name)
        .having(func.sum(line.c.quantity) > 0)
        .order_by(line.c.line_no)
    )  # fmt: skip
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        item = {"item_code": row.item_code, "name": row.name, "quantity": int(row.quantity)}
        found.setdefault(row.prescription_id, []).append(item)
    return found


# --- receipts --------------------------------------------------------------------------------------------------------


def to_exchange(incident_no: int | None = None, *, done: bool = False) -> Select[Any]:
    """Charges whose temporary receipt is to be exchanged (`done`: was): what is left of them is worth a receipt.

    Columns: of the charge, `receipt_no` as it stands now, `left` in cents, and of the exchange.
    """
    charge, back, number = cash.charge, cash.charge.alias("back"), cash.receipt_number
    refunded = select(func.coalesce(func.sum(back.c.total), 0)).where(back.c.refund_of == charge.c.id).scalar_subquery()
    left = type_coerce(charge.c.total + refunded, Cents).label("left")
    statement = (
        select(
            charge.c.id, charge.c.yj_no, charge.c.incident_no, charge.c.created_at, charge.c.business_date,
            charge.c.patient_id, charge.c.patient_name, charge.c.operator_code, charge.c.operator_name, charge.c.total,
            left, func.coalesce(number.c.receipt_no, charge.c.yj_no).label("receipt_no"),
            receipt_exchange.c.formal_no, receipt_exchange.c.at.label("exchanged_at"),
            receipt_exchange.c.operator_code.label("exchanged_by"), receipt_exchange.c.note,
        )
        .select_from(
            charge.outerjoin(number, and_(number.c.charge_id == charge.c.id, number.c.state == "used"))
            .outerjoin(receipt_exchange, receipt_exchange.c.charge_id == charge.c.id)
        )
        .where(
            charge.c.refund_of.is_(None), charge.c.drill.is_(False), charge.c.incident_no.in_(_ended()),
            receipt_exchange.c.charge_id.is_not(None) if done else
            and_(receipt_exchange.c.charge_id.is_(None), charge.c.total + refunded > 0),
        )
    )  # fmt: skip
    return statement if incident_no is None else statement.where(charge.c.incident_no == incident_no)


# --- the hall --------------------------------------------------------------------------------------------------------


def to_hand_back(conn: Connection, today: date, incident_no: int | None = None) -> list[dict[str, Any]]:
    """Visits whose state in the hall the HIS does not know: seen, and, of today, called, paused, absent or moved.

    A visit arrives at the HIS as waiting, so that needs no telling. Each `{registration_id, origin, central_key, yj_no,
    status, moved, department_code, staff_code, changed_at, changed_by, how, incident_no}`; `how` is `refused` where the
    centre was told and did not take it, else None.
    """
    place, visit, back = visits.queue_place, visits.registration, queue_handback
    theirs = mirror.datasets["open_registration"]
    before = func.coalesce(visit.c.department_code, theirs.c.department_code)
    doctor = case((visit.c.id.is_not(None), visit.c.staff_code), else_=theirs.c.staff_code)
    moved = or_(place.c.department_code != before, func.coalesce(place.c.staff_code, "") != func.coalesce(doctor, ""))
    fresh = place.c.changed_at >= today.isoformat()
    told = and_(back.c.registration_id.is_not(None), back.c.moved_at >= place.c.changed_at, back.c.how != "refused")
    statement = (
        select(
            place.c.registration_id, place.c.origin, visit.c.yj_no, visit.c.patient_id, visit.c.patient_name,
            func.coalesce(outbox.c.central_key, theirs.c.registration_key).label("central_key"), theirs.c.patient_no,
            func.coalesce(visit.c.queue_no, theirs.c.queue_no).label("queue_no"), place.c.status,
            place.c.department_code, place.c.staff_code, place.c.changed_at, place.c.changed_by, place.c.incident_no,
            moved.label("moved"), before.label("first_department"), back.c.how, back.c.moved_at.label("told_of"),
        )
        .select_from(
            place.join(incident, incident.c.incident_no == place.c.incident_no)
            .outerjoin(visit, visit.c.id == place.c.registration_id)
            .outerjoin(outbox, outbox.c.yj_id == place.c.registration_id)
            .outerjoin(theirs, theirs.c.id == place.c.registration_id)
            .outerjoin(back, back.c.registration_id == place.c.registration_id)
        )
        .where(
            incident.c.drill.is_(False),
            incident.c.state.not_in([IncidentState.OPEN.value, IncidentState.CLOSED.value]),
            visit.c.cancelled_at.is_(None),
            or_(place.c.status == "seen", and_(fresh, or_(place.c.status != WAITING, moved))),
            or_(back.c.registration_id.is_(None), ~told),
        )
        .order_by(place.c.changed_at, place.c.registration_id)
    )  # fmt: skip
    if incident_no is not None:
        statement = statement.where(place.c.incident_no == incident_no)
    rows = [dict(row) for row in conn.execute(statement).mappings()]
    return [{**row, "how": row["how"] if _same_move(row) else None, "moved": bool(row["moved"])} for row in rows]


def _same_move(row: dict[str, Any]) -> bool:
    """Whether what was told is what stands now: a later move here is told anew."""
    return row["told_of"] is not None and row["told_of"] >= row["changed_at"]
