"""What the pharmacy does: print, hand over, take back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fallback_server.acts import handovers, prescriptions, prints
from fallback_server.domain.policy import Policy
from fallback_server.store.session import Tx
from fallback_server.windows.pharmacy import queries


def print_prescription(tx: Tx, policy: Policy, prescription_id: str) -> dict[str, Any]:
    """Count a copy of a prescription and hand out what is printed on it."""
    prescription = prescriptions.get(tx, prescription_id)
    handovers.admit(tx, prescription)
    return {**prints.record(tx, prescription.id, "prescription"), **queries.print_model(tx, policy, prescription)}


def hand_over(
    tx: Tx, handover_id: str, prescription_id: str, line_ids: Sequence[str] | None, checked_by: str
) -> dict[str, Any]:
    """Record that drugs were given out; see acts.handovers.hand_over."""
    handovers.hold(tx, prescription_id)
    return handovers.hand_over(tx, handover_id, prescriptions.get(tx, prescription_id), line_ids, checked_by)


def take_back(
    tx: Tx, handover_id: str, prescription_id: str, lines: Sequence[tuple[str, int | None]] | None, reason: str
) -> dict[str, Any]:
    """Record that drugs came back; see acts.handovers.take_back."""
    handovers.hold(tx, prescription_id)
    return handovers.take_back(tx, handover_id, prescriptions.get(tx, prescription_id), lines, reason)
