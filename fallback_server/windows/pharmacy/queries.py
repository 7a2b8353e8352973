"""Reading for the pharmacy window: paid prescriptions, ours and the centre's undispensed ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select

from fallback_server.acts import (
    billables,
    charges,
    handovers,
    masters,
    open_work,
    operators,
    patients,
    prints,
    registrations,
    rendering,
)
from fallback_server.acts.ages import age_on
from fallback_server.acts.billables import PRESCRIPTIONS
from fallback_server.acts.views import Billable, PatientView, VisitView
from fallback_server.domain import money
from fallback_server.domain.errors import YjError
from fallback_server.domain.pinyin import initials
from fallback_server.domain.policy import Policy
from fallback_server.store import cash, mirror, visits
from fallback_server.store.session import Tx
from fallback_server.windows.pharmacy import rules

_open = mirror.datasets["open_prescription"]
_PEOPLE = 50  # who may be meant by a text that was typed
_open_line = mirror.datasets["open_prescription_line"]


@dataclass(frozen=True)
class Filter:
    """Which prescriptions: by state, pharmacy, patient; newest first or in the order in which they were paid for.

    `q` is what was typed or scanned: the number of a prescription, a receipt or a charge, or a person.
    """

    state: str
    pharmacy_code: str | None
    patient_id: str | None
    queue_order: bool
    limit: int
    q: str | None = None


def listed(tx: Tx, wanted: Filter) -> list[dict[str, Any]]:
    """Paid prescriptions with their patients, what is still to be handed over, and the copies printed."""
    found = billables.many(tx, PRESCRIPTIONS, [*_ours(tx, wanted), *_theirs(tx, wanted)])
    details = _Details(tx, found)
    shown = [_item(tx, prescription, details) for prescription in found]
    fitting = [item for item in shown if rules.wanted(wanted.state, item["state"], _out(item))]
    return sorted(fitting, key=lambda item: str(item["paid_at"]), reverse=not wanted.queue_order)[: wanted.limit]


def _out(item: dict[str, Any]) -> int:
    return sum(line["handed_over"] for line in item["lines"])


def _ours(tx: Tx, wanted: Filter) -> list[str]:
    table = visits.prescription
    paid = (
        select(func.sum(cash.charge_line.c.quantity))
        .where(
            cash.charge_line.c.charge_id == cash.settlement.c.charge_id,
            cash.charge_line.c.source == "prescription",
            cash.charge_line.c.source_id == table.c.id,
        )
        .scalar_subquery()
    )
    statement = (
        select(table.c.id)
        .join(
            cash.settlement, and_(cash.settlement.c.entity == "prescription", cash.settlement.c.target_id == table.c.id)
        )
        .where(table.c.drill == tx.mode.drill, table.c.incident_no.in_(open_work.unclosed()))
    )
    if wanted.patient_id is not None:
        statement = statement.where(table.c.patient_id.in_(patients.aliases(tx, wanted.patient_id)))
    if wanted.q:
        people = patients.aliases_of(tx, patients.search(tx, wanted.q, _PEOPLE))
        statement = statement.where(
            (table.c.yj_no == wanted.q.upper())
            | table.c.id.in_(_with_receipt(wanted.q))
            | table.c.patient_id.in_(people)
        )
    return _ids(tx, statement, wanted, table.c.pharmacy_code, table.c.id, paid, table.c.created_at)


def _with_receipt(number: str) -> Select[Any]:
    """Prescriptions on the charge with this receipt number or machine number."""
    charge, settlement, receipt = cash.charge, cash.settlement, cash.receipt_number
    return (
        select(settlement.c.target_id)
        .select_from(
            settlement.join(charge, charge.c.id == settlement.c.charge_id).outerjoin(
                receipt, and_(receipt.c.charge_id == charge.c.id, receipt.c.state == "used")
            )
        )
        .where(
            settlement.c.entity == "prescription",
            (charge.c.yj_no == number.upper()) | (receipt.c.receipt_no == number),
        )
    )


def _theirs(tx: Tx, wanted: Filter) -> list[str]:
    """The centre's prescriptions that were paid there, or here, and not dispensed there as of the mirror."""
    key = _open.c.prescription_key
    lines = select(func.sum(_open_line.c.quantity)).where(_open_line.c.prescription_key == key).scalar_subquery()
    settled = select(cash.settlement.c.charge_id).where(
        cash.settlement.c.entity == "prescription", cash.settlement.c.target_id == _open.c.id
    )
    statement = select(_open.c.id).where(
        open_work.not_ours(tx, key, "prescription"),
        settled.exists() | (_open.c.status == "paid"),
    )
    if tx.mode.scope is not None:
        statement = statement.where(_open.c.department_code.in_(tx.mode.scope))
    if wanted.patient_id is not None:
        person = mirror.datasets["patient"]
        known = select(person.c.patient_no).where(person.c.id.in_(patients.aliases(tx, wanted.patient_id)))
        statement = statement.where(_open.c.patient_no.in_(known))
    if wanted.q:
        named = [view.central_key for view in patients.search(tx, wanted.q, _PEOPLE) if view.central_key]
        statement = statement.where(
            (key == wanted.q) | _open.c.id.in_(_with_receipt(wanted.q)) | _open.c.patient_no.in_(named)
        )
    return _ids(tx, statement, wanted, _open.c.pharmacy_code, _open.c.id, lines, _open.c.written_at)


