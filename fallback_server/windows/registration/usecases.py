"""What the registration desk writes: patients, registrations, cancellations, transfers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from fallback_server.acts import (
    charges,
    documents,
    masters,
    open_work,
    patients,
    prints,
    queue,
    registration_changes,
    registrations,
    rendering,
)
from fallback_server.acts.ages import birth_date_of
from fallback_server.acts.payments import PaymentIn
from fallback_server.acts.views import PatientView
from fallback_server.domain import money
from fallback_server.domain.documents import Document, Ref
from fallback_server.domain.errors import YjError
from fallback_server.domain.pinyin import initials
from fallback_server.domain.policy import Policy
from fallback_server.store import visits
from fallback_server.store.session import Tx
from fallback_server.windows.registration import queries, rules

_PERSON = (
    "sex", "birth_date", "birth_time", "id_type", "id_no", "phone", "address", "guardian_name", "guardian_phone",
    "insurance_type", "insurance_no", "insurance_area", "allergy", "card_no",
)  # fmt: skip


@dataclass(frozen=True)
class NewVisit:
    """A registration as it was asked for."""

    patient_id: str
    department_code: str
    type_code: str
    payments: Sequence[PaymentIn]
    staff_code: str | None = None
    schedule_id: str | None = None
    session: str | None = None
    visit_kind: str | None = None
    triage_level: int | None = None
    weight_kg: str | None = None
    receipt_no: str | None = None
    centre_slip_no: str | None = None
    seen: bool = False


# --- patients --------------------------------------------------------------------------------------------------------


def create_patient(
    tx: Tx,
    key: str,
    name: str | None,
    details: dict[str, Any],
    *,
    birth_date: date | None,
    age: dict[str, int] | None,
) -> dict[str, Any]:
    """Write a patient archive (建档); without a name, somebody unknown. Possible duplicates are told, never refused."""
    born = _born(tx, birth_date, age)
    yj_no = tx.take_yj_no()
    person = {column: details.get(column) for column in _PERSON} | {"birth_date": born.isoformat() if born else None}
    called = person["name"] = name or rules.unknown_name(yj_no)
    person["sex"] = person["sex"] or "U"
    person["id_no"] = person["id_no"].upper() if person["id_no"] else None
    row = {**tx.document_row(key, yj_no), **person, "pinyin": initials(called, person=True)}
    tx.conn.execute(visits.patient.insert().values(**row))
    tx.enqueue(Document(yj_id=key, entity="patient", yj_no=yj_no, chain=key, body=person))
    tx.audit("patient.create", subject=key, yj_no=yj_no, unknown=name is None)
    twins = patients.possible_duplicates(
        tx,
        name=called,
        birth_date=person["birth_date"],
        id_no=person["id_no"],
        card_no=person["card_no"],
        but=key,
    )
    return {
        **rendering.patient_full(patients.get(tx, key), tx.today),
        "yj_no": yj_no,
        "warnings": rules.id_warnings(person["id_type"], person["id_no"]),
        "possible_duplicates": [{**rendering.patient_item(view, tx.today), "reason": why} for why, view in twins],
    }


def _born(tx: Tx, birth_date: date | None, age: dict[str, int] | None) -> date | None:
    """The birth date, told or reckoned from the age."""
    born = birth_date_of(tx.today, **age) if age is not None else birth_date
    if born is not None and not rules.plausible_birth(born, tx.today):
        raise YjError("invalid_request", field="birth_date", problem="日期不对 / not a birth date")
    return born


# --- registration ----------------------------------------------------------------------------------------------------


def register(tx: Tx, policy: Policy, key: str, wanted: NewVisit) -> dict[str, Any]:
    """Sell a number (挂号): the visit, its place in the YJ lane, its fee. A slip of the centre is taken in without fee.

    Raises patient_not_found, out_of_scope, unknown_…, inactive, slip_known, drill_mismatch and what a charge raises.
    """
    department = registrations.selling_department(tx, wanted.department_code)
    masters.require_in_scope(tx, department["department_code"])
    person = _person(tx, wanted.patient_id)
    kind = masters.require(tx, "register_type", wanted.type_code)
    schedule = _schedule(tx, wanted)
    _refuse_known_slip(tx, wanted.centre_slip_no)
    warnings = _warnings(tx, wanted, person, schedule)
    lines = [] if wanted.centre_slip_no else _fee_lines(key, kind)
    row = _write_visit(tx, key, wanted, person, department, kind, schedule, lines)
    charge = _charge(tx, policy, key, wanted, person, lines)
    tx.audit("registration.create", subject=key, yj_no=row["yj_no"], department=row["department_code"])
    view = registrations.get(tx, key)
    return {**queries.shown(tx, view), "total": _total(lines), "charge": charge, "warnings": warnings}


def _person(tx: Tx, patient_id: str) -> PatientView:
    person = patients.get(tx, patient_id)
    if person.origin == "yj" and person.drill != tx.mode.drill:
        raise YjError("drill_mismatch")
    return person


def _schedule(tx: Tx, wanted: NewVisit) -> dict[str, Any] | None:
    if wanted.schedule_id is None:
        return None
    schedule = masters.require(tx, "schedule", wanted.schedule_id)
    if schedule["department_code"] != wanted.department_code:
        raise YjError("invalid_request", field="schedule_id", problem="不是该科室的排班 / of another department")
    return schedule


def _refuse_known_slip(tx: Tx, slip_no: str | None) -> None:
    """A slip that the mirror or a colleague knows is used by its number; taking it in again would double it."""
    if slip_no is not None and registrations.slip_known(tx, slip_no):
        raise YjError("slip_known")


def _warnings(tx: Tx, wanted: NewVisit, person: PatientView, schedule: dict[str, Any] | None) -> list[dict[str, Any]]:
    found = []
    live = queries.live_visit(tx, person, wanted.department_code)
    if live is not None:
        found.append(rules.registered_already(live.slip_no))
    if schedule is not None and schedule["date"] != tx.today.isoformat():
        found.append(rules.other_day(schedule["date"]))
    if schedule is not None and schedule["capacity"] is not None:
        sold = queries.sold(tx, schedule)
        if sold >= schedule["capacity"]:
            found.append(rules.oversold(sold, schedule["capacity"], open_work.as_of(tx, "schedule")))
    return found


def _write_visit(
    tx: Tx,
    key: str,
    wanted: NewVisit,
    person: PatientView,
    department: dict[str, Any],
    kind: dict[str, Any],
    schedule: dict[str, Any] | None,
    lines: Sequence[charges.NewLine],
) -> dict[str, Any]:
    planned = schedule or {}
    staff_code = wanted.staff_code or planned.get("staff_code")
    staff = masters.require(tx, "staff", staff_code) if staff_code else None
    code = department["department_code"]
    body = {
        "patient_name": person.name,
        "department_code": code,
        "staff_code": staff_code,
        "type_code": kind["type_code"],
        "schedule_id": wanted.schedule_id,
        "session": wanted.session or planned.get("session") or rules.session_at(tx.now),
        "visit_kind": wanted.visit_kind or rules.visit_kind_of(department["kind"]),
        "triage_level": wanted.triage_level,
        "weight_kg": wanted.weight_kg,
        "queue_no": queue.take_number(tx, code),
        "centre_slip_no": wanted.centre_slip_no,
    }
    yj_no = tx.take_yj_no()
    tx.conn.execute(
        visits.registration.insert().values(
            **tx.document_row(key, yj_no),
            **body,
            patient_id=person.id,
            patient_origin=person.origin,
            department_name=department["name"],
            staff_name=staff["name"] if staff else None,
            type_name=kind["name"],
        )
    )
    queue.enter(tx, key, rules.first_status(wanted.triage_level, seen=wanted.seen), code, staff_code)
    tx.enqueue(
        Document(
            yj_id=key,
            entity="registration",
            yj_no=yj_no,
            chain=person.id,
            body={**body, "total": _total(lines)},
            refs={"patient": person.ref},
        )
    )
    return {**body, "yj_no": yj_no}


def _fee_lines(key: str, kind: dict[str, Any]) -> list[charges.NewLine]:
    """The fee of a type as charge lines; a free type keeps one line of zero, so that the account shows it."""
    parts = [
        ("REG_FEE", f"挂号费（{kind['name']}）", "registration", kind["registration_fee"]),
        ("CONSULT_FEE", f"诊察费（{kind['name']}）", "consultation", kind["consultation_fee"]),
    ]
    priced = [part for part in parts if part[3] > 0] or parts[:1]
    return [
        charges.NewLine(
            source="registration",
            source_id=key,
            source_line_id=None,
            item_code=code,
            name=name,
            spec=None,
            unit="次",
            unit_price=fee,
            quantity=1,
            amount=money.line_amount(fee, 1),
            receipt_category=category,
        )
        for code, name, category, fee in priced
    ]


def _total(lines: Sequence[charges.NewLine]) -> str:
    return money.to_text(money.total(line.amount for line in lines))


def _charge(
    tx: Tx, policy: Policy, key: str, wanted: NewVisit, person: PatientView, lines: Sequence[charges.NewLine]
) -> dict[str, Any] | None:
    if not lines:
        paid = money.total(payment.amount for payment in wanted.payments)
        if paid != 0:
            raise YjError("payments_mismatch", paid=money.to_text(paid), total="0.00")
        return None
    return charges.write(
        tx,
        policy,
        charge_id=registration_changes.fee_charge_id(key),
        kind="registration",
        patient=person,
        visit_ref=Ref(key, "yj"),
        department_code=wanted.department_code,
        lines=lines,
        payments=wanted.payments,
        receipt_no=wanted.receipt_no,
    )


# --- cancel and transfer ---------------------------------------------------------------------------------------------


def cancel(tx: Tx, policy: Policy, key: str, registration_id: str, reason: str) -> dict[str, Any]:
    """Cancel a visit and show it as it is now, with the refund of its fee."""
    yj_no, refund = registration_changes.cancel(tx, policy, key, registration_id, reason)
    return {**queries.shown(tx, registrations.get(tx, registration_id)), "yj_no": yj_no, "refund": refund}


def transfer(
    tx: Tx, key: str, registration_id: str, department_code: str, staff_code: str | None, reason: str
) -> dict[str, Any]:
    """Transfer a visit and show it as it is now."""
    yj_no = registration_changes.transfer(tx, key, registration_id, department_code, staff_code, reason)
    return {**queries.shown(tx, registrations.get(tx, registration_id)), "yj_no": yj_no}


# --- prints ----------------------------------------------------------------------------------------------------------


def print_slip(tx: Tx, registration_id: str) -> dict[str, Any]:
    """Count a copy of a slip of ours; raises not_yj_document, drill_mismatch, incident_closed."""
    view = registrations.get(tx, registration_id)
    open_work.require_ours(view.origin)
    open_work.require_usable(tx, view.origin, view.drill, view.incident_no)
    documents.adopt_incident(tx, view.incident_no)
    return prints.record(tx, registration_id, "registration")
