"""Cancelling what has not been paid."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from fallback_server.acts import billables, locks, masters, open_work, rendering
from fallback_server.acts.billables import ORDERS, PRESCRIPTIONS, Shelf
from fallback_server.acts.views import Billable
from fallback_server.domain.documents import Document
from fallback_server.domain.errors import YjError
from fallback_server.store.session import Tx


def cancel_prescription(tx: Tx, key: str, prescription_id: str, reason: str) -> dict[str, Any]:
    """Cancel an unpaid prescription of ours; a cashier only what was keyed in from paper.

    Raises prescription_not_found, not_yj_document, already_cancelled, already_paid, forbidden, out_of_scope.
    """
    view = _cancellable(tx, PRESCRIPTIONS, prescription_id)
    if "doctor" not in tx.who.roles and not view.paper:
        raise YjError("forbidden", roles="doctor")
    return _cancel(tx, PRESCRIPTIONS, key, view, reason)


def cancel_order(tx: Tx, key: str, order_id: str, reason: str) -> dict[str, Any]:
    """Cancel an unpaid order of ours. Raises as `cancel_prescription` does, with order_not_found."""
    return _cancel(tx, ORDERS, key, _cancellable(tx, ORDERS, order_id), reason)


def _cancellable(tx: Tx, shelf: Shelf, billable_id: str) -> Billable:
    # A charge holds the same name: whoever comes second sees what the first has written.
    locks.hold(tx, billables.hold_names(shelf.entity, billable_id))
    view = billables.get(tx, shelf, billable_id)
    open_work.require_ours(view.origin)
    open_work.require_usable(tx, view.origin, view.drill, view.incident_no)
    if view.status == "cancelled":
        raise YjError("already_cancelled")
    if view.status != "unpaid":
        raise YjError("already_paid", number=view.number)
    masters.require_in_scope(tx, view.department_code)
    return view


def _cancel(tx: Tx, shelf: Shelf, key: str, view: Billable, reason: str) -> dict[str, Any]:
    tx.conn.execute(update(shelf.table).where(shelf.table.c.id == view.id).values(cancelled_at=tx.at))
    yj_no = tx.take_yj_no()
    tx.enqueue(
        Document(
            yj_id=key,
            entity=f"{shelf.entity}_cancel",
            yj_no=yj_no,
            chain=view.patient_id,
            body={"reason": reason},
            refs={shelf.entity: view.ref},
        )
    )
    tx.audit(f"{shelf.entity}.cancel", subject=view.id, yj_no=yj_no, reason=reason)
    return {**rendering.billable(billables.get(tx, shelf, view.id), None), "yj_no": yj_no}