def _ids(
    tx: Tx,
    statement: Select[Any],
    wanted: Filter,
    pharmacy: ColumnElement[Any],
    prescription_id: ColumnElement[Any],
    paid: ColumnElement[Any],
    age: ColumnElement[Any],
) -> list[str]:
    """Candidates: the state is narrowed in SQL so that what is long done does not crowd out what is to do."""
    given = (
        select(func.coalesce(func.sum(visits.handover_line.c.quantity), 0))
        .join_from(visits.handover_line, visits.handover)
        .where(visits.handover.c.prescription_id == prescription_id)
        .scalar_subquery()
    )
    if wanted.pharmacy_code is not None:
        statement = statement.where(pharmacy == wanted.pharmacy_code)
    if wanted.state == rules.TO_HAND_OVER:
        statement = statement.where(paid > given)
    elif wanted.state in (rules.HANDED_OVER, rules.OUT):
        statement = statement.where(given > 0)
    order = age if wanted.queue_order else age.desc()
    return [row[0] for row in tx.conn.execute(statement.order_by(order, prescription_id).limit(wanted.limit * 2))]


class _Details:
    """What belongs to some prescriptions, read in a handful of statements."""

    def __init__(self, tx: Tx, found: Sequence[Billable]) -> None:
        ids = [prescription.id for prescription in found]
        self.patients = patients.many(tx, [prescription.patient_id for prescription in found])
        self.remaining = charges.remaining(tx, "prescription", ids)
        self.out = handovers.net(tx, [line.line_id for prescription in found for line in prescription.lines])
        self.copies = prints.copies_of(tx, ids)
        self.paid = _payments(tx, ids)
        self.notes = _notes(tx, ids)
        self.as_of = open_work.as_of(tx, "open_prescription")


