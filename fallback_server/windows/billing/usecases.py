"""What the billing window does: charge, refund, print, and the wish for a refund in the HIS."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from fallback_server.acts import billables, charges, locks, prints, refunds, registrations, shifts
from fallback_server.acts.documents import adopt_incident, charge_row, require_kind, require_ours
from fallback_server.acts.payments import GivenBack, PaymentIn
from fallback_server.domain.errors import YjError
from fallback_server.domain.policy import Policy
from fallback_server.store import visits
from fallback_server.store.session import Tx
from fallback_server.windows.billing import queries


def charge(
    tx: Tx,
    policy: Policy,
    charge_id: str,
    wanted: queries.Wanted,
    *,
    payments: Sequence[PaymentIn],
    expected_total: Decimal,
    receipt_no: str | None,
) -> dict[str, Any]:
    """Take the money for everything wanted, in one document; see acts.charges.write."""
    # Held before they are read: a cancellation at another window must see the payment, or the payment the cancellation.
    names = [billables.hold_names("prescription", _id) for _id in wanted.prescription_ids]
    names += [billables.hold_names("order", _id) for _id in wanted.order_ids]
    names += [registrations.hold_name(wanted.registration_id)] if wanted.registration_id else []
    locks.hold(tx, *names)
    basket = queries.basket(tx, wanted)
    return charges.write(
        tx,
        policy,
        charge_id=charge_id,
        kind="outpatient",
        patient=basket.patient,
        visit_ref=basket.visit_ref,
        department_code=basket.department_code,
        lines=basket.lines,
        payments=payments,
        receipt_no=receipt_no,
        settles=basket.settles,
        expected_total=expected_total,
    )


def refund(
    tx: Tx,
    policy: Policy,
    refund_id: str,
    charge_id: str,
    *,
    lines: Sequence[tuple[str, int]] | None,
    payments: Sequence[GivenBack] | None,
    reason: str,
) -> dict[str, Any]:
    """Give money back; see acts.refunds.write. Raises registration_fee_refund too."""
    _refuse_registration_fee(tx, charge_id)
    return refunds.write(
        tx, policy, refund_id=refund_id, charge_id=charge_id, lines=lines, payments=payments, reason=reason,
        approver_code=tx.who.approver_code,
    )  # fmt: skip


def preview_refund(
    tx: Tx,
    policy: Policy,
    charge_id: str,
    *,
    lines: Sequence[tuple[str, int]] | None,
    payments: Sequence[GivenBack] | None,
) -> dict[str, Any]:
    """What a refund would come to, without writing."""
    _refuse_registration_fee(tx, charge_id)
    return refunds.preview(tx, policy, charge_id, lines, payments)


def _refuse_registration_fee(tx: Tx, charge_id: str) -> None:
    """A visit whose fee is back in the patient's pocket would still hold its number: only cancelling gives it back."""
    row = require_ours(tx, charge_id)
    if row["kind"] == "registration" and row["refund_of"] is None:
        raise YjError("registration_fee_refund")


def print_charge(tx: Tx, policy: Policy, charge_id: str) -> dict[str, Any]:
    """Count a copy of a receipt or refund slip and hand out what is printed on it."""
    row = charge_row(tx, charge_id)
    require_kind(tx, row)
    adopt_incident(tx, row["incident_no"])
    return {
        **prints.record(tx, charge_id, "refund" if row["refund_of"] else "receipt"),
        **queries.print_model(tx, policy, charge_id),
    }


def print_shift(tx: Tx, shift_id: str) -> dict[str, Any]:
    """Count a copy of a hand-over sheet."""
    shift = shifts.get(tx, shift_id)
    adopt_incident(tx, shift["incident_no"])
    return prints.record(tx, shift_id, "shift")


def wish_refund(tx: Tx, reference: str, reason: str) -> dict[str, Any]:
    """Keep what a patient asked for and only the HIS can do."""
    row = {
        "incident_no": tx.incident_no,
        "at": tx.at,
        "operator_code": tx.who.operator_code,
        "charge_id": reference,
        "reason": reason,
        "done_at": None,
    }
    statement = visits.refund_wish.insert().values(**row).returning(visits.refund_wish.c.id)
    wish_id = int(tx.conn.execute(statement).scalar_one())
    tx.audit("refund.wish", subject=reference)
    return queries.wish_view({"id": wish_id, **row})
