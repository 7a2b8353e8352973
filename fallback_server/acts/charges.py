"""Charges: what was taken for what, written once, paid once, with the next number of the receipt book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from fallback_server.acts import charge_views, locks, masters, receipt_books, shifts
from fallback_server.acts.payments import Paid, PaymentIn, settle
from fallback_server.acts.views import Billable, PatientView
from fallback_server.domain import money
from fallback_server.domain.documents import Document, Ref
from fallback_server.domain.errors import YjError
from fallback_server.domain.numbers import child_ulid
from fallback_server.domain.policy import Policy
from fallback_server.store import cash
from fallback_server.store.session import Tx

__all__ = ["NewLine", "PaymentIn", "get", "of_registration", "settled", "write"]

SELF_PAY = "自费"
_LISTS = {"prescription": "prescriptions", "order": "orders"}


@dataclass(frozen=True)
class NewLine:
    """One line of a charge before it is written; names and prices are copied, so that later mirrors change nothing."""

    source: str  # registration | prescription | order | item
    source_id: str | None
    source_line_id: str | None
    item_code: str
    name: str
    spec: str | None
    unit: str
    unit_price: Decimal
    quantity: int
    amount: Decimal
    receipt_category: str


def write(
    tx: Tx,
    policy: Policy,
    *,
    charge_id: str,
    kind: str,
    patient: PatientView | None,
    visit_ref: Ref | None,
    department_code: str | None,
    lines: Sequence[NewLine],
    payments: Sequence[PaymentIn],
    receipt_no: str | None,
    settles: Mapping[str, Sequence[Billable]] | None = None,
    expected_total: Decimal | None = None,
) -> dict[str, Any]:
    """Write a charge with its lines, payments, receipt number, settlements and document; returns the contract's answer.

    `settles` maps prescription | order to what this charge pays for. A zero total takes no payment and no receipt.
    Raises out_of_scope, nothing_to_charge, total_changed, payments_mismatch, method_off, already_paid and what the
    receipt book raises.
    """
    paid_for = [billable for group in (settles or {}).values() for billable in group]
    locks.hold(tx, *(f"{billable.entity}:{billable.id}" for billable in paid_for))
    masters.require_in_scope(tx, department_code)
    total = _checked_total(lines, expected_total)
    paid, change = settle(policy, total, payments)
    _refuse_paid(tx, paid_for)
    sheet = _sheet(tx, policy, total, receipt_no)
    number = sheet.receipt_no if sheet else None
    yj_no = tx.take_yj_no()
    insurance = insurance_of(tx, patient)
    row = {
        **tx.document_row(charge_id, yj_no),
        "kind": kind,
        "refund_of": None,
        "reason": None,
        "patient_id": patient.id if patient else None,
        "patient_origin": patient.origin if patient else None,
        "patient_name": patient.name if patient else "",
        "registration_id": visit_ref.id if visit_ref else None,
        "registration_origin": visit_ref.origin if visit_ref else None,
        "department_code": department_code,
        "total": total,
        "change": change,
        "first_receipt_no": number,
        "shift_id": shifts.open_shift_id(tx),
        "insurance": insurance,
        "deferred": insurance is not None,
        "approver_code": None,
    }
    tx.conn.execute(cash.charge.insert().values(**row))
    rows = _line_rows(charge_id, lines)
    tx.conn.execute(cash.charge_line.insert(), rows)
    stored = write_payments(tx, charge_id, paid)
    if sheet:
        receipt_books.mark_used(tx, sheet, charge_id)
    _settle(tx, charge_id, paid_for)
    tx.enqueue(
        _document(charge_id, yj_no, kind, patient, visit_ref, total, number, insurance, rows, paid, settles or {})
    )
    tx.audit("charge.create", subject=charge_id, yj_no=yj_no, total=money.to_text(total), receipt_no=number, kind=kind)
    return charge_views.fresh(tx, row, rows, stored, number, with_drugs=bool((settles or {}).get("prescription")))


def _checked_total(lines: Sequence[NewLine], expected: Decimal | None) -> Decimal:
    if not lines:
        raise YjError("nothing_to_charge")
    total = money.total(line.amount for line in lines)
    if expected is not None and expected != total:
        raise YjError("total_changed", total=money.to_text(total), expected=money.to_text(expected))
    return total


def _refuse_paid(tx: Tx, paid_for: Sequence[Billable]) -> None:
    table = cash.settlement
    for billable in paid_for:
        known = tx.conn.execute(
            select(table.c.charge_id).where(table.c.entity == billable.entity, table.c.target_id == billable.id)
        ).first()
        if known is not None:
            raise YjError("already_paid", number=billable.number)


def _sheet(tx: Tx, policy: Policy, total: Decimal, receipt_no: str | None) -> receipt_books.Sheet | None:
    if not policy.receipt_preprinted:
        if receipt_no is not None:
            raise YjError("receipt_plain")
        return None
    return receipt_books.take(tx, receipt_no) if total > 0 else None


def insurance_of(tx: Tx, patient: PatientView | None) -> dict[str, Any] | None:
    """What the later re-settlement needs of an insured patient; None for one who pays everything himself."""
    if patient is None or patient.insurance_type is None:
        return None
    if SELF_PAY in (masters.dictionary_name(tx, "insurance_type", patient.insurance_type) or ""):
        return None
    return {"type": patient.insurance_type, "no": patient.insurance_no, "area": patient.insurance_area}


def _line_rows(charge_id: str, lines: Sequence[NewLine]) -> list[dict[str, Any]]:
    own: dict[str, Any] = {"charge_id": charge_id, "original_line_id": None}
    return [
        {**vars(line), **own, "line_id": child_ulid(charge_id, f"line:{n}"), "line_no": n}
        for n, line in enumerate(lines, start=1)
    ]


def write_payments(tx: Tx, charge_id: str, paid: Sequence[Paid]) -> list[dict[str, Any]]:
    """The payment rows of a charge or refund, as written."""
    rows = [{"charge_id": charge_id, **vars(payment)} for payment in paid]
    if rows:
        tx.conn.execute(cash.payment.insert(), rows)
    return rows


def _settle(tx: Tx, charge_id: str, paid_for: Sequence[Billable]) -> None:
    if paid_for:
        tx.conn.execute(
            cash.settlement.insert(),
            [
                {
                    "entity": billable.entity,
                    "target_id": billable.id,
                    "charge_id": charge_id,
                    "target_origin": billable.origin,
                    "central_key": billable.central_key,
                }
                for billable in paid_for
            ],
        )


def line_payload(row: Mapping[str, Any]) -> dict[str, Any]:
    """A line as the frozen document carries it."""
    names = ("line_id", "line_no", "source", "source_id", "item_code", "name", "unit", "quantity", "receipt_category")
    return {
        **{name: row[name] for name in names},
        "unit_price": money.price_text(row["unit_price"]),
        "amount": money.to_text(row["amount"]),
    }


def _document(
    charge_id: str,
    yj_no: str,
    kind: str,
    patient: PatientView | None,
    visit_ref: Ref | None,
    total: Decimal,
    receipt_no: str | None,
    insurance: Mapping[str, Any] | None,
    rows: Sequence[Mapping[str, Any]],
    paid: Sequence[Paid],
    settles: Mapping[str, Sequence[Billable]],
) -> Document:
    covered = insurance or {}
    return Document(
        yj_id=charge_id,
        entity="charge",
        yj_no=yj_no,
        chain=patient.id if patient else charge_id,
        body={
            "charge_kind": kind,
            "patient_name": patient.name if patient else "",
            "receipt_no": receipt_no,
            "total": money.to_text(total),
            "insurance_type": covered.get("type"),
            "insurance_no": covered.get("no"),
            "insurance_area": covered.get("area"),
            "deferred": insurance is not None,
        },
        refs={"patient": patient.ref if patient else None, "registration": visit_ref},
        lists={"lines": [line_payload(row) for row in rows], "payments": [payment.payload() for payment in paid]},
        settles={name: [b.ref for b in settles.get(entity, ())] for entity, name in _LISTS.items()},
        amount=money.to_text(total),
        receipt_no=receipt_no,
    )


def get(tx: Tx, charge_id: str) -> dict[str, Any]:
    """One charge or refund as the contract answers it; raises charge_not_found."""
    return charge_views.one(tx, charge_id)


def of_registration(tx: Tx, registration_id: str) -> list[dict[str, Any]]:
    """All charges and refunds of a visit, oldest first."""
    return charge_views.many(tx, cash.charge.c.registration_id == registration_id)


def settled(tx: Tx, entity: str, ids: Sequence[str]) -> dict[str, str]:
    """Which of these prescriptions or orders were paid here: id → paid, or refunded once nothing of it remains."""
    left = remaining(tx, entity, ids)
    return {target_id: "paid" if sum(lines.values()) > 0 else "refunded" for target_id, lines in left.items()}


def remaining(tx: Tx, entity: str, ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """Prescription or order → its lines → pieces paid here and not refunded; what was not paid here is left out."""
    if not ids:
        return {}
    table, line, back = cash.settlement, cash.charge_line, cash.charge_line.alias()
    rows = tx.conn.execute(
        select(table.c.target_id, line.c.source_line_id, line.c.quantity + func.coalesce(func.sum(back.c.quantity), 0))
        .select_from(
            table.join(
                line,
                (line.c.charge_id == table.c.charge_id)
                & (line.c.source == table.c.entity)
                & (line.c.source_id == table.c.target_id),
            ).outerjoin(back, back.c.original_line_id == line.c.line_id)
        )
        .where(table.c.entity == entity, table.c.target_id.in_(list(ids)))
        .group_by(table.c.target_id, line.c.line_id, line.c.source_line_id, line.c.quantity)
    )
    left: dict[str, dict[str, int]] = {}
    for target_id, source_line_id, quantity in rows:
        left.setdefault(target_id, {})[source_line_id] = int(quantity)
    return left
