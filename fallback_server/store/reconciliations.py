"""The account of an incident as rows: the newest report, explanations by name, signatures. No centre is asked here."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select, update

from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import IncidentState
from fallback_server.store import audit as audit_log
from fallback_server.store.mode_switch import incident_row, set_incident_state
from fallback_server.store.returning import difference, reconciliation, signature
from fallback_server.store.session import Tx

SIGNS = {"it": "admin", "finance": "supervisor"}


def latest(conn: Connection, incident_no: int) -> dict[str, Any]:
    """The newest report in the contract's shape, with its hash, differences as they stand now, and signatures.

    Raises not_found while none was computed.
    """
    row = _newest(conn, incident_no)
    if row is None:
        raise YjError("not_found")
    signatures = conn.execute(select(signature).where(signature.c.incident_no == incident_no)).mappings()
    open_ones = differences(conn, incident_no)
    explained = all(item["explained_by"] for item in open_ones)
    return {
        **row["report"],
        "differences": open_ones,
        "balanced": bool(row["report"].get("settled", row["balanced"])) and explained,
        "id": str(row["id"]),
        "at": row["at"],
        "report_hash": row["report_hash"],
        "signatures": [dict(one) for one in signatures],
    }


def differences(conn: Connection, incident_no: int) -> list[dict[str, Any]]:
    """Differences that still exist, with who explained them."""
    rows = conn.execute(
        select(difference)
        .where(difference.c.incident_no == incident_no, difference.c.gone_at.is_(None))
        .order_by(difference.c.id)
    ).mappings()
    return [{**dict(row), "id": str(row["id"])} for row in rows]


def explain(tx: Tx, incident_no: int, difference_id: int, note: str) -> dict[str, Any]:
    """Put a name and a reason to a difference. Raises difference_not_found, incident_closed."""
    if incident_row(tx.conn, incident_no)["state"] == IncidentState.CLOSED.value:
        raise YjError("incident_closed")
    changed = tx.conn.execute(
        update(difference)
        .where(
            difference.c.id == difference_id, difference.c.incident_no == incident_no, difference.c.gone_at.is_(None)
        )
        .values(explained_at=tx.at, explained_by=tx.who.operator_code, note=note)
    )
    if changed.rowcount != 1:
        raise YjError("difference_not_found")
    tx.audit("difference.explain", subject=str(difference_id), note=note)
    return next(item for item in differences(tx.conn, incident_no) if item["id"] == str(difference_id))


def sign(tx: Tx, incident_no: int, signed_as: str) -> dict[str, Any]:
    """Sign the newest account; the second signature closes the incident (arrow f).

    IT is an administrator, finance a supervisor, and they are two people. Raises forbidden, not_balanced, wrong_state.
    """
    if SIGNS[signed_as] not in tx.who.roles:
        raise YjError("forbidden", roles=SIGNS[signed_as])
    row = incident_row(tx.conn, incident_no)
    if row["state"] != IncidentState.RECONCILING.value:
        raise YjError("wrong_state", current=row["state"], wanted="signed")
    account = latest(tx.conn, incident_no)
    if not account["balanced"]:
        raise YjError("not_balanced")
    _refuse_same_person(tx, incident_no, signed_as)
    tx.conn.execute(
        signature.delete().where(signature.c.incident_no == incident_no, signature.c.signed_as == signed_as)
    )
    tx.conn.execute(
        signature.insert().values(
            incident_no=incident_no,
            signed_as=signed_as,
            reconciliation_id=int(account["id"]),
            operator_code=tx.who.operator_code,
            at=tx.at,
        )
    )
    tx.audit("incident.sign", subject=str(incident_no), signed_as=signed_as, report=account["report_hash"])
    if _signed_all(tx.conn, incident_no, int(account["id"])):
        set_incident_state(tx, incident_no, IncidentState.CLOSED, closed_at=tx.at)
    return {
        "incident_no": incident_no,
        "state": incident_row(tx.conn, incident_no)["state"],
        "head": audit_log.head(tx.conn)[1],
    }


def _newest(conn: Connection, incident_no: int) -> dict[str, Any] | None:
    statement = (
        select(reconciliation)
        .where(reconciliation.c.incident_no == incident_no)
        .order_by(reconciliation.c.id.desc())
        .limit(1)
    )
    row = conn.execute(statement).mappings().first()
    return dict(row) if row is not None else None


def _refuse_same_person(tx: Tx, incident_no: int, signed_as: str) -> None:
    other = tx.conn.execute(
        select(signature.c.operator_code).where(
            signature.c.incident_no == incident_no, signature.c.signed_as != signed_as
        )
    ).scalar()
    if other == tx.who.operator_code:
        raise YjError("approver_rejected")


def _signed_all(conn: Connection, incident_no: int, reconciliation_id: int) -> bool:
    count = conn.execute(
        select(func.count())
        .select_from(signature)
        .where(signature.c.incident_no == incident_no, signature.c.reconciliation_id == reconciliation_id)
    ).scalar_one()
    return int(count) == len(SIGNS)
