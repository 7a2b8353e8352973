"""The one place that asks for the second person, and the list of what was done without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select, update

from fallback_server.domain import two_persons
from fallback_server.domain.clock import to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import IncidentState
from fallback_server.domain.policy import Policy
from fallback_server.store.credentials import SEALED, alone_act
from fallback_server.store.mode import incident
from fallback_server.store.session import Tx


def require(tx: Tx, policy: Policy, act: str, subject: str | None = None) -> str | None:
    """The second person's code; None where one may do it alone, which is recorded.

    Raises second_person_required.
    """
    actor = tx.who
    if actor.approver_code not in (None, "", actor.operator_code):
        return actor.approver_code
    if act not in policy.two_persons and act not in two_persons.ALWAYS:
        tx.audit("two_persons.off", subject=subject, ok=True, act=act)
        return None
    if actor.alone is not None and act in policy.alone_acts and two_persons.ACTS[act].alone:
        _note(tx, policy, act, subject, actor.alone)
        return None
    raise YjError("second_person_required")


def _note(tx: Tx, policy: Policy, act: str, subject: str | None, reason: str) -> None:
    due = to_text(two_persons.countersign_due(tx.now, policy.countersign_by))
    tx.conn.execute(
        alone_act.insert().values(
            act=act, operator_code=tx.who.operator_code, at=tx.at, reason=reason, subject=subject,
            incident_no=tx.mode.incident_no, due_at=due,
        )
    )  # fmt: skip
    tx.audit("alone", subject=subject, act=act, reason=reason, due_at=due)


def two_ended(conn: Connection, row: Mapping[str, Any]) -> bool:
    """Whether two people ended this incident: its upload needs no further one. A drill's is fenced anyway."""
    if row["drill"] or row["ended_at"] is None or row["ended_approver"] is not None:
        return True
    signed = select(alone_act.c.id).where(
        alone_act.c.incident_no == row["incident_no"],
        alone_act.c.act == "mode_normal",
        alone_act.c.signed_at.is_not(None),
    )
    return conn.execute(signed.limit(1)).first() is not None


def ended_by_one(conn: Connection, number: int | None = None) -> list[int]:
    """Incidents on their way back (or only this one) that one person ended and nobody has counter-signed."""
    on_the_way = [state.value for state in (IncidentState.CLOSING, IncidentState.UPLOADING, IncidentState.RECONCILING)]
    statement = select(incident).where(incident.c.state.in_(on_the_way))
    if number is not None:
        statement = statement.where(incident.c.incident_no == number)
    rows = conn.execute(statement.order_by(incident.c.incident_no)).mappings()
    return [row["incident_no"] for row in rows if not two_ended(conn, dict(row))]


def countersign(tx: Tx, number: int, note: str) -> dict[str, Any]:
    """Sign what another did alone. Raises alone_act_not_found, wrong_state, approver_rejected for the same person and
    for the sealed account: nobody knows who opened it."""
    row = tx.conn.execute(select(alone_act).where(alone_act.c.id == number)).mappings().first()
    if row is None:
        raise YjError("alone_act_not_found")
    if tx.who.operator_code in (row["operator_code"], SEALED):
        raise YjError("approver_rejected")
    signed = update(alone_act).where(alone_act.c.id == number, alone_act.c.signed_at.is_(None))
    if not tx.conn.execute(signed.values(signed_at=tx.at, signed_by=tx.who.operator_code, note=note)).rowcount:
        raise YjError("wrong_state", current="signed", wanted="signed")
    tx.audit("alone.countersign", subject=str(number), act=row["act"], late=tx.at > row["due_at"])
    return view({**row, "signed_at": tx.at, "signed_by": tx.who.operator_code, "note": note}, tx.at)


def view(row: dict[str, Any], at: str) -> dict[str, Any]:
    """One entry as lists show it."""
    shown = {name: row[name] for name in (
        "act", "at", "reason", "subject", "incident_no", "due_at", "signed_at", "signed_by", "note",
    )}  # fmt: skip
    return {
        "id": str(row["id"]), "operator": row["operator_code"], **shown,
        "overdue": row["signed_at"] is None and row["due_at"] < at,
    }  # fmt: skip


def listed(tx: Tx, *, only_open: bool = True) -> list[dict[str, Any]]:
    """What was done alone, newest first; `only_open`: what still waits for its counter-signature."""
    statement = select(alone_act).order_by(alone_act.c.id.desc()).limit(200)
    if only_open:
        statement = statement.where(alone_act.c.signed_at.is_(None))
    return [view(dict(row), tx.at) for row in tx.conn.execute(statement).mappings()]
