"""Orders (检查检验治疗申请), ours and the centre's open ones."""

from __future__ import annotations

import builtins

from fallback_server.acts import billables
from fallback_server.acts.billables import ORDERS, Filter
from fallback_server.acts.views import Billable
from fallback_server.store.session import Tx


def get(tx: Tx, order_id: str) -> Billable:
    """One order with its lines; raises order_not_found."""
    return billables.get(tx, ORDERS, order_id)


def of_registration(tx: Tx, registration_id: str) -> builtins.list[Billable]:
    """All orders of a visit, newest first."""
    return list(tx, registration_id=registration_id)


def list(  # the word the other windows know it by
    tx: Tx,
    *,
    patient_id: str | None = None,
    registration_id: str | None = None,
    status: str | None = None,
    number: str | None = None,
) -> builtins.list[Billable]:
    """Orders that fit, newest first; without patient or visit those of today and yesterday."""
    return billables.find(tx, ORDERS, Filter(patient_id, registration_id, status, number=number))
