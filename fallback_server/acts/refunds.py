"""Refunds: a new negative document that points at the original; nothing written before is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from fallback_server.acts import charge_views, charges, handovers, locks, masters, receipts, shifts
from fallback_server.acts.documents import require_ours
from fallback_server.acts.payments import GivenBack, Paid, give_back
from fallback_server.domain import money
from fallback_server.domain.documents import Document, Ref
from fallback_server.domain.errors import YjError
from fallback_server.domain.numbers import child_ulid
from fallback_server.domain.policy import Policy
from fallback_server.store import cash, second_person
from fallback_server.store.session import Tx

_LISTS = {"prescription": "prescriptions", "order": "orders"}


@dataclass(frozen=True)
class Remainder:
    """What is left of a line: pieces and money."""

    row: Mapping[str, Any]
    quantity: int
    amount: Decimal


def write(
    tx: Tx,
    policy: Policy,
    *,
    refund_id: str,
    charge_id: str,
    lines: Sequence[tuple[str, int]] | None,
    payments: Sequence[GivenBack] | None,
    reason: str,
    approver_code: str | None,
) -> dict[str, Any]:
    """Give back some pieces of some lines, or all that remains; returns the contract's answer.

    The amounts of any sequence of refunds of a line add up to the line exactly. By default the money goes back the way
    it came. Raises charge_not_found, pre_outage_charge, refund_of_refund, nothing_to_refund, refund_too_much,
    handed_over, second_person_required, payments_mismatch, out_of_scope.
    """
    # Two refunds of one charge, and a hand-over of what it paid for, would each not see the other.
    locks.hold(tx, f"charge:{charge_id}", *_sources(tx, charge_id))
    original = _original(tx, charge_id)
    rows = _rows(tx, refund_id, charge_id, lines)
    total = money.total(row["amount"] for row in rows)
    if needs_second_person(policy, total):
        second_person.require(tx, policy, "refund", charge_id)
    paid = give_back(policy, -total, held(tx, charge_id), payments)
    receipt_no = receipts.present(tx, [charge_id]).get(charge_id)
    yj_no = tx.take_yj_no()
    row = _insert(tx, refund_id, yj_no, original, total, reason, approver_code)
    tx.conn.execute(cash.charge_line.insert(), rows)
    stored = charges.write_payments(tx, refund_id, paid)
    tx.enqueue(_document(tx, refund_id, yj_no, original, receipt_no, total, reason, rows, paid))
    tx.audit("refund.create", subject=refund_id, refund_of=charge_id, total=money.to_text(total), reason=reason)
    return {
        **charge_views.fresh(tx, row, rows, stored, None, with_drugs=False),
        "original_receipt_no": receipt_no,
        "original_yj_no": original["yj_no"],
        "approver": approver_code,
    }


def needs_second_person(policy: Policy, total: Decimal) -> bool:
    """Whether a refund of `total` (negative) is above what a cashier gives back alone."""
    return -total > policy.refund_approval_above


def preview(
    tx: Tx,
    policy: Policy,
    charge_id: str,
    lines: Sequence[tuple[str, int]] | None,
    payments: Sequence[GivenBack] | None,
) -> dict[str, Any]:
    """What `write` would give back now, without writing; raises what it raises but second_person_required."""
    _original(tx, charge_id)
    rows = _rows(tx, charge_id, charge_id, lines)
    total = money.total(row["amount"] for row in rows)
    paid = give_back(policy, -total, held(tx, charge_id), payments)
    return {
        "total": money.to_text(total),
        "total_in_words": money.in_words(total),
        "lines": [charges.line_payload(row) | {"original_line_id": row["original_line_id"]} for row in rows],
        "payments": [payment.payload() for payment in paid],
        "second_person": needs_second_person(policy, total) and "refund" in policy.two_persons,
    }


def _rows(tx: Tx, refund_id: str, charge_id: str, lines: Sequence[tuple[str, int]] | None) -> list[dict[str, Any]]:
    chosen = _chosen(remainders(tx, charge_id), lines)
    _refuse_handed_over(tx, chosen)
    return [_refund_row(refund_id, n, rest, quantity) for n, (rest, quantity) in enumerate(chosen, start=1)]


def _original(tx: Tx, charge_id: str) -> Mapping[str, Any]:
    original = require_ours(tx, charge_id)
    if original["refund_of"] is not None:
        raise YjError("refund_of_refund")
    masters.require_in_scope(tx, original["department_code"])
    return original


def _sources(tx: Tx, charge_id: str) -> list[str]:
    table = cash.settlement
    rows = tx.conn.execute(select(table.c.entity, table.c.target_id).where(table.c.charge_id == charge_id))
    return [f"{row.entity}:{row.target_id}" for row in rows]


def remainders(tx: Tx, charge_id: str) -> list[Remainder]:
    """Every line of a charge with what is left of it."""
    table = cash.charge_line
    statement = select(table).where(table.c.charge_id == charge_id).order_by(table.c.line_no)
    rows = [dict(row) for row in tx.conn.execute(statement).mappings()]
    back = tx.conn.execute(
        select(
            table.c.original_line_id,
            func.sum(table.c.quantity).label("quantity"),
            func.sum(table.c.amount).label("amount"),
        )
        .where(table.c.original_line_id.in_([row["line_id"] for row in rows]))
        .group_by(table.c.original_line_id)
    )
    given = {row.original_line_id: (int(row.quantity), row.amount) for row in back}
    left = []
    for row in rows:
        quantity, amount = given.get(row["line_id"], (0, money.ZERO))
        left.append(Remainder(row, row["quantity"] + quantity, row["amount"] + amount))
    return left


def _chosen(left: Sequence[Remainder], lines: Sequence[tuple[str, int]] | None) -> list[tuple[Remainder, int]]:
    remaining = [rest for rest in left if rest.quantity > 0]
    if not remaining:
        raise YjError("nothing_to_refund")
    if lines is None:
        return [(rest, rest.quantity) for rest in remaining]
    by_id = {rest.row["line_id"]: rest for rest in left}
    seen: set[str] = set()
    for line_id, quantity in lines:
        if line_id not in by_id or line_id in seen:
            raise YjError("invalid_request", field="lines", problem="明细不符或重复 / unknown or repeated")
        seen.add(line_id)
        if quantity > by_id[line_id].quantity:
            raise YjError("refund_too_much", line_id=line_id, remaining=by_id[line_id].quantity)
    if not lines:
        raise YjError("nothing_to_refund")
    return [(by_id[line_id], quantity) for line_id, quantity in lines]


def part(rest_quantity: int, rest_amount: Decimal, unit_price: Decimal, quantity: int) -> Decimal:
    """What is given back (negative) for `quantity` of the `rest_quantity` pieces that still hold `rest_amount`.

    Where the line is price times quantity the parts are differences of line amounts; a line the centre had priced
    otherwise (a discount) gives back in proportion. The last part is whatever is left, so the sum is exact either way.
    """
    if quantity == rest_quantity:
        return -rest_amount
    if rest_amount == money.line_amount(unit_price, rest_quantity):
        return money.refund_amount(unit_price, rest_quantity, quantity)
    return money.round_cents(rest_amount * (rest_quantity - quantity) / rest_quantity) - rest_amount


def _refund_row(refund_id: str, number: int, rest: Remainder, quantity: int) -> dict[str, Any]:
    return {
        **rest.row,
        "line_id": child_ulid(refund_id, f"line:{number}"),
        "charge_id": refund_id,
        "line_no": number,
        "quantity": -quantity,
        "amount": part(rest.quantity, rest.amount, rest.row["unit_price"], quantity),
        "original_line_id": rest.row["line_id"],
    }


def _refuse_handed_over(tx: Tx, chosen: Sequence[tuple[Remainder, int]]) -> None:
    drugs = [rest.row["source_line_id"] for rest, _ in chosen if rest.row["source"] == "prescription"]
    out = handovers.net(tx, [line_id for line_id in drugs if line_id])
    for rest, quantity in chosen:
        if rest.row["source"] == "prescription" and quantity > rest.quantity - out.get(rest.row["source_line_id"], 0):
            raise YjError("handed_over")


def held(tx: Tx, charge_id: str) -> list[Paid]:
    """What each method of a charge still holds after its refunds, in the order in which they were paid."""
    charge, payment = cash.charge, cash.payment
    rows = tx.conn.execute(
        select(payment.c.method, payment.c.amount, payment.c.state)
        .join_from(payment, charge, charge.c.id == payment.c.charge_id)
        .where((charge.c.id == charge_id) | (charge.c.refund_of == charge_id))
        .order_by(charge.c.refund_of.is_not(None), charge.c.created_at, charge.c.id, payment.c.payment_no)
    )
    sums: dict[str, tuple[Decimal, str]] = {}
    for row in rows:
        before, state = sums.get(row.method, (money.ZERO, row.state))
        sums[row.method] = (before + row.amount, "in_doubt" if "in_doubt" in (state, row.state) else "received")
    return [Paid(n, method, amount, state=state) for n, (method, (amount, state)) in enumerate(sums.items(), start=1)]


def _insert(
    tx: Tx,
    refund_id: str,
    yj_no: str,
    original: Mapping[str, Any],
    total: Decimal,
    reason: str,
    approver_code: str | None,
) -> dict[str, Any]:
    copied = (
        "kind", "patient_id", "patient_origin", "patient_name", "registration_id", "registration_origin",
        "department_code", "insurance", "deferred",
    )  # fmt: skip
    row = {
        **tx.document_row(refund_id, yj_no),
        **{name: original[name] for name in copied},
        "refund_of": original["id"],
        "reason": reason,
        "total": total,
        "change": money.ZERO,
        "first_receipt_no": None,
        "shift_id": shifts.open_shift_id(tx),
        "approver_code": approver_code,
    }
    tx.conn.execute(cash.charge.insert().values(**row))
    return row


def _document(
    tx: Tx,
    refund_id: str,
    yj_no: str,
    original: Mapping[str, Any],
    receipt_no: str | None,
    total: Decimal,
    reason: str,
    rows: Sequence[Mapping[str, Any]],
    paid: Sequence[Paid],
) -> Document:
    return Document(
        yj_id=refund_id,
        entity="refund",
        yj_no=yj_no,
        chain=original["patient_id"] or original["id"],
        body={
            "charge_kind": original["kind"],
            "patient_name": original["patient_name"],
            "original_receipt_no": receipt_no,
            "original_yj_no": original["yj_no"],
            "total": money.to_text(total),
            "reason": reason,
        },
        # As the original document named them: the mirror may have moved on since.
        refs={**charge_views.frozen_refs(tx, original["id"]), "original": Ref(original["id"], "yj")},
        lists={
            "lines": [{**charges.line_payload(row), "original_line_id": row["original_line_id"]} for row in rows],
            "payments": [payment.payload() for payment in paid],
        },
        settles={name: _wholly_refunded(tx, entity, original["id"], rows) for entity, name in _LISTS.items()},
        amount=money.to_text(total),
    )


def _wholly_refunded(tx: Tx, entity: str, charge_id: str, rows: Sequence[Mapping[str, Any]]) -> list[Ref]:
    """Prescriptions or orders of which this refund gave back the last piece: each is listed exactly once, ever."""
    touched = sorted({row["source_id"] for row in rows if row["source"] == entity})
    gone = [target for target, status in charges.settled(tx, entity, touched).items() if status == "refunded"]
    table = cash.settlement
    found = tx.conn.execute(
        select(table.c.target_id, table.c.target_origin, table.c.central_key)
        .where(table.c.entity == entity, table.c.charge_id == charge_id, table.c.target_id.in_(gone))
        .order_by(table.c.target_id)
    )
    return [Ref(row.target_id, row.target_origin, row.central_key) for row in found]
