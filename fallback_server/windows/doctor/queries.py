"""Reading what a prescription or order needs: the writer, the visit, drugs, stock; and showing what was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from fallback_server.acts import billables, masters, open_work, orders, prescriptions, rendering
from fallback_server.acts.views import Billable
from fallback_server.domain.errors import YjError
from fallback_server.store import mirror
from fallback_server.store.session import Tx


def acting_doctor(tx: Tx) -> dict[str, Any]:
    """The staff row of the person at the window; raises not_prescriber for an operator who is nobody's doctor."""
    operator = masters.find(tx, "operator", tx.who.operator_code)
    if operator is None or operator["staff_code"] is None:
        raise YjError("not_prescriber")
    return masters.require(tx, "staff", operator["staff_code"])


def prescriber(tx: Tx, staff_code: str | None) -> dict[str, Any]:
    """Who prescribes: a paper form's doctor, else the acting one. Raises unknown_staff, inactive, not_prescriber."""
    doctor = masters.require(tx, "staff", staff_code) if staff_code is not None else acting_doctor(tx)
    if not doctor["may_prescribe"]:
        raise YjError("not_prescriber")
    return doctor


def stock_of(tx: Tx, drug_codes: Iterable[str]) -> dict[str, dict[str, Decimal]]:
    """Pharmacy → drug → quantity as of the mirror, for these drugs."""
    table = mirror.datasets["drug_stock"]
    rows = tx.conn.execute(select(table).where(table.c.drug_code.in_(set(drug_codes)), table.c.active.is_(True)))
    found: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        found.setdefault(row.pharmacy_code, {})[row.drug_code] = row.qty
    return found


def stock_is_mirrored(tx: Tx) -> bool:
    """Whether this centre tells its stock at all; without it nobody is warned of empty shelves."""
    return tx.conn.execute(select(mirror.datasets["drug_stock"].c.drug_code).limit(1)).first() is not None


def pharmacies(tx: Tx) -> list[str]:
    """All active pharmacies, by code."""
    table = mirror.datasets["department"]
    statement = select(table.c.department_code).where(table.c.kind == "pharmacy", table.c.active.is_(True))
    return list(tx.conn.execute(statement.order_by(table.c.department_code)).scalars())


def shown(tx: Tx, found: Iterable[Billable], dataset: str) -> dict[str, Any]:
    """A list of prescriptions or orders with the age of the centre's part."""
    as_of = open_work.as_of(tx, dataset)
    return {"items": [rendering.billable(view, as_of) for view in found], "next_cursor": None, "as_of": as_of}


def list_prescriptions(tx: Tx, query: Mapping[str, str | None]) -> dict[str, Any]:
    """Prescriptions that fit."""
    return shown(tx, prescriptions.list(tx, **query), "open_prescription")


def list_orders(tx: Tx, query: Mapping[str, str | None]) -> dict[str, Any]:
    """Orders that fit."""
    return shown(tx, orders.list(tx, **query), "open_order")


def one(tx: Tx, shelf: billables.Shelf, billable_id: str) -> dict[str, Any]:
    """One prescription or order."""
    return rendering.billable(billables.get(tx, shelf, billable_id), open_work.as_of(tx, shelf.open))