def _payments(tx: Tx, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    if not ids:
        return {}
    charge, settlement, number = cash.charge, cash.settlement, cash.receipt_number
    rows = tx.conn.execute(
        select(settlement.c.target_id, charge.c.created_at, number.c.receipt_no)
        .select_from(
            settlement.join(charge, charge.c.id == settlement.c.charge_id).outerjoin(
                number, and_(number.c.charge_id == charge.c.id, number.c.state == "used")
            )
        )
        .where(settlement.c.entity == "prescription", settlement.c.target_id.in_(ids))
    ).mappings()
    return {row["target_id"]: dict(row) for row in rows}


def _notes(tx: Tx, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Prescription → its hand-overs and returns in order, with the people and the pieces (negative: taken back)."""
    table, line = visits.handover, visits.handover_line
    columns = (table.c.id, table.c.created_at, table.c.operator_code, table.c.operator_name, table.c.checked_by)
    rows = tx.conn.execute(
        select(*columns, table.c.prescription_id, func.sum(line.c.quantity).label("pieces"))
        .join_from(table, line)
        .where(table.c.prescription_id.in_(ids))
        .group_by(*columns, table.c.prescription_id)
        .order_by(table.c.created_at, table.c.id)
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row.prescription_id, []).append(
            {
                "kind": "handover" if row.pieces > 0 else "return",
                "at": row.created_at,
                "handed_by": {"code": row.operator_code, "name": row.operator_name},
                "checked_by": row.checked_by,
                "pieces": abs(int(row.pieces)),
            }
        )
    return found


def _item(tx: Tx, prescription: Billable, details: _Details) -> dict[str, Any]:
    paid = details.remaining.get(prescription.id)
    if paid is None:
        paid = {line.line_id: line.quantity for line in prescription.lines}
    payment = details.paid.get(prescription.id)
    out = {line.line_id: details.out.get(line.line_id, 0) for line in prescription.lines}
    return {
        **header(tx, prescription, details.patients.get(prescription.patient_id)),
        "state": rules.state_of(paid, out),
        "paid_at": payment["created_at"] if payment else prescription.written_at,
        "paid_here": payment is not None,
        "receipt_no": payment["receipt_no"] if payment else None,
        "copies": details.copies.get(prescription.id, 0),
        "notes": details.notes.get(prescription.id, []),
        "as_of": details.as_of if prescription.origin == "centre" else None,
        "lines": [
            {
                **line_view(line),
                "paid": paid.get(line.line_id, 0),
                "handed_over": out[line.line_id],
                "to_hand_over": max(0, paid.get(line.line_id, 0) - out[line.line_id]),
            }
            for line in prescription.lines
        ],
    }


def header(tx: Tx, prescription: Billable, patient: PatientView | None) -> dict[str, Any]:
    """A prescription without its lines, with the patient in the words a pharmacist needs."""
    age = age_on(patient.birth_date if patient else None, tx.today)
    return {
        "id": prescription.id,
        "origin": prescription.origin,
        "central_key": prescription.central_key,
        "rx_no": prescription.number,
        "yj_no": prescription.number if prescription.origin == "yj" else None,
        "status": prescription.status,
        "kind": prescription.kind,
        "total": money.to_text(prescription.total),
        "pharmacy_code": prescription.pharmacy_code,
        "registration_id": prescription.registration_id,
        "department_code": prescription.department_code,
        "staff_code": prescription.staff_code,
        "staff_name": prescription.staff_name,
        "written_at": prescription.written_at,
        "diagnoses": [{"code": code, "name": name} for code, name in prescription.diagnoses],
        "paper": prescription.paper,
        "drill": prescription.drill,
        "incident_no": prescription.incident_no,
        "patient": {
            **rendering.patient_beside(patient, tx.today),
            "id": prescription.patient_id,
            "name": prescription.patient_name,
            "child": age.child if age else None,
        },
    }


def line_view(line: Any) -> dict[str, Any]:
    """A prescription line as shown and printed."""
    names = ("line_id", "line_no", "item_code", "name", "spec", "unit", "quantity", "dose", "dose_unit", "usage",
             "frequency", "days", "note")  # fmt: skip
    return {
        **{name: getattr(line, name) for name in names},
        "unit_price": money.price_text(line.unit_price),
        "amount": money.to_text(line.amount),
    }


def print_model(tx: Tx, policy: Policy, prescription: Billable) -> dict[str, Any]:
    """Everything a prescription form must carry: 前记, 正文, and lines for the signatures."""
    patient = patients.many(tx, [prescription.patient_id]).get(prescription.patient_id)
    visit = _visit(tx, prescription)
    top = header(tx, prescription, patient)
    form = rules.form_of(visit.visit_kind if visit else None, bool(top["patient"]["child"]))
    drugs = _drugs(tx, [line.item_code for line in prescription.lines])
    return {
        "hospital": policy.hospital_name,
        "mark": "DRILL" if prescription.drill else "YJ",
        "qr": prescription.number,
        "form": form,
        "colour": rules.COLOURS[form],
        "as_of": open_work.as_of(tx, "open_prescription" if prescription.origin == "centre" else "drug"),
        "department_name": _name_of(tx, prescription.department_code),
        "pharmacy_name": _name_of(tx, prescription.pharmacy_code),
        "insurance_name": masters.dictionary_name(tx, "insurance_type", patient.insurance_type if patient else None),
        "weight_kg": visit.weight_kg if visit else None,
        "controlled": sorted({drug["control_class"] for drug in drugs.values() if drug["control_class"]}),
        "prescription": {
            **top,
            "lines": [
                {
                    **line_view(line),
                    "spec": line.spec or drugs.get(line.item_code, {}).get("spec"),
                    "dosage_form": drugs.get(line.item_code, {}).get("dosage_form"),
                    "skin_test": bool(drugs.get(line.item_code, {}).get("skin_test")),
                    "usage_name": masters.dictionary_name(tx, "usage", line.usage),
                    "frequency_name": masters.dictionary_name(tx, "frequency", line.frequency),
                }
                for line in prescription.lines
            ],
        },
    }


def _visit(tx: Tx, prescription: Billable) -> VisitView | None:
    if prescription.registration_id is None:
        return None
    try:
        return registrations.get(tx, prescription.registration_id)
    except YjError:
        return None  # the centre's visit ran out of its horizon; the form is printed without what only it knew


def _drugs(tx: Tx, codes: Sequence[str]) -> dict[str, dict[str, Any]]:
    table = mirror.datasets["drug"]
    columns = (table.c.drug_code, table.c.spec, table.c.dosage_form, table.c.skin_test, table.c.control_class)
    rows = tx.conn.execute(select(*columns).where(table.c.drug_code.in_(set(codes)))).mappings()
    return {row["drug_code"]: dict(row) for row in rows}


def _name_of(tx: Tx, department_code: str | None) -> str | None:
    department = masters.find(tx, "department", department_code or "")
    return department["name"] if department else department_code


# --- the page --------------------------------------------------------------------------------------------------------


def page_data(tx: Tx) -> dict[str, Any]:
    """What the pharmacy's page needs once: the pharmacies, where this pharmacist belongs, who else may check."""
    operator = masters.find(tx, "operator", tx.who.operator_code) or {}
    places = masters.departments(tx, ("pharmacy",))
    own = operator.get("department_code")
    return {
        "role": "pharmacist",
        "pharmacies": places,
        "own_pharmacy": own if own in {place["code"] for place in places} else None,
        "pharmacists": _pharmacists(tx),
        "usages": _names(tx, "usage"),
        "frequencies": _names(tx, "frequency"),
    }


def _pharmacists(tx: Tx) -> list[dict[str, Any]]:
    """Everybody who may hand over and check, with search codes."""
    found = {person["code"]: person for person in operators.with_role(tx, "pharmacist")}
    return [{**person, "initials": initials(person["name"], person=True)} for _, person in sorted(found.items())]


def _names(tx: Tx, dictionary: str) -> dict[str, str]:
    table = mirror.datasets["dictionary"]
    return {row.code: row.name for row in tx.conn.execute(select(table).where(table.c.dict == dictionary))}
