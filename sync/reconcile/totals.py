"""Our side of the account: charges and refunds with their sums, cashier by cashier."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from fallback_server.domain import money
from fallback_server.store.cash import charge, charge_line, payment, receipt_number
from fallback_server.store.conflicts import overrides
from fallback_server.store.outbox import outbox

CHUNK = 500
Sums = dict[str, Decimal]


def no_sums() -> Sums:
    """Sums that start from zero."""
    return defaultdict(lambda: money.ZERO)


@dataclass
class LocalCharge:
    """One charge or refund of ours with what the centre must show for it."""

    id: str
    yj_no: str
    operator: str
    total: Decimal
    receipt_no: str | None  # the present number, after reissues and decisions; None for refunds
    original_id: str | None
    state: str
    central_key: str | None
    business_date: str = ""
    payload: dict[str, Any] = field(default_factory=dict)  # as it was frozen
    by_method: Sums = field(default_factory=no_sums)
    by_category: Sums = field(default_factory=no_sums)

    def shown(self) -> dict[str, Any]:
        """Our version, for the list of differences."""
        return {
            "yj_no": self.yj_no, "operator": self.operator, "total": money.to_text(self.total),
            "receipt_no": self.receipt_no, "state": self.state,
        }  # fmt: skip


@dataclass
class Drawer:
    """The sums of one cashier, on both sides."""

    local: Decimal = money.ZERO
    central: Decimal = money.ZERO
    by_method: Sums = field(default_factory=no_sums)
    by_category: Sums = field(default_factory=no_sums)
    central_by_method: Sums = field(default_factory=no_sums)
    central_by_category: Sums = field(default_factory=no_sums)


Drawers = dict[str, Drawer]


def local_charges(conn: Connection, incident_no: int) -> Iterator[list[LocalCharge]]:
    """All charges and refunds of the incident in the order of their ids, CHUNK at a time."""
    last = ""
    while True:
        rows = conn.execute(
            select(charge.c.id)
            .where(charge.c.incident_no == incident_no, charge.c.id > last, ~charge.c.drill)
            .order_by(charge.c.id)
            .limit(CHUNK)
        ).scalars()
        ids = list(rows)
        if not ids:
            return
        yield list(load_charges(conn, ids).values())
        last = ids[-1]


def load_charges(conn: Connection, ids: Sequence[str]) -> dict[str, LocalCharge]:
    """These charges by id, with lines and payments summed."""
    rows = conn.execute(
        select(charge, outbox.c.state, outbox.c.central_key, outbox.c.payload, receipt_number.c.receipt_no)
        .select_from(
            charge.outerjoin(outbox, outbox.c.yj_id == charge.c.id).outerjoin(
                receipt_number, (receipt_number.c.charge_id == charge.c.id) & (receipt_number.c.state == "used")
            )
        )
        .where(charge.c.id.in_(ids))
        .order_by(charge.c.id)
    )
    without = {yj_id for yj_id, changed in overrides(conn, ids).items() if "receipt_no" in changed}
    found = {
        row.id: LocalCharge(
            row.id, row.yj_no, row.operator_code, row.total,
            None if row.id in without or row.refund_of else row.receipt_no,
            row.refund_of, row.state or "missing", row.central_key, row.business_date,
            json.loads(row.payload) if row.payload else {},
        )
        for row in rows
    }  # fmt: skip
    for line in conn.execute(
        select(charge_line.c.charge_id, charge_line.c.receipt_category, charge_line.c.amount).where(
            charge_line.c.charge_id.in_(ids)
        )
    ):
        found[line.charge_id].by_category[line.receipt_category] += line.amount
    for paid in conn.execute(
        select(payment.c.charge_id, payment.c.method, payment.c.amount).where(payment.c.charge_id.in_(ids))
    ):
        found[paid.charge_id].by_method[paid.method] += paid.amount
    return found


def add_local(drawers: Drawers, own: LocalCharge) -> None:
    """Count a charge of ours in its cashier's drawer."""
    drawer = drawers.setdefault(own.operator, Drawer())
    drawer.local += own.total
    _add(drawer.by_method, own.by_method)
    _add(drawer.by_category, own.by_category)


def add_central(drawers: Drawers, operator: str, total: Decimal, by_method: Sums, by_category: Sums) -> None:
    """Count a YJ row of the centre in the drawer of the operator it shows."""
    drawer = drawers.setdefault(operator, Drawer())
    drawer.central += total
    _add(drawer.central_by_method, by_method)
    _add(drawer.central_by_category, by_category)


def _add(into: Sums, more: Sums) -> None:
    for name, value in more.items():
        into[name] += value


def texts(sums: Sums) -> dict[str, str]:
    """Sums as they are shown, names in order, zeros left out."""
    return {name: money.to_text(value) for name, value in sorted(sums.items()) if value}
