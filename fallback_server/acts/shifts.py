"""A cashier's shift in YJ mode: what was in the drawer, what came in, and the sheet that is handed over.

It is an interim hand-over, not the day closing: that belongs to the HIS after the upload.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import and_, func, select, update

from fallback_server.acts import charge_views, locks
from fallback_server.domain import money
from fallback_server.domain.categories import PAYMENT_METHODS
from fallback_server.domain.errors import YjError
from fallback_server.store import audit as audit_log
from fallback_server.store import cash
from fallback_server.store.session import Tx


def open_shift_id(tx: Tx) -> str | None:
    """The acting operator's open shift of the present kind (real or drill), or None: charging does not need one."""
    row = _open(tx)
    return row["id"] if row is not None and row["drill"] == tx.mode.drill else None


def start(
    tx: Tx,
    shift_id: str,
    *,
    float_amount: Decimal,
    his_cash_kept_apart: Decimal | None,
    last_his_receipt_no: str | None,
    act_in_hand: str | None,
) -> dict[str, Any]:
    """Open the acting operator's shift; raises shift_open. A shift that a drill left open ends here."""
    locks.hold(tx, f"shift:{tx.who.operator_code}")
    before = _open(tx)
    if before is not None:
        if not before["drill"] or tx.mode.drill:
            raise YjError("shift_open")
        _close(tx, before, [])
    tx.conn.execute(
        cash.shift.insert().values(
            id=shift_id,
            incident_no=tx.incident_no,
            drill=tx.mode.drill,
            operator_code=tx.who.operator_code,
            operator_name=tx.who.operator_name,
            workstation=tx.who.workstation,
            opened_at=tx.at,
            float=float_amount,
            his_cash_kept_apart=his_cash_kept_apart,
            last_his_receipt_no=last_his_receipt_no,
            act_in_hand=act_in_hand,
        )
    )
    tx.audit("shift.open", subject=shift_id, float=money.to_text(float_amount), last_his_receipt_no=last_his_receipt_no)
    return get(tx, shift_id)


def end(tx: Tx, counted: Sequence[tuple[str, Decimal]]) -> dict[str, Any]:
    """Close the acting operator's shift with what was counted; returns it with its sheet. Raises shift_missing."""
    locks.hold(tx, f"shift:{tx.who.operator_code}")
    row = _open(tx)
    if row is None:
        raise YjError("shift_missing")
    _close(tx, row, counted)
    return get(tx, row["id"])


def _close(tx: Tx, row: Mapping[str, Any], counted: Sequence[tuple[str, Decimal]]) -> None:
    sheet = make_sheet(tx, row, tx.at, counted)
    listed = [{"method": method, "amount": money.to_text(amount)} for method, amount in counted]
    tx.conn.execute(
        update(cash.shift).where(cash.shift.c.id == row["id"]).values(closed_at=tx.at, counted=listed, sheet=sheet)
    )
    tx.audit("shift.close", subject=row["id"], total=sheet["total"], difference=sheet["difference"])


def _open(tx: Tx) -> Mapping[str, Any] | None:
    table = cash.shift
    condition = and_(table.c.operator_code == tx.who.operator_code, table.c.closed_at.is_(None))
    row = tx.conn.execute(select(table).where(condition)).mappings().first()
    return dict(row) if row is not None else None


def get(tx: Tx, shift_id: str) -> dict[str, Any]:
    """A shift with its sheet: as it was signed, or as it stands while it is open. Raises not_found."""
    found = tx.conn.execute(select(cash.shift).where(cash.shift.c.id == shift_id)).mappings().first()
    if found is None:
        raise YjError("not_found")
    row = dict(found)
    return {**head(row), "sheet": row["sheet"] or make_sheet(tx, row, None, [])}


def head(row: Mapping[str, Any]) -> dict[str, Any]:
    """A shift without its sheet."""
    apart = row["his_cash_kept_apart"]
    return {
        "id": row["id"],
        "incident_no": row["incident_no"],
        "drill": row["drill"],
        "operator": {"code": row["operator_code"], "name": row["operator_name"]},
        "workstation": row["workstation"],
        "opened_at": row["opened_at"],
        "closed_at": row["closed_at"],
        "float": money.to_text(row["float"]),
        "his_cash_kept_apart": None if apart is None else money.to_text(apart),
        "last_his_receipt_no": row["last_his_receipt_no"],
        "act_in_hand": row["act_in_hand"],
        "counted": row["counted"],
        "open": row["closed_at"] is None,
    }


def make_sheet(
    tx: Tx, row: Mapping[str, Any], until: str | None, counted: Sequence[tuple[str, Decimal]]
) -> dict[str, Any]:
    """The hand-over sheet (缴款交接单).

    Cash counted is the whole drawer: float and takings, without the HIS cash kept apart.
    """
    by_method = _by_method(tx, row["id"])
    cash_due = row["float"] + by_method.get("cash", money.ZERO)
    methods = _method_rows(by_method, cash_due, dict(counted))
    sequence, digest = audit_log.head(tx.conn)
    charge, line = cash.charge, cash.charge_line
    lines = tx.conn.execute(
        select(line.c.receipt_category, line.c.amount)
        .join_from(line, charge, charge.c.id == line.c.charge_id)
        .where(charge.c.shift_id == row["id"])
    ).all()
    return {
        "shift_id": row["id"],
        "operator": {"code": row["operator_code"], "name": row["operator_name"]},
        "from": row["opened_at"],
        "to": until or tx.at,
        **_counts(tx, row),
        "receipts": _receipts(tx, row, until or tx.at),
        "by_method": methods,
        "by_category": charge_views.categories_of((found.receipt_category, found.amount) for found in lines),
        "total": money.to_text(money.total(by_method.values())),
        "float": money.to_text(row["float"]),
        "cash_due": money.to_text(cash_due),
        "difference": money.to_text(money.total(money.amount(m["difference"]) for m in methods if m["difference"])),
        "audit": {"sequence": sequence, "hash": digest},
    }


