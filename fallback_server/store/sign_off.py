"""Accounts as stored: the newest reconciliation, explanations of differences, signatures, and the end of an incident.

A reconciliation is never changed. What was explained since it was made is added when it is shown, and sealed in a
stored account of its own when it is signed. A signature stays for ever under the account it was given for, and counts
as long as the newest account says the same; a document that came or moved since reopens the account.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, func, select, update

from fallback_server.domain.differences import layer_of
from fallback_server.domain.documents import canonical
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import IncidentState
from fallback_server.store.mode_switch import incident_row, note_event, set_incident_state
from fallback_server.store.outbox import outbox, outbox_move
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
    return [{**{name: row[name] for name in names}, "layer": layer_of(row["kind"])} for row in rows]


def settled(conn: Connection, incident_no: int, differences: Sequence[Mapping[str, Any]]) -> bool:
    """The contract's `balanced`: nothing pending, unknown or in conflict, and every difference explained."""
    left = conn.execute(
        select(func.count())
        .select_from(outbox)
        .where(outbox.c.incident_no == incident_no, outbox.c.state.in_(LEFT_STATES))
    ).scalar_one()
    explained = all(item["explained_by"] and item["kind"] not in NOT_EXPLAINABLE for item in differences)
    return not left and explained and open_conflict_count(conn, incident_no) == 0


def standing(conn: Connection, incident_no: int) -> dict[str, int]:
    """How far the incident's documents are; an account covers them only as long as this stays the same."""
    mine = outbox.c.incident_no == incident_no
    found = conn.execute(select(func.count(), func.max(outbox.c.sequence)).where(mine)).one()
    moved = select(func.max(outbox_move.c.id)).join(outbox, outbox.c.yj_id == outbox_move.c.yj_id).where(mine)
    last = conn.execute(moved).scalar()
    return {"documents": int(found[0]), "last_sequence": int(found[1] or 0), "last_move": int(last or 0)}


def store_reconciliation(
    tx: Tx, incident_no: int, report: Mapping[str, Any], seconds: Mapping[str, str] | None = None
) -> int:
    """Keep a reconciliation for ever, hashed. Signatures under an account that said something else no longer count.

    A closed incident whose account now says something else is open again (arrow r).
    """
    newest = _newest(tx.conn, incident_no)
    before = _signed_alike(tx.conn, incident_no, newest.report) if newest is not None else {}
    key = _keep(tx, incident_no, report, seconds or {})
    void = sorted(before.keys() - _signed_alike(tx.conn, incident_no, report).keys())
    if void:
        note_event(tx, incident_no, "signatures_void", None, signed_as=void)
        tx.audit("reconcile.signatures_void", subject=str(incident_no), signed_as=void)
        if incident_row(tx.conn, incident_no)["state"] == IncidentState.CLOSED.value:
            set_incident_state(tx, incident_no, IncidentState.RECONCILING, closed_at=None)
    tx.audit("reconcile.run", subject=str(incident_no), reconciliation=key, balanced=report["balanced"])
    return key


def _keep(tx: Tx, incident_no: int, report: Mapping[str, Any], seconds: Mapping[str, str]) -> int:
    values = {
        "incident_no": incident_no, "at": tx.at, "balanced": report["balanced"], "report": dict(report),
        "report_hash": report_hash(report), "seconds": dict(seconds),
    }  # fmt: skip
    return int(tx.conn.execute(reconciliation.insert().values(values).returning(reconciliation.c.id)).scalar_one())


def report_hash(report: Mapping[str, Any]) -> str:
    """SHA-256 of an account in its canonical form: what is stored beside it, printed, and signed."""
    return hashlib.sha256(canonical(report).encode()).hexdigest()


def _content(report: Mapping[str, Any]) -> str:
    """What two accounts must share for a signature to cover both: sums, layers, differences and who explained them.

    Which day closing took a charge is told later by the centre and is not signed.
    """
    names = ("kind", "subject", "local", "central", "explained_by", "note")
    kept = [{name: item.get(name) for name in names} for item in report["differences"]]
    said = {name: report.get(name) for name in ("totals", "cashiers", "layers", "windows", "books", "cash", "covers")}
    return canonical({**said, "differences": kept})


def valid_signatures(conn: Connection, incident_no: int) -> list[dict[str, Any]]:
    """The last signature of each kind, if the account as it stands says what was signed."""
    newest = _newest(conn, incident_no)
    if newest is None or _reopened(conn, newest):
        return []
    stands = {**newest.report, "differences": list_differences(conn, incident_no)}
    names = ("signed_as", "operator_code", "at", "reconciliation_id", "report_hash")
    valid = _signed_alike(conn, incident_no, stands)
    return [{name: valid[signed_as][name] for name in names} for signed_as in sorted(valid)]


