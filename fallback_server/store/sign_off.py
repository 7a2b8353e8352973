"""Accounts as stored: the newest reconciliation, explanations of differences, signatures, and the end of an incident.

A reconciliation is never changed. What was explained since it was made is added when it is shown; a later one that says
something else makes the signatures void.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, delete, func, select, update

from fallback_server.domain.documents import canonical
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import IncidentState
from fallback_server.store.mode_switch import incident_row, note_event, set_incident_state
from fallback_server.store.outbox import outbox
from fallback_server.store.returning import difference, reconciliation, signature
from fallback_server.store.returns_queries import LEFT_STATES, open_conflict_count
from fallback_server.store.session import Tx

SIGN_AS: Final = ("it", "finance")
# These go away by uploading or deciding, not by a sentence.
NOT_EXPLAINABLE: Final = frozenset({"pending", "sending", "unknown", "conflict"})


def record_differences(tx: Tx, incident_no: int, found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Store what a reconciliation found, each `{kind, subject, yj_id, central_key, local, central}`.

    A difference seen before keeps its id, and its explanation as long as it says the same. One not found again is gone.
    Returns them as the contract shows them, with `explained_by` and `note`.
    """
    rows = tx.conn.execute(select(difference).where(difference.c.incident_no == incident_no)).mappings()
    known = {(row["kind"], row["subject"]): dict(row) for row in rows}
    for item in found:
        before = known.pop((item["kind"], item["subject"]), None)
        if before is None:
            tx.conn.execute(difference.insert().values(incident_no=incident_no, first_seen_at=tx.at, **item))
        else:
            _seen_again(tx, before, item)
    for gone in known.values():
        if gone["gone_at"] is None:
            tx.conn.execute(update(difference).where(difference.c.id == gone["id"]).values(gone_at=tx.at))
    return list_differences(tx.conn, incident_no)


def _seen_again(tx: Tx, before: Mapping[str, Any], item: Mapping[str, Any]) -> None:
    same = all(before[name] == item[name] for name in ("central_key", "local", "central"))
    if same and before["gone_at"] is None:
        return
    values = {"gone_at": None, "local": item["local"], "central": item["central"], "central_key": item["central_key"]}
    if not same:
        values |= {"explained_at": None, "explained_by": None, "note": None}
    tx.conn.execute(update(difference).where(difference.c.id == before["id"]).values(**values))


def list_differences(conn: Connection, incident_no: int) -> list[dict[str, Any]]:
    """The differences that still stand, in a stable order."""
    rows = conn.execute(
        select(difference)
        .where(difference.c.incident_no == incident_no, difference.c.gone_at.is_(None))
        .order_by(difference.c.kind, difference.c.subject)
    ).mappings()
    names = (
        "id",
        "kind",
        "subject",
        "yj_id",
        "central_key",
        "local",
        "central",
        "explained_by",
        "explained_at",
        "note",
    )
    return [{name: row[name] for name in names} for row in rows]


def settled(conn: Connection, incident_no: int, differences: Sequence[Mapping[str, Any]]) -> bool:
    """The contract's `balanced`: nothing pending, unknown or in conflict, and every difference explained."""
    left = conn.execute(
        select(func.count())
        .select_from(outbox)
        .where(outbox.c.incident_no == incident_no, outbox.c.state.in_(LEFT_STATES))
    ).scalar_one()
    explained = all(item["explained_by"] and item["kind"] not in NOT_EXPLAINABLE for item in differences)
    return not left and explained and open_conflict_count(conn, incident_no) == 0


def store_reconciliation(tx: Tx, incident_no: int, report: Mapping[str, Any]) -> int:
    """Keep a reconciliation for ever, hashed. Signatures under an account that said something else become void."""
    text = canonical(report)
    key = tx.conn.execute(
        reconciliation.insert()
        .values(
            incident_no=incident_no, at=tx.at, balanced=report["balanced"], report=dict(report),
            report_hash=hashlib.sha256(text.encode()).hexdigest(),
        )
        .returning(reconciliation.c.id)
    ).scalar_one()  # fmt: skip
    _void_signatures(tx, incident_no, report)
    tx.audit("reconcile.run", subject=str(incident_no), reconciliation=int(key), balanced=report["balanced"])
    return int(key)


def _void_signatures(tx: Tx, incident_no: int, report: Mapping[str, Any]) -> None:
    signed = tx.conn.execute(
        select(signature.c.signed_as, reconciliation.c.report)
        .join(reconciliation, reconciliation.c.id == signature.c.reconciliation_id)
        .where(signature.c.incident_no == incident_no)
    ).all()
    void = sorted(row.signed_as for row in signed if _content(row.report) != _content(report))
    if void:
        where = (signature.c.incident_no == incident_no, signature.c.signed_as.in_(void))
        tx.conn.execute(delete(signature).where(*where))
        note_event(tx, incident_no, "signatures_void", None, signed_as=void)
        tx.audit("reconcile.signatures_void", subject=str(incident_no), signed_as=void)


