"""The receipt of a charge: its present number, and a new one after a paper jam."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select, update

from fallback_server.acts import locks, receipt_books, receipt_paper
from fallback_server.acts.documents import require_ours
from fallback_server.domain.errors import YjError
from fallback_server.domain.policy import Policy
from fallback_server.store import cash
from fallback_server.store.session import Tx


def present(tx: Tx, charge_ids: Iterable[str]) -> dict[str, str]:
    """Charge → the number on the receipt the patient holds. Charges without a receipt are left out."""
    table = cash.receipt_number
    rows = tx.conn.execute(
        select(table.c.charge_id, table.c.receipt_no).where(
            table.c.charge_id.in_(list(charge_ids)), table.c.state == "used"
        )
    )
    return {row.charge_id: row.receipt_no for row in rows}


def reissue(
    tx: Tx, policy: Policy, event_id: str, charge_id: str, reason: str, expected: str | None = None
) -> dict[str, Any]:
    """The paper jammed: the present number becomes void with the reason, the next one is the charge's.

    Writes a receipt_event document. Raises charge_not_found, pre_outage_charge, no_receipt, and what taking a number
    raises.
    """
    receipt_books.require_preprinted(policy)
    locks.hold(tx, f"charge:{charge_id}")
    charge = require_ours(tx, charge_id)
    table = cash.receipt_number
    old = (
        tx.conn.execute(select(table).where(table.c.charge_id == charge_id, table.c.state == "used")).mappings().first()
    )
    if old is None:
        raise YjError("no_receipt")
    sheet = receipt_books.take(tx, expected)
    tx.conn.execute(
        update(table)
        .where(table.c.prefix == old["prefix"], table.c.number == old["number"])
        .values(state="void", reason=reason)
    )
    receipt_books.mark_used(tx, sheet, charge_id)
    yj_no = receipt_paper.write_event(
        tx, event_id, kind="reissue", numbers=[old["receipt_no"]], reason=reason,
        book_operator_code=old["operator_code"], charge_id=charge_id,
        chain=charge["patient_id"] or charge_id, new_receipt_no=sheet.receipt_no,
    )  # fmt: skip
    papers: dict[str, Any] = {"before": {"receipt_no": old["receipt_no"]}, "after": {"receipt_no": sheet.receipt_no}}
    tx.audit("receipt.reissue", subject=charge_id, reason=reason, **papers)
    return {
        "id": event_id,
        "yj_no": yj_no,
        "charge_id": charge_id,
        "void_receipt_no": old["receipt_no"],
        "receipt_no": sheet.receipt_no,
    }
