"""Prescriptions, ours and the centre's open ones."""

from __future__ import annotations

import builtins

from fallback_server.acts import billables
from fallback_server.acts.billables import PRESCRIPTIONS, Filter
from fallback_server.acts.views import Billable
from fallback_server.store.session import Tx


def get(tx: Tx, prescription_id: str) -> Billable:
    """One prescription with its lines; raises prescription_not_found."""
    return billables.get(tx, PRESCRIPTIONS, prescription_id)


def of_registration(tx: Tx, registration_id: str) -> builtins.list[Billable]:
    """All prescriptions of a visit, newest first."""
    return list(tx, registration_id=registration_id)


def list(  # the word the other windows know it by
    tx: Tx,
    *,
    patient_id: str | None = None,
    registration_id: str | None = None,
    status: str | None = None,
    pharmacy_code: str | None = None,
    number: str | None = None,
) -> builtins.list[Billable]:
    """Prescriptions that fit, newest first; without patient or visit those of today and yesterday."""
    return billables.find(tx, PRESCRIPTIONS, Filter(patient_id, registration_id, status, pharmacy_code, number))
