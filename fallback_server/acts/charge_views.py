"""Charges and refunds as they are shown: with lines, payments, what was given back, and sums in the national order."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, func, select

from fallback_server.acts import receipts
from fallback_server.domain import money
from fallback_server.domain.categories import by_category
from fallback_server.domain.documents import Ref
from fallback_server.domain.errors import YjError
from fallback_server.store import cash, mirror, visits
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Tx


def one(tx: Tx, charge_id: str) -> dict[str, Any]:
    """One charge or refund; raises charge_not_found."""
    found = many(tx, cash.charge.c.id == charge_id)
    if not found:
        raise YjError("charge_not_found")
    return found[0]


def many(
    tx: Tx, *conditions: ColumnElement[bool], limit: int | None = None, newest_first: bool = False
) -> list[dict[str, Any]]:
    """Charges and refunds that meet all conditions, in the order of their making."""
    table = cash.charge
    keys = (table.c.created_at, table.c.id)
    statement = select(table).where(*conditions).order_by(*(key.desc() if newest_first else key for key in keys))
    found = tx.conn.execute(statement.limit(limit) if limit else statement)
    rows = [dict(row) for row in found.mappings()]
    ids = [row["id"] for row in rows]
    if not ids:
        return []
    parts = _read(tx, ids)
    return [_view(row, parts) for row in rows]


@dataclass
class _Parts:
    """Everything that belongs to some charges, by charge or by line."""

    lines: Mapping[str, Sequence[Mapping[str, Any]]]
    payments: Mapping[str, Sequence[Mapping[str, Any]]]
    receipts: Mapping[str, str]
    pharmacies: Mapping[str, list[dict[str, Any]]]
    returned: Mapping[str, int]
    refunds: Mapping[str, list[str]]
    central_keys: Mapping[str, str]


def _read(tx: Tx, ids: Sequence[str]) -> _Parts:
    """The parts of stored charges, in a handful of statements."""
    lines = _grouped(tx, cash.charge_line, ids, "line_no")
    table = cash.charge
    refunds: dict[str, list[str]] = defaultdict(list)
    statement = select(table.c.id, table.c.refund_of).where(table.c.refund_of.in_(ids)).order_by(table.c.id)
    for row in tx.conn.execute(statement):
        refunds[row.refund_of].append(row.id)
    return _Parts(
        lines,
        _grouped(tx, cash.payment, ids, "payment_no"),
        receipts.present(tx, ids),
        pharmacies(tx, ids),
        returned_quantities(tx, [line["line_id"] for group in lines.values() for line in group]),
        refunds,
        _central_keys(tx, ids),
    )


def fresh(
    tx: Tx,
    row: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]],
    payments: Sequence[Mapping[str, Any]],
    receipt_no: str | None,
    *,
    with_drugs: bool,
) -> dict[str, Any]:
    """A charge or refund as its own act answers it, from the rows just written: while the write lock is held."""
    charge_id = row["id"]
    numbers = {charge_id: receipt_no} if receipt_no is not None else {}
    collect = pharmacies(tx, [charge_id]) if with_drugs else {}
    return _view(row, _Parts({charge_id: lines}, {charge_id: payments}, numbers, collect, {}, {}, {}))


def _central_keys(tx: Tx, ids: Sequence[str]) -> dict[str, str]:
    """Charge → the centre's key, for those that have arrived there."""
    arrived = (outbox.c.yj_id.in_(ids), outbox.c.central_key.is_not(None))
    rows = tx.conn.execute(select(outbox.c.yj_id, outbox.c.central_key).where(*arrived))
    return {row.yj_id: row.central_key for row in rows}


def _grouped(tx: Tx, table: Any, ids: Sequence[str], order: str) -> dict[str, list[Mapping[str, Any]]]:
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    statement = select(table).where(table.c.charge_id.in_(ids)).order_by(table.c.charge_id, table.c[order])
    for row in tx.conn.execute(statement).mappings():
        groups[row["charge_id"]].append(dict(row))
    return groups


def returned_quantities(tx: Tx, line_ids: Sequence[str]) -> dict[str, int]:
    """Line → how many pieces of it were refunded by now; lines without a refund are left out."""
    table = cash.charge_line
    if not line_ids:
        return {}
    rows = tx.conn.execute(
        select(table.c.original_line_id, func.sum(table.c.quantity))
        .where(table.c.original_line_id.in_(list(line_ids)))
        .group_by(table.c.original_line_id)
    )
    return {row[0]: -int(row[1]) for row in rows}


