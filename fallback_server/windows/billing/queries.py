"""Reading for the billing window: what a patient has to pay, charges made here, wishes for refunds in the HIS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from fallback_server.acts import (
    charge_views,
    masters,
    open_work,
    orders,
    patients,
    prescriptions,
    receipt_books,
    registrations,
    searching,
    shifts,
)
from fallback_server.acts.charges import NewLine, insurance_of
from fallback_server.acts.views import Billable, BillableLine, PatientView, VisitView
from fallback_server.domain import money
from fallback_server.domain.categories import RECEIPT_CATEGORIES
from fallback_server.domain.documents import Ref
from fallback_server.domain.errors import YjError
from fallback_server.domain.identity import mask_id
from fallback_server.domain.policy import Policy
from fallback_server.store import cash, visits
from fallback_server.store.session import Tx

# What a status that bars charging is answered with; anything unknown to us is the centre's and counts as paid.
_BARRED = {"cancelled": "already_cancelled", "refunded": "already_refunded"}


@dataclass(frozen=True)
class Wanted:
    """What a window wants to charge: documents by id, fee items by code and quantity."""

    registration_id: str | None
    patient_id: str | None
    prescription_ids: Sequence[str]
    order_ids: Sequence[str]
    items: Sequence[tuple[str, int]]


@dataclass(frozen=True)
class Basket:
    """The same, found and checked: one patient, every line with its price."""

    patient: PatientView
    visit_ref: Ref | None
    department_code: str | None
    settles: dict[str, list[Billable]]
    lines: list[NewLine]

    @property
    def total(self) -> Decimal:
        return money.total(line.amount for line in self.lines)


def basket(tx: Tx, wanted: Wanted) -> Basket:
    """Everything the charge will consist of, in the order in which it was asked for.

    Raises the look-ups' errors, already_paid, already_refunded, already_cancelled, registration_cancelled,
    patient_mismatch, out_of_scope, drill_mismatch, drill_touches_open_work, nothing_to_charge.
    """
    visit = _visit(tx, wanted.registration_id)
    papers = [prescriptions.get(tx, _id) for _id in _distinct("prescription_ids", wanted.prescription_ids)]
    requests = [orders.get(tx, _id) for _id in _distinct("order_ids", wanted.order_ids)]
    for billable in (*papers, *requests):
        _require_chargeable(tx, billable)
    patient = _patient(tx, visit, wanted.patient_id, [*papers, *requests])
    lines = [_billed(billable, line) for billable in (*papers, *requests) for line in billable.lines]
    lines += [_item(tx, code, quantity) for code, quantity in wanted.items]
    if not lines:
        raise YjError("nothing_to_charge")
    visit_ref = visit.ref if visit else _common_visit(tx, [*papers, *requests])
    department = visit.department_code if visit else next((b.department_code for b in (*papers, *requests)), None)
    masters.require_in_scope(tx, department)
    return Basket(patient, visit_ref, department, {"prescription": papers, "order": requests}, lines)


def _visit(tx: Tx, registration_id: str | None) -> VisitView | None:
    if registration_id is None:
        return None
    visit = registrations.get(tx, registration_id)
    open_work.require_usable(tx, visit.origin, visit.drill, visit.incident_no)
    if visit.cancelled:
        raise YjError("registration_cancelled")
    return visit


def _distinct(field: str, ids: Sequence[str]) -> Sequence[str]:
    if len(set(ids)) != len(ids):
        raise YjError("invalid_request", field=field, problem="重复 / repeated")
    return ids


def _require_chargeable(tx: Tx, billable: Billable) -> None:
    open_work.require_usable(tx, billable.origin, billable.drill, billable.incident_no)
    if billable.status != "unpaid":
        raise YjError(_BARRED.get(billable.status, "already_paid"), number=billable.number)
    masters.require_in_scope(tx, billable.department_code)


def _patient(tx: Tx, visit: VisitView | None, patient_id: str | None, billables: Sequence[Billable]) -> PatientView:
    named = [patient_id] if patient_id else []
    named += [visit.patient_id] if visit else []
    named += [billable.patient_id for billable in billables]
    if not named:
        raise YjError("invalid_request", field="patient_id", problem="必填 / required")
    patient = patients.get(tx, named[0])
    if patient.origin == "yj":
        open_work.require_usable(tx, patient.origin, patient.drill, None)
    if len(set(named)) > 1 and not set(named) <= patients.aliases(tx, patient.id):
        raise YjError("patient_mismatch")
    return patient


def _common_visit(tx: Tx, billables: Sequence[Billable]) -> Ref | None:
    """The visit all documents belong to, if it is one."""
    found = {billable.registration_id for billable in billables}
    registration_id = next(iter(found)) if len(found) == 1 else None
    return registrations.get(tx, registration_id).ref if registration_id is not None else None


def _billed(billable: Billable, line: BillableLine) -> NewLine:
    return NewLine(
        source=billable.entity,
        source_id=billable.id,
        source_line_id=line.line_id,
        item_code=line.item_code,
        name=line.name,
        spec=line.spec,
        unit=line.unit,
        unit_price=line.unit_price,
        quantity=line.quantity,
        amount=line.amount,
        receipt_category=line.receipt_category if line.receipt_category in RECEIPT_CATEGORIES else "other",
    )


def _item(tx: Tx, code: str, quantity: int) -> NewLine:
    row = masters.require(tx, "fee_item", code)
    return NewLine(
        source="item",
        source_id=None,
        source_line_id=None,
        item_code=row["item_code"],
        name=row["name"],
        spec=None,
        unit=row["unit"],
        unit_price=row["unit_price"],
        quantity=quantity,
        amount=money.line_amount(row["unit_price"], quantity),
        receipt_category=row["receipt_category"],
    )


def quote(tx: Tx, policy: Policy, wanted: Wanted) -> dict[str, Any]:
    """What a charge would come to, with the number the receipt would get."""
    found = basket(tx, wanted)
    insurance = insurance_of(tx, found.patient)
    sheet = receipt_books.next_sheet(tx) if policy.receipt_preprinted and found.total > 0 else None
    from_centre = any(b.origin == "centre" for group in found.settles.values() for b in group)
    return {
        "total": money.to_text(found.total),
        "total_in_words": money.in_words(found.total),
        "by_category": charge_views.categories_of((line.receipt_category, line.amount) for line in found.lines),
        "lines": [_quoted(n, line) for n, line in enumerate(found.lines, start=1)],
        "patient": {"id": found.patient.id, "name": found.patient.name, "allergy": found.patient.allergy},
        "registration_id": found.visit_ref.id if found.visit_ref else None,
        "insurance": insurance,
        "deferred": insurance is not None,
        "receipt_no": sheet.receipt_no if sheet else None,
        # The centre's open work may have been paid there in the blind window: the page asks for an HIS receipt.
        "centre_as_of": open_work.as_of(tx, "open_prescription") if from_centre else None,
    }


def _quoted(number: int, line: NewLine) -> dict[str, Any]:
    shown = {name: value for name, value in vars(line).items() if name != "source_line_id"}
    return {
        "line_no": number,
        **shown,
        "unit_price": money.price_text(line.unit_price),
        "amount": money.to_text(line.amount),
    }


def find_charges(
    tx: Tx,
    *,
    registration_id: str | None,
    patient_id: str | None,
    receipt_no: str | None,
    yj_no: str | None,
    operator: str | None,
    business_date: str | None,
    limit: int,
    cursor: str | None,
) -> dict[str, Any]:
    """One page of the charges and refunds that fit, newest first: `{items, next_cursor}`.

    A void receipt number still finds the charge it was torn from. What is made while a person turns the pages stands
    before the first page and moves nothing.
    """
    table = cash.charge
    conditions: list[ColumnElement[bool]] = [table.c.drill == tx.mode.drill]
    if registration_id is not None:
        conditions.append(table.c.registration_id == registration_id)
    if patient_id is not None:
        conditions.append(table.c.patient_id.in_(patients.aliases(tx, patient_id)))
    if receipt_no is not None:
        number = cash.receipt_number
        conditions.append(table.c.id.in_(select(number.c.charge_id).where(number.c.receipt_no == receipt_no)))
    if yj_no is not None:
        conditions.append(table.c.yj_no == yj_no.upper())
    if operator is not None:
        conditions.append(table.c.operator_code == operator)
    if business_date is not None:
        conditions.append(table.c.business_date == business_date)
    if cursor:
        conditions.append(_before(cursor))
    found = charge_views.many(tx, *conditions, limit=limit + 1, newest_first=True)
    items = found[:limit]
    more = len(found) > limit
    return {"items": items, "next_cursor": _cursor(items[-1]) if more else None}


def _cursor(last: Mapping[str, Any]) -> str:
    return searching.encoded(f"{last['created_at']} {last['id']}")


def _before(cursor: str) -> ColumnElement[bool]:
    created_at, _, charge_id = searching.decoded(cursor).partition(" ")
    table = cash.charge
    same = and_(table.c.created_at == created_at, table.c.id < charge_id)
    return or_(table.c.created_at < created_at, same)


def print_model(tx: Tx, policy: Policy, charge_id: str) -> dict[str, Any]:
    """Everything a receipt or refund slip must carry; identifiers masked."""
    charge = charge_views.one(tx, charge_id)
    payer = patients.many(tx, [charge["patient_id"]] if charge["patient_id"] else []).get(charge["patient_id"] or "")
    original = charge_views.one(tx, charge["refund_of"]) if charge["refund_of"] else None
    return {
        "hospital": policy.hospital_name,
        "mark": "DRILL" if charge["drill"] else "YJ",
        "temporary": "凭此换取正式票据",
        "qr": charge["yj_no"],
        "as_of": open_work.as_of(tx, "fee_item"),
        "payer": {
            "name": charge["patient_name"],
            "sex": payer.sex if payer else None,
            "patient_no": payer.patient_no if payer else None,
            "id_no": mask_id(payer.id_no) if payer else None,
            "insurance_no": mask_id(payer.insurance_no) if payer else None,
        },
        "original": original and {"yj_no": original["yj_no"], "receipt_no": original["receipt_no"]},
        "charge": charge,
    }


def shift_list(tx: Tx, operator: str, limit: int) -> list[dict[str, Any]]:
    """An operator's shifts, newest first, without their sheets."""
    table = cash.shift
    statement = select(table).where(table.c.operator_code == operator).order_by(table.c.opened_at.desc()).limit(limit)
    return [shifts.head(dict(row)) for row in tx.conn.execute(statement).mappings()]


def refund_wishes(tx: Tx) -> list[dict[str, Any]]:
    """What patients asked to be refunded and only the HIS can do, of unclosed incidents."""
    table = visits.refund_wish
    statement = select(table).where(table.c.incident_no.in_(open_work.unclosed())).order_by(table.c.id)
    return [wish_view(dict(row)) for row in tx.conn.execute(statement).mappings()]


def wish_view(row: dict[str, Any]) -> dict[str, Any]:
    """One wish as shown."""
    names = ("id", "incident_no", "at", "reason", "done_at")
    return {**{name: row[name] for name in names}, "charge": row["charge_id"], "operator": row["operator_code"]}
