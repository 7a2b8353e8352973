"""The exits from review that name another document, and taking a link back. Each is a row with person and reason.

`settle`: a document of ours or the centre's, named, stands for this one. `correct`: a newer document of ours does.
`void`: this one and its reversal both stay here, for they come to nothing. docs/decisions/0008 says why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, select

from fallback_server.domain import money
from fallback_server.domain.conflict_kinds import CANCELLING, DOUBTS
from fallback_server.domain.errors import YjError
from fallback_server.domain.outbox import OutboxState
from fallback_server.store.outbox import outbox, outbox_parent
from fallback_server.store.outbox_moves import move
from fallback_server.store.returning import conflict, upload_run
from fallback_server.store.session import Tx

SETTLED_BY: Final = "settled_by"  # in `central` of a decided row: the document that stands for this one
LONGEST_KEY: Final = 64
_YJ_NO: Final = re.compile(r"YJ\d{13,}")
_COLUMNS = (
    outbox.c.yj_id, outbox.c.yj_no, outbox.c.entity, outbox.c.amount, outbox.c.central_key, outbox.c.state,
    outbox.c.sequence,
)  # fmt: skip
_HELD = (OutboxState.CONFIRMED.value, OutboxState.SENDING.value, OutboxState.UNKNOWN.value)


def named(tx: Tx, row: RowMapping, decision: str, given: str | None, note: str) -> dict[str, Any]:
    """The document that settles, corrects or voids the one of `row`: by the number given, else by the one in the note.

    Raises invalid_request where none is named, where it is the document itself, or where it does not fit the decision.
    """
    text = given or next(iter(_YJ_NO.findall(note)), None)
    if not text:
        raise _wrong("请填代替它的单据：我方 YJ 号或中心单据号 / name the document that stands for this one")
    own = _document(tx.conn, outbox.c.yj_id == row["yj_id"])
    other = _document(tx.conn, outbox.c.yj_no == text, outbox.c.yj_id != row["yj_id"])
    if own is None or other is None:
        if decision != "settle" or text == row["yj_no"] or _YJ_NO.fullmatch(text):
            raise _wrong("没有别的单据是这个号 / no other document of ours has this number")
        return {"central_key": text[:LONGEST_KEY]}
    if other["state"] in (OutboxState.SETTLED.value, OutboxState.FENCED.value):
        raise _wrong("那张单据也没有传 / that document is not sent either")
    if decision == "correct" and other["sequence"] < own["sequence"]:
        raise _wrong("冲正单应在被冲正的单据之后 / a correction is made after what it corrects")
    if decision == "void":
        _reversing(tx.conn, own, other)
    shown = {name: other[name] for name in ("yj_id", "yj_no", "entity", "central_key")}
    return {**shown, "amount": money.to_text(other["amount"])}


def void_reversals(tx: Tx, yj_id: str, note: str) -> int:
    """What reverses a voided document is not sent either; returns how many. Raises decision_not_possible if it went."""
    count = 0
    for other in _reversals(tx.conn, yj_id):
        if other["state"] == OutboxState.SETTLED.value:
            continue
        if other["state"] not in (OutboxState.PENDING.value, OutboxState.CONFLICT.value):
            raise YjError("decision_not_possible", possible="–")
        detail = f"void: {note.strip()}"[:200]
        to_conflict(tx, other["yj_id"], OutboxState(other["state"]), detail)
        _close_items(tx, other["yj_id"], detail)
        by = tx.who.operator_code
        move(tx.conn, other["yj_id"], OutboxState.CONFLICT, OutboxState.SETTLED, at=tx.at, by=by, detail=detail)
        count += 1
    return count


def to_conflict(tx: Tx, yj_id: str, state: OutboxState, detail: str) -> None:
    """Take a document that waits into the state in which a person decides, along its own arrows (g, j)."""
    if state is not OutboxState.PENDING:
        return
    by = tx.who.operator_code
    lease = {"claimed_by": "review", "lease_until": tx.at}
    move(tx.conn, yj_id, OutboxState.PENDING, OutboxState.SENDING, at=tx.at, by=by, detail=detail, **lease)
    move(tx.conn, yj_id, OutboxState.SENDING, OutboxState.CONFLICT, at=tx.at, by=by, detail=detail)


# -- links ---------------------------------------------------------------------------------------------------------


def can_unlink(conn: Connection, row: RowMapping | Mapping[str, Any]) -> bool:
    """Whether this decided link is the document's last decision and nothing that hangs on it is at the centre.

    Not while a run is at work, or died there: it may have read the link, and send what hangs on it under that key.
    """
    if row["decision"] != "link" or row["document_state"] not in ("conflict", "confirmed"):
        return False
    at_work = select(upload_run.c.id).where(upload_run.c.state == "running", upload_run.c.dry_run.is_(False))
    if conn.execute(at_work.limit(1)).first() is not None:
        return False
    last = select(conflict.c.id).where(conflict.c.yj_id == row["yj_id"]).order_by(conflict.c.id.desc()).limit(1)
    if conn.execute(last).scalar_one() != row["id"]:
        return False
    hanging = (
        select(outbox_parent.c.yj_id)
        .join(outbox, outbox.c.yj_id == outbox_parent.c.yj_id)
        .where(outbox_parent.c.parent_id == row["yj_id"], outbox.c.state.in_(_HELD))
    )
    return conn.execute(hanging.limit(1)).first() is None


def unlink(tx: Tx, row: RowMapping, note: str) -> None:
    """Note that a link is taken back. One that the centre does not know yet is open again at once; for another the
    next upload run takes its ledger row out first (`unlinked`)."""
    stays = {name: row[name] for name in ("incident_no", "yj_id", "kind", "subject", "local", "central")}
    decided = {
        "decision": "unlink", "decided_at": tx.at, "decided_by": tx.who.operator_code,
        "approver_code": tx.who.approver_code, "note": note.strip(), "opened_at": tx.at,
    }  # fmt: skip
    tx.conn.execute(conflict.insert().values(**stays, **decided))
    if row["document_state"] == OutboxState.CONFLICT.value:
        reopen(tx, str(row["yj_id"]))


def unlinked(conn: Connection, incident_no: int) -> list[str]:
    """Documents whose link was taken back and whose ledger row is still at the centre."""
    rows = conn.execute(
        select(conflict.c.yj_id, conflict.c.decision)
        .join(outbox, outbox.c.yj_id == conflict.c.yj_id)
        .where(conflict.c.incident_no == incident_no, outbox.c.state == OutboxState.CONFIRMED.value)
        .order_by(conflict.c.id)
    )
    last = {str(row.yj_id): row.decision for row in rows}
    return [yj_id for yj_id, decision in last.items() if decision == "unlink"]


def reopen(tx: Tx, yj_id: str) -> None:
    """Put the document before a person again, with what was known of it."""
    last = select(conflict).where(conflict.c.yj_id == yj_id).order_by(conflict.c.id.desc()).limit(1)
    row = tx.conn.execute(last).mappings().one()
    stays = {name: row[name] for name in ("incident_no", "yj_id", "kind", "subject", "local")}
    central = {name: value for name, value in row["central"].items() if name != "chosen_key"}
    tx.conn.execute(conflict.insert().values(**stays, central=central, opened_at=tx.at))


def take_out(tx: Tx, yj_id: str) -> None:
    """Its ledger row is gone: back to pending (q), and from there to a person (g, j)."""
    by, detail = tx.who.operator_code, "the link was taken back"
    moved = move(
        tx.conn, yj_id, OutboxState.CONFIRMED, OutboxState.PENDING, at=tx.at, by=by, detail=detail,
        central_key=None, confirmed_at=None, attempts=0, next_attempt_at=None,
    )  # fmt: skip
    if moved:
        to_conflict(tx, yj_id, OutboxState.PENDING, detail)
        reopen(tx, yj_id)


# -- for the account -----------------------------------------------------------------------------------------------


def standing_for(conn: Connection, incident_no: int) -> dict[str, dict[str, Any]]:
    """What settles, corrects or voids each settled document, by id."""
    rows = conn.execute(
        select(conflict.c.yj_id, conflict.c.central, conflict.c.decision)
        .where(conflict.c.incident_no == incident_no, conflict.c.decision.in_(("settle", "correct", "void")))
        .order_by(conflict.c.id)
    )
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        by = dict(row.central.get(SETTLED_BY) or {})
        found[str(row.yj_id)] = {"decision": row.decision, **by}
    return found


def linked_documents(conn: Connection, incident_no: int) -> set[str]:
    """Documents whose last decision is a link to a row of the centre's own; after a doubt it names their own row."""
    rows = conn.execute(
        select(conflict.c.yj_id, conflict.c.decision, conflict.c.kind)
        .where(conflict.c.incident_no == incident_no, conflict.c.decision.is_not(None), conflict.c.yj_id.is_not(None))
        .order_by(conflict.c.id)
    )
    last = {str(row.yj_id): row for row in rows}
    return {yj_id for yj_id, row in last.items() if row.decision == "link" and row.kind not in DOUBTS}


