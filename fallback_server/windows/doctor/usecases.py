"""What doctors write, and cashiers from paper: prescriptions, orders, and their cancellation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import update

from fallback_server.acts import (
    billables,
    locks,
    masters,
    open_work,
    orders,
    patients,
    prescriptions,
    registrations,
    rendering,
)
from fallback_server.acts.billables import ORDERS, PRESCRIPTIONS, Shelf
from fallback_server.acts.views import Billable, PatientView, VisitView
from fallback_server.domain import money
from fallback_server.domain.clock import to_text
from fallback_server.domain.documents import Document
from fallback_server.domain.errors import YjError
from fallback_server.domain.numbers import child_ulid
from fallback_server.domain.policy import Policy
from fallback_server.store import visits
from fallback_server.store.session import Tx
from fallback_server.windows.doctor import queries, rules

_DIRECTIONS = ("dose", "dose_unit", "usage", "frequency", "days", "note")


@dataclass(frozen=True)
class NewLine:
    """One line as it was asked for: a drug or a fee item, how many, and the directions of a drug."""

    code: str
    quantity: int
    directions: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Paper:
    """The paper prescription that a cashier keys in."""

    staff_code: str
    written_at: datetime


@dataclass(frozen=True)
class _Head:
    """What every line and document of the act shares."""

    visit: VisitView
    person: PatientView
    doctor: dict[str, Any]


# --- prescriptions ---------------------------------------------------------------------------------------------------


def prescribe(
    tx: Tx,
    policy: Policy,
    key: str,
    registration_id: str,
    kind: str,
    diagnoses: Sequence[str],
    lines: Sequence[NewLine],
    paper: Paper | None,
) -> dict[str, Any]:
    """Write a prescription at the mirror's prices; what is doubtful is warned of, what is not allowed refused.

    Raises forbidden, registration_not_found, registration_cancelled, out_of_scope, not_prescriber, unknown_drug,
    inactive, paper_form_required, unknown_diagnosis, invalid_request, and the refusals of drills and closed incidents.
    """
    if paper is None and "doctor" not in tx.who.roles:
        raise YjError("forbidden", roles="doctor")
    head = _head(tx, registration_id, queries.prescriber(tx, paper.staff_code if paper else None))
    named = [masters.require(tx, "diagnosis", code) for code in dict.fromkeys(diagnoses)]
    prescribed = _prescribed(tx, kind, lines, head.doctor, paper)
    pharmacy_code, stock_warnings = _pharmacy(tx, prescribed)
    warnings = [*_warnings(tx, policy, head, kind, prescribed, diagnoses), *stock_warnings]
    rows = [_drug_row(key, line, lines[n].directions) for n, line in enumerate(prescribed)]
    total = _checked_total(rows)
    written_at = _written_at(tx, paper)
    body = {
        "kind": kind,
        "department_code": head.visit.department_code,
        "staff_code": head.doctor["staff_code"],
        "staff_name": head.doctor["name"],
        "pharmacy_code": pharmacy_code,
        "paper": paper is not None,
        "written_at": written_at,
    }
    yj_no = tx.take_yj_no()
    tx.conn.execute(
        visits.prescription.insert().values(
            **_document_columns(tx, key, yj_no, head),
            **body,
            diagnoses=[{"code": row["diagnosis_code"], "name": row["name"]} for row in named],
            total=total,
        )
    )
    tx.conn.execute(visits.prescription_line.insert(), [{**row, "prescription_id": key} for row in rows])
    codes = ",".join(row["diagnosis_code"] for row in named)
    body |= {"diagnosis_codes": codes, "total": money.to_text(total)}
    _enqueue(tx, "prescription", key, yj_no, head, body, rows)
    tx.audit("prescription.create", subject=key, yj_no=yj_no, total=money.to_text(total), paper=paper is not None)
    return {**rendering.billable(prescriptions.get(tx, key), None), "warnings": warnings}


def _head(tx: Tx, registration_id: str, doctor: dict[str, Any]) -> _Head:
    """The visit, held still, usable and in scope."""
    locks.hold(tx, registrations.hold_name(registration_id))
    visit = registrations.get(tx, registration_id)
    open_work.require_usable(tx, visit.origin, visit.drill, visit.incident_no)
    if visit.cancelled:
        raise YjError("registration_cancelled")
    masters.require_in_scope(tx, visit.department_code)
    return _Head(visit, patients.get(tx, visit.patient_id), doctor)


def _prescribed(
    tx: Tx, kind: str, lines: Sequence[NewLine], doctor: dict[str, Any], paper: Paper | None
) -> list[rules.Prescribed]:
    found = []
    for number, line in enumerate(lines, start=1):
        drug = masters.require(tx, "drug", line.code)
        if not rules.fits(kind, drug["category"]):
            problem = f"{drug['name']} 不能开在此类处方上 / not on a {kind} prescription"
            raise YjError("invalid_request", field=f"lines.{number - 1}.drug_code", problem=problem)
        if rules.needs_special_paper(drug["control_class"]):
            _require_special_form(drug, doctor, paper)
        amount = money.line_amount(drug["unit_price"], line.quantity)
        found.append(rules.Prescribed(number, drug, line.quantity, amount, line.directions.get("days")))
    return found


def _require_special_form(drug: dict[str, Any], doctor: dict[str, Any], paper: Paper | None) -> None:
    """The red form exists on paper only; keyed in from it, its doctor must have the right to it."""
    if paper is None:
        raise YjError("paper_form_required", name=drug["name"])
    if not doctor["may_prescribe_controlled"]:
        raise YjError("not_prescriber")


def _pharmacy(tx: Tx, lines: Sequence[rules.Prescribed]) -> tuple[str | None, list[dict[str, Any]]]:
    stock = queries.stock_of(tx, [line.code for line in lines])
    wanted: dict[str, int] = {}
    for line in lines:
        wanted[line.code] = wanted.get(line.code, 0) + line.quantity
    chosen = rules.choose_pharmacy(stock, wanted, queries.pharmacies(tx))
    if not stock and not queries.stock_is_mirrored(tx):
        return chosen, []
    return chosen, rules.stock_warnings(lines, stock.get(chosen or "", {}), open_work.as_of(tx, "drug_stock"))


def _warnings(
    tx: Tx, policy: Policy, head: _Head, kind: str, lines: Sequence[rules.Prescribed], diagnoses: Sequence[str]
) -> list[dict[str, Any]]:
    others = [
        (line.item_code, line.name)
        for other in _live(prescriptions.of_registration(tx, head.visit.id))
        for line in other.lines
    ]
    return [
        *rules.form_warnings(kind, lines, diagnoses),
        *rules.allergy_warnings(head.person.allergy, lines),
        *rules.duplicate_warnings(lines, others),
        *rules.supply_warnings(lines, rules.supply_limit(policy, head.visit.visit_kind)),
    ]


def _live(written: Sequence[Billable]) -> list[Billable]:
    return [document for document in written if document.status not in ("cancelled", "refunded")]


def _written_at(tx: Tx, paper: Paper | None) -> str:
    if paper is None:
        return tx.at
    if paper.written_at > tx.now:
        raise YjError("invalid_request", field="paper.written_at", problem="晚于现在 / in the future")
    return to_text(paper.written_at.astimezone(tx.now.tzinfo))


def _drug_row(key: str, line: rules.Prescribed, directions: dict[str, Any]) -> dict[str, Any]:
    return {
        **_row(key, line.line_no, line.drug, line.quantity),
        "drug_code": line.code,
        "spec": line.drug["spec"],
        "receipt_category": line.drug["category"],
        **{name: directions.get(name) for name in _DIRECTIONS},
    }


# --- orders ----------------------------------------------------------------------------------------------------------


def order(tx: Tx, key: str, registration_id: str, lines: Sequence[NewLine]) -> dict[str, Any]:
    """Write an order at the mirror's prices.

    Raises registration_not_found, registration_cancelled, out_of_scope, not_prescriber, unknown_fee_item, inactive,
    invalid_request, and the refusals of drills and closed incidents.
    """
    head = _head(tx, registration_id, queries.acting_doctor(tx))
    items = [masters.require(tx, "fee_item", line.code) for line in lines]
    rows = [
        {
            **_row(key, number, item, lines[number - 1].quantity),
            "item_code": item["item_code"],
            "receipt_category": item["receipt_category"],
            "exec_department_code": item["exec_department_code"],
        }
        for number, item in enumerate(items, start=1)
    ]
    total = _checked_total(rows)
    earlier = [line.item_code for other in _live(orders.of_registration(tx, head.visit.id)) for line in other.lines]
    warnings = rules.repeated_items([(row["line_no"], row["item_code"], row["name"]) for row in rows], earlier)
    body = {"department_code": head.visit.department_code, "staff_code": head.doctor["staff_code"]}
    yj_no = tx.take_yj_no()
    tx.conn.execute(
        visits.order.insert().values(
            **_document_columns(tx, key, yj_no, head), **body, staff_name=head.doctor["name"], total=total
        )
    )
    tx.conn.execute(visits.order_line.insert(), [{**row, "order_id": key} for row in rows])
    _enqueue(tx, "order", key, yj_no, head, {**body, "total": money.to_text(total)}, rows)
    tx.audit("order.create", subject=key, yj_no=yj_no, total=money.to_text(total))
    return {**rendering.billable(orders.get(tx, key), None), "warnings": warnings}


# --- cancelling ------------------------------------------------------------------------------------------------------


def cancel_prescription(tx: Tx, key: str, prescription_id: str, reason: str) -> dict[str, Any]:
    """Cancel an unpaid prescription of ours; a cashier only what was keyed in from paper.

    Raises prescription_not_found, not_yj_document, already_cancelled, already_paid, forbidden, out_of_scope.
    """
    view = _cancellable(tx, PRESCRIPTIONS, prescription_id)
    if "doctor" not in tx.who.roles and not view.paper:
        raise YjError("forbidden", roles="doctor")
    return _cancel(tx, PRESCRIPTIONS, key, view, reason)


def cancel_order(tx: Tx, key: str, order_id: str, reason: str) -> dict[str, Any]:
    """Cancel an unpaid order of ours. Raises as `cancel_prescription` does, with order_not_found."""
    return _cancel(tx, ORDERS, key, _cancellable(tx, ORDERS, order_id), reason)


def _cancellable(tx: Tx, shelf: Shelf, billable_id: str) -> Billable:
    # A charge holds the same name: whoever comes second sees what the first has written.
    locks.hold(tx, billables.hold_names(shelf.entity, billable_id))
    view = billables.get(tx, shelf, billable_id)
    open_work.require_ours(view.origin)
    open_work.require_usable(tx, view.origin, view.drill, view.incident_no)
    if view.status == "cancelled":
        raise YjError("already_cancelled")
    if view.status != "unpaid":
        raise YjError("already_paid", number=view.number)
    masters.require_in_scope(tx, view.department_code)
    return view


def _cancel(tx: Tx, shelf: Shelf, key: str, view: Billable, reason: str) -> dict[str, Any]:
    tx.conn.execute(update(shelf.table).where(shelf.table.c.id == view.id).values(cancelled_at=tx.at))
    yj_no = tx.take_yj_no()
    tx.enqueue(
        Document(
            yj_id=key,
            entity=f"{shelf.entity}_cancel",
            yj_no=yj_no,
            chain=view.patient_id,
            body={"reason": reason},
            refs={shelf.entity: view.ref},
        )
    )
    tx.audit(f"{shelf.entity}.cancel", subject=view.id, yj_no=yj_no, reason=reason)
    return {**rendering.billable(billables.get(tx, shelf, view.id), None), "yj_no": yj_no}


# --- rows and documents ----------------------------------------------------------------------------------------------


def _row(key: str, number: int, item: dict[str, Any] | Any, quantity: int) -> dict[str, Any]:
    return {
        "line_id": child_ulid(key, f"line:{number}"),
        "line_no": number,
        "name": item["name"],
        "unit": item["unit"],
        "unit_price": item["unit_price"],
        "quantity": quantity,
        "amount": money.line_amount(item["unit_price"], quantity),
    }


def _checked_total(rows: Sequence[dict[str, Any]]) -> Any:
    total = money.total(row["amount"] for row in rows)
    if total > money.MAX_AMOUNT:
        raise YjError("invalid_request", field="lines", problem="金额过大 / the total is too large")
    return total


def _document_columns(tx: Tx, key: str, yj_no: str, head: _Head) -> dict[str, Any]:
    return {
        **tx.document_row(key, yj_no),
        "registration_id": head.visit.id,
        "registration_origin": head.visit.origin,
        "patient_id": head.person.id,
        "patient_origin": head.person.origin,
        "patient_name": head.person.name,
        "department_name": head.visit.department_name,
    }


def _enqueue(
    tx: Tx, entity: str, key: str, yj_no: str, head: _Head, body: dict[str, Any], rows: Sequence[dict[str, Any]]
) -> None:
    lines = [
        {**row, "unit_price": money.price_text(row["unit_price"]), "amount": money.to_text(row["amount"])}
        for row in rows
    ]
    tx.enqueue(
        Document(
            yj_id=key,
            entity=entity,
            yj_no=yj_no,
            chain=head.person.id,
            body=body,
            refs={"patient": head.person.ref, "registration": head.visit.ref},
            lists={"lines": lines},
        )
    )