def _by_method(tx: Tx, shift_id: str) -> dict[str, Decimal]:
    charge, payment = cash.charge, cash.payment
    rows = tx.conn.execute(
        select(payment.c.method, func.sum(payment.c.amount).label("amount"))
        .join_from(payment, charge, charge.c.id == payment.c.charge_id)
        .where(charge.c.shift_id == shift_id)
        .group_by(payment.c.method)
    )
    return {row.method: row.amount for row in rows}


def _method_rows(
    by_method: Mapping[str, Decimal], cash_due: Decimal, counted: Mapping[str, Decimal]
) -> list[dict[str, str | None]]:
    order = [*PAYMENT_METHODS, *sorted({*by_method, *counted} - set(PAYMENT_METHODS))]
    rows: list[dict[str, str | None]] = []
    for method in order:
        if method not in by_method and method not in counted:
            continue
        taken = by_method.get(method, money.ZERO)
        due = cash_due if method == "cash" else taken
        seen = counted.get(method)
        rows.append(
            {
                "method": method,
                "amount": money.to_text(taken),
                "due": money.to_text(due),
                "counted": None if seen is None else money.to_text(seen),
                "difference": None if seen is None else money.to_text(seen - due),
            }
        )
    return rows


def _counts(tx: Tx, row: Mapping[str, Any]) -> dict[str, Any]:
    table = cash.charge
    rows = tx.conn.execute(select(table.c.refund_of).where(table.c.shift_id == row["id"])).all()
    outside = select(func.count()).where(
        table.c.operator_code == row["operator_code"],
        table.c.incident_no == row["incident_no"],
        table.c.shift_id.is_(None),
    )
    return {
        "charges": sum(1 for found in rows if found.refund_of is None),
        "refunds": sum(1 for found in rows if found.refund_of is not None),
        "outside_shift": int(tx.conn.execute(outside).scalar_one()),  # charged without an open shift
    }


def _receipts(tx: Tx, row: Mapping[str, Any], until: str) -> dict[str, Any]:
    """Numbers by fate. Numbers missing between the first and the last one of a book would be a gap nobody explained."""
    table, event, book = cash.receipt_number, cash.receipt_event, cash.receipt_book
    mine = select(table, book.c.source).join_from(table, book, book.c.id == table.c.book_id)
    rows = tx.conn.execute(
        mine.where(
            table.c.operator_code == row["operator_code"],
            table.c.at.between(row["opened_at"], until),
            (book.c.source == "drill") == row["drill"],
        ).order_by(table.c.prefix, table.c.number)
    ).mappings()
    found = [dict(number) for number in rows]
    voided = tx.conn.execute(
        select(event.c.numbers, event.c.reason, event.c.kind, event.c.new_receipt_no)
        .where(
            event.c.operator_code == row["operator_code"],
            event.c.created_at.between(row["opened_at"], until),
            event.c.drill == row["drill"],
        )
        .order_by(event.c.id)
    ).mappings()
    return {
        "from": found[0]["receipt_no"] if found else None,
        "to": found[-1]["receipt_no"] if found else None,
        "used": _ranges([number for number in found if number["state"] == "used"]),
        "void": [
            {
                "receipt_no": number,
                "reason": one["reason"],
                "kind": one["kind"],
                "new_receipt_no": one["new_receipt_no"],
            }
            for one in voided
            for number in one["numbers"]
        ],
        "unknown": _ranges([number for number in found if number["state"] == "unknown"]),
        "missing": _missing(tx, found),
    }


def _ranges(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Unbroken runs as `{from, to, count}`."""
    runs: list[dict[str, Any]] = []
    last: tuple[str, int] | None = None
    for row in rows:
        if last == (row["prefix"], row["number"] - 1):
            runs[-1] |= {"to": row["receipt_no"], "count": runs[-1]["count"] + 1}
        else:
            runs.append({"from": row["receipt_no"], "to": row["receipt_no"], "count": 1})
        last = (row["prefix"], row["number"])
    return runs


def _missing(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    spans: dict[int, list[int]] = defaultdict(list)
    for row in rows:
        spans[row["book_id"]].append(row["number"])
    table, missing = cash.receipt_number, []
    for book_id, numbers in spans.items():
        low, high = min(numbers), max(numbers)
        book = tx.conn.execute(select(cash.receipt_book).where(cash.receipt_book.c.id == book_id)).mappings().one()
        known = tx.conn.execute(
            select(table.c.number).where(table.c.prefix == book["prefix"], table.c.number.between(low, high))
        )
        have = {row.number for row in known}
        missing += [f"{book['prefix']}{n:0{book['width']}d}" for n in range(low, high + 1) if n not in have]
    return missing
