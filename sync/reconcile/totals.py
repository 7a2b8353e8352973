"""Our side of the account: charges and refunds with their sums, cashier by cashier, and the receipt numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, select

from fallback_server.domain import money
from fallback_server.store.cash import charge, charge_line, payment, receipt_book, receipt_number
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
        select(charge, outbox.c.state, outbox.c.central_key, receipt_number.c.receipt_no)
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
            row.refund_of, row.state or "missing", row.central_key,
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


@dataclass
class Numbers:
    """The receipt numbers of one cashier: used + void + unknown + missing = the range touched."""

    first: str | None = None
    last: str | None = None
    used: int = 0
    void: int = 0
    unknown: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def shown(self) -> dict[str, Any]:
        """As the contract names them."""
        return {
            "from": self.first, "to": self.last, "used": self.used, "void": self.void,
            "unknown": len(self.unknown), "missing": len(self.missing),
            "unknown_numbers": self.unknown, "missing_numbers": self.missing,
        }  # fmt: skip


def receipt_numbers(conn: Connection, incident_no: int) -> dict[str, Numbers]:
    """By the operator who holds the book: states of the numbers this incident touched, and gaps between them."""
    books = conn.execute(
        select(
            receipt_book,
            func.min(receipt_number.c.number).label("low"),
            func.max(receipt_number.c.number).label("high"),
        )
        .join(receipt_number, receipt_number.c.book_id == receipt_book.c.id)
        .where(receipt_number.c.incident_no == incident_no, receipt_book.c.source != "drill")
        .group_by(*receipt_book.c)
        .order_by(receipt_book.c.id)
    ).all()
    found: dict[str, Numbers] = {}
    for book in books:
        numbers = found.setdefault(book.operator_code, Numbers())
        states = {
            row.number: row
            for row in conn.execute(
                select(receipt_number.c.number, receipt_number.c.state, receipt_number.c.receipt_no).where(
                    receipt_number.c.book_id == book.id, receipt_number.c.number.between(book.low, book.high)
                )
            )
        }
        numbers.first = numbers.first or states[book.low].receipt_no
        numbers.last = states[book.high].receipt_no
        for number in range(book.low, book.high + 1):
            row = states.get(number)
            if row is None:
                numbers.missing.append(f"{book.prefix}{number:0{book.width}d}")
            elif row.state == "unknown":
                numbers.unknown.append(row.receipt_no)
            else:
                numbers.used += row.state == "used"
                numbers.void += row.state == "void"
    return found