def _reversing(conn: Connection, own: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    several = _reversals(conn, own["yj_id"])
    if other["entity"] not in CANCELLING or other["yj_id"] not in {one["yj_id"] for one in several}:
        raise _wrong("那张单据不是冲正它的 / that document does not reverse this one")
    if money.total([own["amount"], *(one["amount"] for one in several)]) != money.ZERO:
        raise _wrong("两张相加不为零，请先退掉其余 / together they do not come to nothing; refund the rest first")


def _reversals(conn: Connection, yj_id: str) -> list[dict[str, Any]]:
    rows = conn.execute(
        select(*_COLUMNS)
        .join(outbox_parent, outbox_parent.c.yj_id == outbox.c.yj_id)
        .where(outbox_parent.c.parent_id == yj_id, outbox.c.entity.in_(sorted(CANCELLING)))
        .order_by(outbox.c.sequence)
    ).mappings()
    return [dict(row) for row in rows]


def _document(conn: Connection, *where: Any) -> dict[str, Any] | None:
    row = conn.execute(select(*_COLUMNS).where(*where).order_by(outbox.c.sequence.desc())).mappings().first()
    return dict(row) if row is not None else None


def _close_items(tx: Tx, yj_id: str, note: str) -> None:
    decided = {"decision": "void", "decided_at": tx.at, "decided_by": tx.who.operator_code,
               "approver_code": tx.who.approver_code, "note": note}  # fmt: skip
    waiting = (conflict.c.yj_id == yj_id, conflict.c.decision.is_(None))
    tx.conn.execute(conflict.update().where(*waiting).values(**decided))


def _wrong(problem: str) -> YjError:
    return YjError("invalid_request", field="central_key", problem=problem)