def _content(report: Mapping[str, Any]) -> str:
    """What two accounts must share for a signature to cover both: sums and differences, not when or who explained."""
    kept = [{name: item[name] for name in ("kind", "subject", "local", "central")} for item in report["differences"]]
    return canonical({"totals": report["totals"], "cashiers": report["cashiers"], "differences": kept})


def current_report(conn: Connection, incident_no: int) -> dict[str, Any] | None:
    """The newest reconciliation as it stands now, explanations and signatures included; None before the first."""
    row = _newest(conn, incident_no)
    if row is None:
        return None
    differences = list_differences(conn, incident_no)
    signed = conn.execute(select(signature).where(signature.c.incident_no == incident_no)).mappings()
    return {
        **row.report,
        "differences": [{**item, "id": str(item["id"])} for item in differences],
        "balanced": settled(conn, incident_no, differences),
        "reconciliation_id": row.id,
        "at": row.at,
        "report_hash": row.report_hash,
        "signatures": [{name: one[name] for name in ("signed_as", "operator_code", "at")} for one in signed],
    }


def explain_difference(tx: Tx, difference_id: int, note: str) -> dict[str, Any]:
    """A named person says why a difference is right.

    Raises difference_not_found, incident_closed, invalid_request, and decision_not_possible for what has to be
    uploaded or decided instead.
    """
    row = (
        tx.conn.execute(select(difference).where(difference.c.id == difference_id, difference.c.gone_at.is_(None)))
        .mappings()
        .first()
    )
    if row is None:
        raise YjError("difference_not_found")
    if incident_row(tx.conn, row["incident_no"])["state"] == IncidentState.CLOSED.value:
        raise YjError("incident_closed")
    if row["kind"] in NOT_EXPLAINABLE:
        raise YjError("decision_not_possible", possible="upload, conflicts")
    if not note.strip():
        raise YjError("invalid_request", field="note", problem="required")
    tx.conn.execute(
        update(difference)
        .where(difference.c.id == difference_id)
        .values(explained_at=tx.at, explained_by=tx.who.operator_code, note=note.strip())
    )
    tx.audit("reconcile.explain", subject=str(difference_id), kind=row["kind"], yj_id=row["yj_id"])
    return next(item for item in list_differences(tx.conn, row["incident_no"]) if item["id"] == difference_id)


def sign(tx: Tx, incident_no: int, signed_as: str) -> dict[str, Any]:
    """Sign the newest reconciliation as `it` or `finance`; with both, the incident is closed (arrow f).

    The two are different people. Raises not_balanced, incident_closed, second_person_required, invalid_request.
    """
    if signed_as not in SIGN_AS:
        raise YjError("invalid_request", field="as", problem="it or finance")
    incident = incident_row(tx.conn, incident_no)
    if incident["drill"]:
        raise YjError("drill_fenced")
    if incident["state"] == IncidentState.CLOSED.value:
        raise YjError("incident_closed")
    newest = _newest(tx.conn, incident_no)
    if newest is None or not settled(tx.conn, incident_no, list_differences(tx.conn, incident_no)):
        raise YjError("not_balanced")
    others = {
        row.signed_as: row.operator_code
        for row in tx.conn.execute(select(signature).where(signature.c.incident_no == incident_no))
    }
    if tx.who.operator_code in [code for name, code in others.items() if name != signed_as]:
        raise YjError("second_person_required")
    tx.conn.execute(delete(signature).where(signature.c.incident_no == incident_no, signature.c.signed_as == signed_as))
    tx.conn.execute(
        signature.insert().values(
            incident_no=incident_no, signed_as=signed_as, reconciliation_id=newest.id,
            operator_code=tx.who.operator_code, at=tx.at,
        )
    )  # fmt: skip
    tx.audit("reconcile.sign", subject=str(incident_no), signed_as=signed_as, reconciliation=newest.id)
    if {signed_as, *others} >= set(SIGN_AS):
        set_incident_state(tx, incident_no, IncidentState.CLOSED, closed_at=tx.at)
    report = current_report(tx.conn, incident_no)
    return report or {}


def _newest(conn: Connection, incident_no: int) -> Any:
    return conn.execute(
        select(reconciliation)
        .where(reconciliation.c.incident_no == incident_no)
        .order_by(reconciliation.c.id.desc())
        .limit(1)
    ).first()