def pharmacies(tx: Tx, charge_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Charge → where the patient collects what it paid for."""
    table, own, theirs = cash.settlement, visits.prescription, mirror.datasets["open_prescription"]
    department = mirror.datasets["department"]
    code = func.coalesce(own.c.pharmacy_code, theirs.c.pharmacy_code)
    rows = tx.conn.execute(
        select(table.c.charge_id, code.label("code"), department.c.name, department.c.location)
        .select_from(
            table.outerjoin(own, own.c.id == table.c.target_id)
            .outerjoin(theirs, theirs.c.id == table.c.target_id)
            .join(department, department.c.department_code == code)
        )
        .where(table.c.charge_id.in_(list(charge_ids)), table.c.entity == "prescription")
        .order_by(table.c.charge_id, code)
        .distinct()
    )
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row.charge_id].append({"code": row.code, "name": row.name, "location": row.location})
    return found


def categories_of(lines: Iterable[Any]) -> list[dict[str, str]]:
    """Sums by receipt category in the national order; `lines` have receipt_category and amount."""
    sums: dict[str, Decimal] = defaultdict(lambda: money.ZERO)
    for category, amount in lines:
        sums[category] += amount
    return by_category({category: money.to_text(value) for category, value in sums.items()})


def _view(row: Mapping[str, Any], parts: _Parts) -> dict[str, Any]:
    lines, payments = parts.lines.get(row["id"], ()), parts.payments.get(row["id"], ())
    collect = parts.pharmacies.get(row["id"], [])
    shown = {
        "id": row["id"],
        "yj_no": row["yj_no"],
        "kind": row["kind"],
        "refund_of": row["refund_of"],
        "status": _status(row, lines, parts.returned),
        "receipt_no": parts.receipts.get(row["id"]),
        "first_receipt_no": row["first_receipt_no"],
        "total": money.to_text(row["total"]),
        "total_in_words": money.in_words(row["total"]),
        "by_category": categories_of((line["receipt_category"], line["amount"]) for line in lines),
        "lines": [line_view(line, parts.returned.get(line["line_id"], 0)) for line in lines],
        "payments": [payment_view(payment) for payment in payments],
        "change": money.to_text(row["change"]),
        "deferred": row["deferred"],
        "insurance": row["insurance"],
        "patient_id": row["patient_id"],
        "patient_name": row["patient_name"],
        "registration_id": row["registration_id"],
        "department_code": row["department_code"],
        "operator": {"code": row["operator_code"], "name": row["operator_name"]},
        "workstation": row["workstation"],
        "created_at": row["created_at"],
        "business_date": row["business_date"],
        "incident_no": row["incident_no"],
        "drill": row["drill"],
        "late": row["late"],
        "shift": row["shift_id"],
        "reason": row["reason"],
        "refunds": parts.refunds.get(row["id"], []),
        "origin": "yj",
        "central_key": parts.central_keys.get(row["id"]),
    }
    if collect:
        shown |= {"pharmacy": collect[0], "pharmacies": collect}
    return shown


def _status(row: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], returned: Mapping[str, int]) -> str:
    if row["refund_of"] is not None:
        return "refund"
    left = sum(line["quantity"] - returned.get(line["line_id"], 0) for line in lines)
    if left == 0:
        return "refunded"
    return "partly_refunded" if any(line["line_id"] in returned for line in lines) else "paid"


def line_view(line: Mapping[str, Any], returned: int) -> dict[str, Any]:
    """A line as shown; `remaining` is what can still be given back."""
    names = (
        "line_id", "line_no", "source", "source_id", "item_code", "name", "spec", "unit", "quantity",
        "receipt_category",
    )  # fmt: skip
    shown = {
        **{name: line[name] for name in names},
        "unit_price": money.price_text(line["unit_price"]),
        "amount": money.to_text(line["amount"]),
    }
    if line["original_line_id"] is not None:
        return {**shown, "original_line_id": line["original_line_id"]}
    return {**shown, "refunded": returned, "remaining": line["quantity"] - returned}


def payment_view(payment: Mapping[str, Any]) -> dict[str, Any]:
    """A payment as shown."""
    tendered = payment["tendered"]
    return {
        "payment_no": payment["payment_no"],
        "method": payment["method"],
        "amount": money.to_text(payment["amount"]),
        "tendered": None if tendered is None else money.to_text(tendered),
        "reference": payment["reference"],
        "state": payment["state"],
    }


def frozen_refs(tx: Tx, charge_id: str) -> dict[str, Ref | None]:
    """The patient and the visit of a charge as its frozen document names them."""
    payload = json.loads(tx.conn.execute(select(outbox.c.payload).where(outbox.c.yj_id == charge_id)).scalar_one())
    refs = payload["refs"]
    return {name: Ref(**refs[name]) if refs[name] else None for name in ("patient", "registration")}
