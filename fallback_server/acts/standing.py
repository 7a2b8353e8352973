"""Where things stand: the mode and the age of the data, as every window and the console show them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from fallback_server.acts import masters
from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.outbox import FINAL, OutboxState
from fallback_server.domain.policy import Policy
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Tx, oldest_as_of


def shown_mode(tx: Tx, policy: Policy) -> dict[str, Any]:
    """The contract's answer to GET /mode, and the names of the departments in the scope."""
    state = tx.mode
    names = masters.department_names(tx, state.scope) if state.scope is not None else None
    return {
        "mode": state.mode.value,
        "drill": state.drill,
        "scope": list(state.scope) if state.scope is not None else None,
        "scope_names": list(names.values()) if names is not None else None,
        "epoch": state.epoch,
        "incident_no": state.incident_no,
        "since": to_text(state.since),
        "grace_until": to_text(state.grace_until) if state.grace_until else None,
        "insurance_down": state.insurance_down,
        "notice": state.notice,
        "mirror": mirror_age(tx, policy),
        "documents_waiting": documents_waiting(tx),
    }


def documents_waiting(tx: Tx) -> int:
    """How many documents have not reached the centre yet, those with a person included."""
    waiting = [state.value for state in OutboxState if state not in FINAL]
    return int(
        tx.conn.execute(select(func.count()).select_from(outbox).where(outbox.c.state.in_(waiting))).scalar_one()
    )


def mirror_age(tx: Tx, policy: Policy) -> dict[str, Any]:
    """How old the oldest of what every run reads is; stale above the warning age or when there is no mirror."""
    as_of = oldest_as_of(tx.conn)
    if as_of is None:
        return {"as_of": None, "age_seconds": None, "stale": True}
    age = max(0, int((tx.now - from_text(as_of)).total_seconds()))
    return {"as_of": as_of, "age_seconds": age, "stale": age > policy.stale_warn_minutes * 60}
