"""An account as people read it: the stored report with the incident around it, names, and sums over all cashiers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import func, select

from fallback_server.domain import money
from fallback_server.domain.categories import PAYMENT_METHODS, RECEIPT_CATEGORIES
from fallback_server.store import sign_off
from fallback_server.store.cash import charge, payment, receipt_number
from fallback_server.store.mode_switch import incident_row
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Tx

Sums = Mapping[str, str]
NO_POSTING: Final[dict[str, Any]] = {"asked": False, "closings": [], "not_yet": [], "closed_period": []}


def sheet(tx: Tx, incident_no: int) -> dict[str, Any]:
    """The newest account of an incident, ready to be shown, printed or written into a workbook.

    The contract's report with `cause`, `reason`, `period`, `by_method` and `by_category` over all cashiers (each line
    `{code, local, central, difference}`), the `sums` of the tables, the cashiers' names, and the counts of documents.
    Before the first account `at` is None, the sums are zero and the lists empty. `closing_of` says by our number which
    day closing took a charge. Raises incident_not_found.
    """
    row = incident_row(tx.conn, incident_no)
    report = sign_off.current_report(tx.conn, incident_no)
    names = _names(tx, incident_no)
    shown = report or _nothing(incident_no)
    cashiers = [_cashier(one, names) for one in shown["cashiers"]]
    posting = shown.get("posting") or NO_POSTING
    by_method = _over_all(cashiers, "methods", PAYMENT_METHODS)
    by_category = _over_all(cashiers, "categories", RECEIPT_CATEGORIES)
    windows = [
        {**one, "name": names.get(one["operator"], ""), "difference": _apart(one)} for one in shown.get("windows") or ()
    ]
    return {
        **{name: [] for name in ("layers", "windows", "books", "cash")},
        **shown,
        "posting": posting,
        "closing_of": closing_of(posting),
        "windows": windows,
        **{name: row[name] for name in ("cause", "reason", "drill", "state", "opened_at", "ended_at", "closed_at")},
        "period": _period(tx, row),
        "cashiers": cashiers,
        "by_method": by_method,
        "by_category": by_category,
        "sums": {
            "cashiers": _added(cashiers),
            "by_method": _added(by_method),
            "by_category": _added(by_category),
            "windows": _added(windows, "ledger"),
        },
        "documents": _documents(tx, incident_no),
        "late": _late(tx, incident_no),
    }


def _nothing(incident_no: int) -> dict[str, Any]:
    zero = {"local": "0.00", "ledger": "0.00", "central": "0.00"}
    return {
        "incident_no": incident_no, "balanced": False, "totals": zero, "cashiers": [], "differences": [],
        "signatures": [], "at": None, "report_hash": None, "reconciliation_id": None,
        "reopened": False,
    }  # fmt: skip


def closing_of(posting: Mapping[str, Any]) -> dict[str, str]:
    """Our number → day and number of the closing that took it, or the day it is posted to and a question mark."""
    found = {no: f"{one['closing_date']} #{one['closing_no']}" for one in posting["closings"] for no in one["yj_nos"]}
    return found | {no: f"{one['posting_date']} ?" for one in posting["not_yet"] for no in one["yj_nos"]}


def _apart(one: Mapping[str, Any]) -> str:
    return money.to_text(Decimal(one["local"]) - Decimal(one["central"]))


def _cashier(one: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        **one,
        "name": names.get(one["operator"], ""),
        "methods": _sides(one["by_method"], one.get("central_by_method", {}), PAYMENT_METHODS),
        "categories": _sides(one["by_category"], one.get("central_by_category", {}), RECEIPT_CATEGORIES),
    }


def _sides(local: Sums, central: Sums, order: Iterable[str]) -> list[dict[str, str]]:
    """Both sides of each sum, in the usual order, what nobody foresaw last."""
    known = list(order)
    codes = sorted({*local, *central}, key=lambda code: (known.index(code) if code in known else len(known), code))
    return [_line(code, Decimal(local.get(code, "0")), Decimal(central.get(code, "0"))) for code in codes]


def _line(code: str, local: Decimal, central: Decimal) -> dict[str, str]:
    sums = {"local": local, "central": central, "difference": local - central}
    return {"code": code, **{name: money.to_text(value) for name, value in sums.items()}}


def _over_all(cashiers: Iterable[Mapping[str, Any]], which: str, order: Iterable[str]) -> list[dict[str, str]]:
    """The sums of all cashiers together."""
    local: dict[str, Decimal] = {}
    central: dict[str, Decimal] = {}
    for one in cashiers:
        for line in one[which]:
            local[line["code"]] = local.get(line["code"], money.ZERO) + Decimal(line["local"])
            central[line["code"]] = central.get(line["code"], money.ZERO) + Decimal(line["central"])
    ours, theirs = ({code: money.to_text(value) for code, value in side.items()} for side in (local, central))
    return _sides(ours, theirs, order)


def _added(lines: Iterable[Mapping[str, Any]], *more: str) -> dict[str, str | None]:
    """What stands under the columns of money; None under one that a line says nothing in."""
    lines = list(lines)
    return {
        side: None if any(one.get(side) is None for one in lines)
        else money.to_text(sum((Decimal(one[side]) for one in lines), money.ZERO))
        for side in ("local", "central", "difference", *more)
    }  # fmt: skip


def _names(tx: Tx, incident_no: int) -> dict[str, str]:
    rows = tx.conn.execute(
        select(charge.c.operator_code, func.max(charge.c.operator_name).label("name"))
        .where(charge.c.incident_no == incident_no)
        .group_by(charge.c.operator_code)
    )
    return {row.operator_code: row.name for row in rows}


def _period(tx: Tx, row: Mapping[str, Any]) -> dict[str, str | None]:
    """From the switch-on to the switch-off, and the first and the last document in it."""
    found = tx.conn.execute(
        select(func.min(outbox.c.created_at).label("first"), func.max(outbox.c.created_at).label("last")).where(
            outbox.c.incident_no == row["incident_no"]
        )
    ).one()
    return {
        "from": row["opened_at"], "to": row["ended_at"], "first_document": found.first, "last_document": found.last,
    }  # fmt: skip


def _documents(tx: Tx, incident_no: int) -> dict[str, int]:
    rows = tx.conn.execute(
        select(outbox.c.entity, func.count().label("n"))
        .where(outbox.c.incident_no == incident_no)
        .group_by(outbox.c.entity)
        .order_by(outbox.c.entity)
    )
    return {row.entity: row.n for row in rows}


def _late(tx: Tx, incident_no: int) -> list[dict[str, Any]]:
    """Windows that made documents in the grace of the return, with how many."""
    rows = tx.conn.execute(
        select(charge.c.workstation, func.count().label("n"), func.max(charge.c.created_at).label("last"))
        .where(charge.c.incident_no == incident_no, charge.c.late.is_(True))
        .group_by(charge.c.workstation)
        .order_by(charge.c.workstation)
    )
    return [{"workstation": row.workstation, "n": row.n, "last": row.last} for row in rows]


def takings(tx: Tx, incident_no: int, operator_code: str) -> list[dict[str, Any]]:
    """Every charge and refund of a cashier in this incident, in order, without the patients' names (P12)."""
    wanted = (charge.c.incident_no == incident_no, charge.c.operator_code == operator_code)
    numbers = receipt_number
    rows = tx.conn.execute(
        select(charge, outbox.c.state, outbox.c.central_key, numbers.c.receipt_no)
        .select_from(
            charge.outerjoin(outbox, outbox.c.yj_id == charge.c.id).outerjoin(
                numbers, (numbers.c.charge_id == charge.c.id) & (numbers.c.state == "used")
            )
        )
        .where(*wanted)
        .order_by(charge.c.created_at, charge.c.id)
    ).mappings()
    paid: dict[str, dict[str, Decimal]] = {}
    payments = select(payment.c.charge_id, payment.c.method, payment.c.amount).join(
        charge, charge.c.id == payment.c.charge_id
    )
    for one in tx.conn.execute(payments.where(*wanted).order_by(payment.c.charge_id, payment.c.payment_no)):
        sums = paid.setdefault(one.charge_id, {})
        sums[one.method] = sums.get(one.method, money.ZERO) + one.amount  # one method may stand there twice
    return [
        {
            "id": row["id"], "yj_no": row["yj_no"], "at": row["created_at"], "refund": row["refund_of"] is not None,
            "kind": row["kind"], "receipt_no": row["receipt_no"], "total": money.to_text(row["total"]),
            "payments": {method: money.to_text(sum_) for method, sum_ in paid.get(row["id"], {}).items()},
            "state": row["state"], "central_key": row["central_key"],
            "workstation": row["workstation"], "reason": row["reason"],
        }
        for row in rows
    ]  # fmt: skip
