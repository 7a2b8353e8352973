"""What becomes of a registration once sold: cancelled with its fee given back, or sent to another department."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from fallback_server.acts import (
    charges,
    locks,
    masters,
    open_work,
    orders,
    prescriptions,
    queue,
    refunds,
    registrations,
)
from fallback_server.acts.views import VisitView
from fallback_server.domain.documents import Document
from fallback_server.domain.errors import YjError
from fallback_server.domain.numbers import child_ulid
from fallback_server.domain.policy import Policy
from fallback_server.store import visits
from fallback_server.store.session import Tx


def fee_charge_id(registration_id: str) -> str:
    """The charge made by the act of registering."""
    return child_ulid(registration_id, "charge")


def cancel(tx: Tx, policy: Policy, key: str, registration_id: str, reason: str) -> tuple[str, dict[str, Any] | None]:
    """Cancel a visit (退号): its fee is given back, its number is free again. Returns the YJ number and the refund.

    Nothing may have come of it: no prescription or order in force, no charge, not seen.

    Raises not_yj_document, already_cancelled, registration_in_use, out_of_scope and what a refund raises.
    """
    view = _ours(tx, registration_id)
    _refuse_in_use(tx, view)
    refund = _give_back(tx, policy, key, view.id, reason)
    tx.conn.execute(update(visits.registration).where(visits.registration.c.id == view.id).values(cancelled_at=tx.at))
    yj_no = tx.take_yj_no()
    _write_change(tx, key, yj_no, view, "cancel", reason)
    tx.enqueue(
        Document(
            yj_id=key,
            entity="registration_cancel",
            yj_no=yj_no,
            chain=view.patient_id,
            body={"reason": reason},
            refs={"registration": view.ref},
        )
    )
    tx.audit("registration.cancel", subject=view.id, yj_no=yj_no, reason=reason)
    return yj_no, refund


def transfer(tx: Tx, key: str, registration_id: str, department_code: str, staff_code: str | None, reason: str) -> str:
    """Send a visit to another department (转科); the slip stays as printed, the place in the queue moves.

    Returns the YJ number. Raises not_yj_document, registration_cancelled, out_of_scope for either department,
    unknown_…, inactive.
    """
    view = _ours(tx, registration_id, cancelled="registration_cancelled")
    department = registrations.selling_department(tx, department_code)
    masters.require_in_scope(tx, department_code)
    if staff_code is not None:
        masters.require(tx, "staff", staff_code)
    yj_no = tx.take_yj_no()
    _write_change(tx, key, yj_no, view, "transfer", reason, department, staff_code)
    # Whoever was called or seen next door waits anew; who is paused stays so until the nurse there resumes him.
    status = view.status if view.status in ("paused", "waiting") else "waiting"
    queue.move(tx, view, status, department_code=department_code, staff_code=staff_code, keep_staff=False)
    tx.enqueue(
        Document(
            yj_id=key,
            entity="registration_transfer",
            yj_no=yj_no,
            chain=view.patient_id,
            body={
                "from_department_code": view.department_code,
                "department_code": department_code,
                "staff_code": staff_code,
                "reason": reason,
            },
            refs={"registration": view.ref},
        )
    )
    moved: dict[str, Any] = {"before": {"department": view.department_code}, "after": {"department": department_code}}
    tx.audit("registration.transfer", subject=view.id, yj_no=yj_no, reason=reason, **moved)
    return yj_no


def _ours(tx: Tx, registration_id: str, cancelled: str = "already_cancelled") -> VisitView:
    """The visit, ours, held still, in scope and not cancelled."""
    locks.hold(tx, registrations.hold_name(registration_id))
    view = registrations.get(tx, registration_id)
    open_work.require_ours(view.origin)
    open_work.require_usable(tx, view.origin, view.drill, view.incident_no)
    if view.cancelled:
        raise YjError(cancelled)
    masters.require_in_scope(tx, view.department_code)
    return view


def _refuse_in_use(tx: Tx, view: VisitView) -> None:
    written = [*prescriptions.of_registration(tx, view.id), *orders.of_registration(tx, view.id)]
    live = any(document.status not in ("cancelled", "refunded") for document in written)
    if view.status == "seen" or live or _charged(tx, view.id):
        raise YjError("registration_in_use")


def _charged(tx: Tx, registration_id: str) -> bool:
    """Whether anything but the registration fee was charged on the visit and not wholly given back."""
    return any(
        rest.quantity > 0
        for charge in charges.of_registration(tx, registration_id)
        if charge["id"] != fee_charge_id(registration_id) and charge.get("refund_of") is None
        for rest in refunds.remainders(tx, charge["id"])
    )


def _give_back(tx: Tx, policy: Policy, key: str, registration_id: str, reason: str) -> dict[str, Any] | None:
    charge_id = fee_charge_id(registration_id)
    if not any(rest.quantity > 0 for rest in refunds.remainders(tx, charge_id)):
        return None
    return refunds.write(
        tx,
        policy,
        refund_id=child_ulid(key, "refund"),
        charge_id=charge_id,
        lines=None,
        payments=None,
        reason=reason,
        approver_code=tx.who.approver_code,
    )


def _write_change(
    tx: Tx,
    key: str,
    yj_no: str,
    view: VisitView,
    kind: str,
    reason: str,
    department: dict[str, Any] | None = None,
    staff_code: str | None = None,
) -> None:
    tx.conn.execute(
        visits.registration_change.insert().values(
            **tx.document_row(key, yj_no),
            registration_id=view.id,
            kind=kind,
            from_department_code=view.department_code,
            department_code=department["department_code"] if department else None,
            department_name=department["name"] if department else None,
            staff_code=staff_code,
            reason=reason,
        )
    )
