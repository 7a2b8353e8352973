"""Orders (检查检验治疗申请): asked what they would cost and be warned of, written, printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fallback_server.acts import handovers, locks, masters, orders, prints, registrations, rendering
from fallback_server.domain import money
from fallback_server.domain.policy import Policy
from fallback_server.store import visits
from fallback_server.store.session import Tx
from fallback_server.windows.doctor import queries, rules
from fallback_server.windows.doctor.usecases import documents
from fallback_server.windows.doctor.usecases.documents import Head, NewLine


def order(
    tx: Tx, key: str, registration_id: str, lines: Sequence[NewLine], acknowledged: Sequence[str] = ()
) -> dict[str, Any]:
    """Write an order at the mirror's prices; `acknowledged` as in `prescribe`.

    Raises registration_not_found, registration_cancelled, out_of_scope, not_prescriber, unknown_fee_item, inactive,
    invalid_request, and the refusals of drills and closed incidents.
    """
    locks.hold(tx, registrations.hold_name(registration_id))
    head, rows = _ready(tx, key, registration_id, lines)
    warnings = _warnings(tx, head, rows)
    total = documents.checked_total(rows)
    body = {"department_code": head.visit.department_code, "staff_code": head.doctor["staff_code"]}
    yj_no = tx.take_yj_no()
    tx.conn.execute(
        visits.order.insert().values(
            **documents.document_columns(tx, key, yj_no, head), **body, staff_name=head.doctor["name"], total=total
        )
    )
    tx.conn.execute(visits.order_line.insert(), [{**row, "order_id": key} for row in rows])
    documents.enqueue(tx, "order", key, yj_no, head, {**body, "total": money.to_text(total)}, rows)
    tx.audit(
        "order.create", subject=key, yj_no=yj_no, total=money.to_text(total), **documents.warned(warnings, acknowledged)
    )
    return {**rendering.billable(orders.get(tx, key), None), "warnings": warnings}


def quote_order(tx: Tx, key: str, registration_id: str, lines: Sequence[NewLine]) -> dict[str, Any]:
    """What an order would cost and be warned of; writes nothing. Raises what `order` raises."""
    head, rows = _ready(tx, key, registration_id, lines)
    return {
        "total": money.to_text(documents.checked_total(rows)),
        "lines": [documents.priced(row["unit_price"], row["amount"]) for row in rows],
        "warnings": _warnings(tx, head, rows),
    }


def print_order(tx: Tx, policy: Policy, order_id: str) -> dict[str, Any]:
    """Count a copy of an order and hand out what is printed on it. Raises order_not_found and what `admit` raises."""
    view = orders.get(tx, order_id)
    handovers.admit(tx, view)
    return {**prints.record(tx, view.id, "order"), **queries.order_form(tx, policy, view)}


def _ready(tx: Tx, key: str, registration_id: str, lines: Sequence[NewLine]) -> tuple[Head, list[dict[str, Any]]]:
    head = documents.head_of(tx, registration_id, queries.acting_doctor(tx))
    items = [masters.require(tx, "fee_item", line.code) for line in lines]
    rows = [
        {
            **documents.line_row(key, number, item, lines[number - 1].quantity),
            "item_code": item["item_code"],
            "receipt_category": item["receipt_category"],
            "exec_department_code": item["exec_department_code"],
        }
        for number, item in enumerate(items, start=1)
    ]
    return head, rows


def _warnings(tx: Tx, head: Head, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    written = documents.live(orders.of_registration(tx, head.visit.id))
    earlier = [line.item_code for other in written for line in other.lines]
    return rules.repeated_items([(row["line_no"], row["item_code"], row["name"]) for row in rows], earlier)