def _signed_alike(conn: Connection, incident_no: int, report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The last signature of each kind, where what was signed says the same as this account."""
    rows = conn.execute(
        select(signature, reconciliation.c.report)
        .join(reconciliation, reconciliation.c.id == signature.c.reconciliation_id)
        .where(signature.c.incident_no == incident_no)
        .order_by(signature.c.id)
    ).mappings()
    last: dict[str, Mapping[str, Any]] = {row["signed_as"]: dict(row) for row in rows}
    content = _content(report)
    return {name: row for name, row in last.items() if _content(row["report"]) == content}


def _reopened(conn: Connection, row: Any) -> bool:
    """Whether a document came or moved since the account was made."""
    covers = row.report.get("covers")
    return bool(covers) and covers != standing(conn, row.incident_no)


def current_report(conn: Connection, incident_no: int) -> dict[str, Any] | None:
    """The newest reconciliation as it stands now, explanations and signatures included; None before the first.

    `reopened` says that a document came or moved since: it is not balanced until the account is made anew.
    """
    row = _newest(conn, incident_no)
    if row is None:
        return None
    differences = list_differences(conn, incident_no)
    reopened = _reopened(conn, row)
    layers = [{**one, "seconds": row.seconds.get(one["name"])} for one in row.report.get("layers", ())]
    return {
        **row.report,
        "layers": layers,
        "differences": [{**item, "id": str(item["id"])} for item in differences],
        "balanced": not reopened and settled(conn, incident_no, differences),
        "reopened": reopened,
        "reconciliation_id": row.id,
        "at": row.at,
        "report_hash": row.report_hash,
        "signatures": valid_signatures(conn, incident_no),
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
        raise YjError("invalid_request", field="note", problem="必填 / required")
    tx.conn.execute(
        update(difference)
        .where(difference.c.id == difference_id)
        .values(explained_at=tx.at, explained_by=tx.who.operator_code, note=note.strip())
    )
    words: dict[str, Any] = {"before": {"note": row["note"]}, "after": {"note": note.strip()}}
    tx.audit("reconcile.explain", subject=str(difference_id), kind=row["kind"], yj_id=row["yj_id"], **words)
    return next(item for item in list_differences(tx.conn, row["incident_no"]) if item["id"] == difference_id)


def sign(tx: Tx, incident_no: int, signed_as: str) -> dict[str, Any]:
    """Sign the newest reconciliation as `it` or `finance`; with both, the incident is closed (arrow f).

    The two are different people, and what they sign is a stored account by its hash, explanations included. Raises
    not_balanced, incident_closed, second_person_required, invalid_request.
    """
    if signed_as not in SIGN_AS:
        raise YjError("invalid_request", field="as", problem="只能是 it 或 finance / it or finance")
    incident = incident_row(tx.conn, incident_no)
    if incident["drill"]:
        raise YjError("drill_fenced")
    if incident["state"] == IncidentState.CLOSED.value:
        raise YjError("incident_closed")
    newest = _newest(tx.conn, incident_no)
    listed = list_differences(tx.conn, incident_no)
    if newest is None or _reopened(tx.conn, newest) or not settled(tx.conn, incident_no, listed):
        raise YjError("not_balanced")
    others = {one["signed_as"]: one["operator_code"] for one in valid_signatures(tx.conn, incident_no)}
    if tx.who.operator_code in [code for name, code in others.items() if name != signed_as]:
        raise YjError("second_person_required")
    key, digest = _sealed(tx, newest, listed)
    tx.conn.execute(
        signature.insert().values(
            incident_no=incident_no, signed_as=signed_as, reconciliation_id=key, report_hash=digest,
            operator_code=tx.who.operator_code, at=tx.at,
        )
    )  # fmt: skip
    tx.audit("reconcile.sign", subject=str(incident_no), signed_as=signed_as, reconciliation=key, report_hash=digest)
    if {signed_as, *others} >= set(SIGN_AS):
        set_incident_state(tx, incident_no, IncidentState.CLOSED, closed_at=tx.at)
    report = current_report(tx.conn, incident_no)
    return report or {}


def _sealed(tx: Tx, newest: Any, listed: list[dict[str, Any]]) -> tuple[int, str]:
    """The stored account that says what is signed: the newest, or a copy of it with what was explained since."""
    report = {**newest.report, "balanced": True, "differences": listed}
    if canonical(report) == canonical(newest.report):
        return int(newest.id), str(newest.report_hash)
    key = _keep(tx, newest.incident_no, report, newest.seconds)
    return key, report_hash(report)


def _newest(conn: Connection, incident_no: int) -> Any:
    return conn.execute(
        select(reconciliation)
        .where(reconciliation.c.incident_no == incident_no)
        .order_by(reconciliation.c.id.desc())
        .limit(1)
    ).first()
