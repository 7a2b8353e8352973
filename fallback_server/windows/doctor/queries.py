"""Reading what a prescription or order needs: the writer, the visit, drugs, stock; and showing what was written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, select

from fallback_server.acts import (
    billables,
    keyed_in,
    masters,
    open_work,
    orders,
    patients,
    prescriptions,
    registrations,
    rendering,
    searching,
)
from fallback_server.acts.ages import age_on
from fallback_server.acts.views import Billable
from fallback_server.domain import money
from fallback_server.domain.errors import YjError
from fallback_server.domain.pinyin import initials
from fallback_server.domain.policy import Policy
from fallback_server.store import mirror
from fallback_server.store.session import Tx
from fallback_server.windows.doctor import rules


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


# --- the page --------------------------------------------------------------------------------------------------------

_DRUG_SOUGHT = ("pinyin", "name", "drug_code")
_DRUG_SHOWN = (
    "drug_code", "name", "trade_name", "spec", "dosage_form", "strength", "strength_unit", "unit", "min_unit",
    "pack_qty", "manufacturer", "category", "control_class", "active",
)  # fmt: skip


def page_data(tx: Tx) -> dict[str, Any]:
    """What the doctor's page needs once: who is acting, the clinics, usages and frequencies, the age of the prices."""
    operator = masters.find(tx, "operator", tx.who.operator_code) or {}
    staff = masters.find(tx, "staff", operator.get("staff_code") or "") or {}
    return {
        "role": "doctor",
        "staff_code": staff.get("staff_code"),
        "department_code": staff.get("department_code") or operator.get("department_code"),
        "may_prescribe": bool(staff.get("may_prescribe")) and "doctor" in tx.who.roles,
        "departments": _departments(tx),
        "usages": _words(tx, "usage"),
        "frequencies": _words(tx, "frequency"),
        "drugs_as_of": open_work.as_of(tx, "drug"),
    }


def _departments(tx: Tx) -> list[dict[str, Any]]:
    """All active ones by code: queues are those of the clinics, orders are done in the others."""
    table = mirror.datasets["department"]
    statement = select(table.c.department_code, table.c.name, table.c.kind).where(table.c.active.is_(True))
    return [dict(row) for row in tx.conn.execute(statement.order_by(table.c.department_code)).mappings()]


def _words(tx: Tx, dictionary: str) -> list[dict[str, Any]]:
    """A dictionary with search codes, so that the page finds in it without asking."""
    table = mirror.datasets["dictionary"]
    statement = select(table.c.code, table.c.name, table.c.extra).where(table.c.dict == dictionary)
    rows = tx.conn.execute(statement.order_by(table.c.code)).mappings()
    return [{**row, "initials": initials(row["name"])} for row in rows]


def find_drugs(tx: Tx, q: str, kind: str, limit: int) -> dict[str, Any]:
    """Drugs for a form of this kind with price and stock as of the mirror; the stopped ones are last, not left out."""
    table = mirror.datasets["drug"]
    rows = _drugs(tx, searching.matching(table, q, _DRUG_SOUGHT), kind, limit)
    if not rows:  # no index serves trade names, so they are looked at only when nothing else was meant
        rows = _drugs(tx, searching.matching(table, q, ("trade_name",)), kind, limit)
    rows = _keyed_in(tx, rows, q, kind)[:limit]
    stock = stock_of(tx, [row["drug_code"] for row in rows])
    return {"items": [_drug(row, stock) for row in rows], "as_of": open_work.as_of(tx, "drug_stock")}


def _drugs(tx: Tx, condition: ColumnElement[bool] | None, kind: str, limit: int) -> list[dict[str, Any]]:
    if condition is None:
        return []
    table = mirror.datasets["drug"]
    statement = select(table).where(condition, table.c.category.in_(rules.FORM_HOLDS[kind]))
    ordered = statement.order_by(table.c.active.desc(), table.c.pinyin, table.c.drug_code).limit(limit)
    return [dict(row) for row in tx.conn.execute(ordered).mappings()]


def _keyed_in(tx: Tx, rows: list[dict[str, Any]], q: str, kind: str) -> list[dict[str, Any]]:
    """The same with prices and drugs keyed in here."""
    found = keyed_in.lay_over(tx, "drug", rows, q, (*_DRUG_SOUGHT, "trade_name"), active_only=False) if q else rows
    fitting = [row for row in found if row["category"] in rules.FORM_HOLDS[kind]]
    return sorted(fitting, key=lambda row: (not row["active"], row["pinyin"], row["drug_code"]))


def _drug(row: Mapping[str, Any], stock: Mapping[str, Mapping[str, Decimal]]) -> dict[str, Any]:
    held = {pharmacy: drugs[row["drug_code"]] for pharmacy, drugs in stock.items() if row["drug_code"] in drugs}
    return {
        **{name: row[name] for name in _DRUG_SHOWN},
        "unit_price": money.price_text(row["unit_price"]),
        "skin_test": bool(row["skin_test"]),
        "special_form": rules.needs_special_paper(row["control_class"]),
        "stock": format(sum(held.values(), Decimal(0)).normalize(), "f") if held else None,
    }


# --- the order's form -------------------------------------------------------------------------------------------------


def order_form(tx: Tx, policy: Policy, order: Billable) -> dict[str, Any]:
    """Everything an exam request must carry: items, departments and places, diagnoses."""
    person = patients.many(tx, [order.patient_id]).get(order.patient_id)
    age = age_on(person.birth_date if person else None, tx.today)
    weight = None
    if order.registration_id is not None:
        try:
            weight = registrations.get(tx, order.registration_id).weight_kg
        except YjError:
            weight = None  # the centre's visit ran out of its horizon
    return {
        "hospital": policy.hospital_name,
        "mark": "DRILL" if order.drill else "YJ",
        "qr": order.number,
        "as_of": open_work.as_of(tx, "open_order" if order.origin == "centre" else "fee_item"),
        "department_name": _department(tx, order.department_code)[0],
        "weight_kg": weight,
        "patient": {
            **rendering.patient_beside(person, tx.today),
            "name": order.patient_name,
            "child": bool(age and age.child),
        },
        "diagnoses": _diagnoses_of_visit(tx, order),
        "order": rendering.billable(order, open_work.as_of(tx, "open_order")),
        "places": {
            line.exec_department_code: dict(
                zip(("name", "location"), _department(tx, line.exec_department_code), strict=True)
            )
            for line in order.lines
            if line.exec_department_code
        },
    }


def _department(tx: Tx, code: str | None) -> tuple[str | None, str | None]:
    row = masters.find(tx, "department", code) if code else None
    return (row["name"], row["location"]) if row else (code, None)


def _diagnoses_of_visit(tx: Tx, order: Billable) -> list[str]:
    """An order has no diagnosis of its own: it is requested under those of the visit's prescriptions."""
    if order.registration_id is None:
        return []
    written = prescriptions.of_registration(tx, order.registration_id)
    return list(dict.fromkeys(name for view in reversed(written) for _, name in view.diagnoses))
