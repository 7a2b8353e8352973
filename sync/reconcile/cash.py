"""Layer 5: what was counted in each shift against what came in, from the hand-over sheets as they were signed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, select

from fallback_server.domain import money
from fallback_server.store.cash import charge, payment, shift
from sync.reconcile.match import Difference


def read(conn: Connection, incident_no: int) -> list[dict[str, Any]]:
    """Every shift of the incident, and what each cashier took outside any shift.

    `methods` is `[{method, due, counted, difference}]`: what the system says is due (cash with the float) now, not what
    the sheet said then; what was not counted is None. `counted` is whether somebody counted at all.
    """
    taken = _taken(conn, incident_no)
    rows = conn.execute(
        select(shift).where(shift.c.incident_no == incident_no, ~shift.c.drill).order_by(shift.c.opened_at, shift.c.id)
    ).mappings()
    shifts = [_shift(dict(row), taken.pop(row["id"], {})) for row in rows]
    return shifts + [_outside(conn, incident_no, operator) for operator in _without(conn, incident_no)]


def differences(shifts: Sequence[Mapping[str, Any]]) -> Iterator[Difference]:
    """A shift whose count is not what came in: a named person says why."""
    for one in shifts:
        for line in one["methods"]:
            if line["difference"] not in (None, "0.00"):
                named = {"operator": one["operator"], "method": line["method"]}
                local, counted = {**named, "amount": line["due"]}, {**named, "amount": line["counted"]}
                yield Difference("cash_counted", f"{one['shift_id']}:{line['method']}", None, None, local, counted)


def _shift(row: Mapping[str, Any], taken: Mapping[str, Decimal]) -> dict[str, Any]:
    counted = {one["method"]: money.amount(one["amount"]) for one in row["counted"] or ()}
    due = dict(taken)
    due["cash"] = due.get("cash", money.ZERO) + row["float"]
    methods = [_line(method, due.get(method, money.ZERO), counted.get(method)) for method in sorted({*due, *counted})]
    return {
        "shift_id": row["id"], "operator": row["operator_code"], "workstation": row["workstation"],
        "opened_at": row["opened_at"], "closed_at": row["closed_at"], "float": money.to_text(row["float"]),
        "counted": bool(counted), "methods": methods,
    }  # fmt: skip


def _line(method: str, due: Decimal, counted: Decimal | None) -> dict[str, str | None]:
    shown = None if counted is None else money.to_text(counted)
    apart = None if counted is None else money.to_text(counted - due)
    return {"method": method, "due": money.to_text(due), "counted": shown, "difference": apart}


def _taken(conn: Connection, incident_no: int) -> dict[str, dict[str, Decimal]]:
    found: dict[str, dict[str, Decimal]] = {}
    rows = conn.execute(
        select(charge.c.shift_id, payment.c.method, func.sum(payment.c.amount).label("amount"))
        .join(payment, payment.c.charge_id == charge.c.id)
        .join(shift, shift.c.id == charge.c.shift_id)
        .where(shift.c.incident_no == incident_no, ~charge.c.drill)
        .group_by(charge.c.shift_id, payment.c.method)
    )
    for row in rows:
        found.setdefault(row.shift_id, {})[row.method] = row.amount
    return found


def _without(conn: Connection, incident_no: int) -> list[str]:
    mine = (charge.c.incident_no == incident_no, ~charge.c.drill, charge.c.shift_id.is_(None))
    return sorted(conn.execute(select(charge.c.operator_code).where(*mine).distinct()).scalars())


def _outside(conn: Connection, incident_no: int, operator: str) -> dict[str, Any]:
    """Takings that belong to no shift: nobody counts them, so they are shown."""
    mine = (charge.c.incident_no == incident_no, ~charge.c.drill, charge.c.shift_id.is_(None))
    rows = conn.execute(
        select(payment.c.method, func.sum(payment.c.amount).label("amount"))
        .join(charge, charge.c.id == payment.c.charge_id)
        .where(*mine, charge.c.operator_code == operator)
        .group_by(payment.c.method)
        .order_by(payment.c.method)
    )
    return {
        "shift_id": None, "operator": operator, "workstation": None, "opened_at": None, "closed_at": None,
        "float": "0.00", "counted": False, "methods": [_line(row.method, row.amount, None) for row in rows],
    }  # fmt: skip
