"""Conflicts: what waits for a person on the way back, what they may decide, and what each decision means.

A document that the centre refused stands in state `conflict` with one open row here; what only the blind window
showed has a row without a document. Deciding is a local act with name, note, time and audit (money: with a second
person); whatever it changes at the centre happens in the next upload run. The table of kinds is in docs/upload.md and
a test keeps both equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, select, update

from fallback_server.domain.conflict_kinds import ASKED_AGAIN, MONEY_ENTITIES, NAMING
from fallback_server.domain.conflict_kinds import DECISIONS as DECISIONS
from fallback_server.domain.conflict_kinds import KINDS as KINDS
from fallback_server.domain.conflict_kinds import Decision as Decision
from fallback_server.domain.conflict_kinds import Kind as Kind
from fallback_server.domain.conflict_kinds import kind_of as kind_of
from fallback_server.domain.conflict_kinds import needs_approver as needs_approver
from fallback_server.domain.errors import YjError
from fallback_server.domain.identity import mask_id, mask_phone
from fallback_server.domain.modes import IncidentState
from fallback_server.domain.outbox import OutboxState
from fallback_server.store import exits
from fallback_server.store.mode import incident
from fallback_server.store.mode_switch import incident_row, set_incident_state
from fallback_server.store.outbox import outbox, outbox_parent
from fallback_server.store.outbox_moves import move
from fallback_server.store.returning import conflict
from fallback_server.store.session import Tx

CHOSEN_KEY: Final = "chosen_key"  # in `central` of a decided row: the central key the person chose


def open_conflict(
    tx: Tx,
    incident_no: int,
    kind: str,
    subject: str,
    *,
    yj_id: str | None = None,
    local: Mapping[str, Any] | None = None,
    central: Mapping[str, Any] | None = None,
) -> bool:
    """Put an item before a person. An open one of the same kind and subject is brought up to date instead.

    An item without a document that was decided once is not asked again. Returns whether a new row was made.
    """
    same = (conflict.c.incident_no == incident_no, conflict.c.kind == kind, conflict.c.subject == subject)
    seen = tx.conn.execute(select(conflict.c.id, conflict.c.decision).where(*same)).all()
    versions = {"local": dict(local or {}), "central": dict(central or {})}
    waiting = [row.id for row in seen if row.decision is None]
    if waiting:
        tx.conn.execute(update(conflict).where(conflict.c.id == waiting[0]).values(**versions))
        return False
    if seen and yj_id is None and kind not in ASKED_AGAIN:
        return False
    tx.conn.execute(
        conflict.insert().values(
            incident_no=incident_no, yj_id=yj_id, kind=kind, subject=subject, opened_at=tx.at, **versions
        )
    )
    return True


def list_conflicts(conn: Connection, incident_no: int, *, only_open: bool = False) -> list[dict[str, Any]]:
    """The items of an incident, open ones first, oldest first; id numbers and telephones masked."""
    statement = _selected().where(conflict.c.incident_no == incident_no)
    if only_open:
        statement = statement.where(conflict.c.decision.is_(None))
    rows = conn.execute(statement.order_by(conflict.c.decided_at.is_not(None), conflict.c.id)).mappings()
    return [_shown(conn, row, masked=True) for row in rows]


def show_conflict(conn: Connection, conflict_id: int) -> dict[str, Any]:
    """One item with both versions unmasked. Raises conflict_not_found."""
    row = conn.execute(_selected().where(conflict.c.id == conflict_id)).mappings().first()
    if row is None:
        raise YjError("conflict_not_found")
    return _shown(conn, row, masked=False)


def resolve(tx: Tx, conflict_id: int, decision: str, note: str, central_key: str | None = None) -> dict[str, Any]:
    """Decide an item as `tx.who` (whose approver was checked before) and move its document along the decision's arrow.

    `retry…` and `create` return the document to pending (n); `settle`, `correct` and `void` end it (p) and name the
    document that stands for it, in `central_key` (a YJ number, or a key of the centre) or in the note; `link` leaves
    it in conflict until the next upload run has entered its ledger row (o). `link` takes `central_key`, or the one key
    the conflict shows.
    Raises conflict_not_found, incident_closed, decision_not_possible, second_person_required, invalid_request.
    """
    row = tx.conn.execute(_selected().where(conflict.c.id == conflict_id)).mappings().first()
    if row is None:
        raise YjError("conflict_not_found")
    if decision == "unlink":
        return _unlink(tx, row, note)
    _check(tx, row, decision, note)
    central = dict(row["central"])
    key = (central_key or "").strip() or None
    if decision == "link":
        key = key or _only_key(central)
        if key is None:
            raise YjError("invalid_request", field="central_key", problem="关联时必填 / required for link")
    if decision in NAMING and row["yj_id"] is not None:
        by = exits.named(tx, row, decision, key, note)
        # What depends on it speaks of that one from now on; money that does is a person's decision of its own.
        same = by.get("entity") in (None, row["entity"]) and row["entity"] not in MONEY_ENTITIES
        central[exits.SETTLED_BY], key = by, by.get("central_key") if same else None
    if key is not None:
        central[CHOSEN_KEY] = key
    _move(tx, row, decision, key, note)
    tx.conn.execute(
        update(conflict)
        .where(conflict.c.id == conflict_id)
        .values(
            decision=decision, decided_at=tx.at, decided_by=tx.who.operator_code,
            approver_code=tx.who.approver_code, note=note.strip(), central=central,
        )
    )  # fmt: skip
    told: dict[str, Any] = {
        "kind": row["kind"],
        "yj_id": row["yj_id"],
        "before": {"decision": None},
        "after": {"decision": decision},
    }
    tx.audit("conflict.resolve", subject=str(conflict_id), **told)
    return show_conflict(tx.conn, conflict_id)


def _unlink(tx: Tx, row: RowMapping, note: str) -> dict[str, Any]:
    """Take a link back, until the incident is signed off; raises what `resolve` raises."""
    possible = ("unlink",) if exits.can_unlink(tx.conn, row) else ()
    _allowed(tx, row, possible, "unlink", note)
    exits.unlink(tx, row, note)
    tx.audit("conflict.resolve", subject=str(row["id"]), decision="unlink", kind=row["kind"], yj_id=row["yj_id"])
    return show_conflict(tx.conn, row["id"])


def overrides(conn: Connection, yj_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What persons decided to send differently from the payload, by document; the hash stays that of the payload."""
    found: dict[str, dict[str, Any]] = {}
    rows = conn.execute(
        select(conflict.c.yj_id, conflict.c.decision)
        .where(conflict.c.yj_id.in_(yj_ids), conflict.c.decision.in_(tuple(OVERRIDES)))
        .order_by(conflict.c.id)
    )
    for row in rows:
        found.setdefault(row.yj_id, {}).update(OVERRIDES[row.decision])
    for yj_id in _refunds_of_unsettled(conn, yj_ids):
        found.setdefault(yj_id, {}).update(OVERRIDES[UNSETTLED])
    return found


def _refunds_of_unsettled(conn: Connection, yj_ids: Sequence[str]) -> Sequence[str]:
    """Refunds of charges that left the centre's prescription alone: they have nothing of it to give back either."""
    return (
        conn.execute(
            select(outbox_parent.c.yj_id)
            .join(conflict, conflict.c.yj_id == outbox_parent.c.parent_id)
            .join(outbox, outbox.c.yj_id == outbox_parent.c.yj_id)
            .where(outbox_parent.c.yj_id.in_(yj_ids), outbox.c.entity == "refund", conflict.c.decision == UNSETTLED)
        )
        .scalars()
        .all()
    )


UNSETTLED: Final = "retry_unsettled"
OVERRIDES: Final[dict[str, dict[str, Any]]] = {
    "retry_without_receipt": {"receipt_no": None},
    UNSETTLED: {"prescriptions": [], "orders": []},
    "create": {"create_anyway": True},
}


def decided_links(conn: Connection, incident_no: int) -> list[tuple[str, str]]:
    """(yj_id, central key) of documents that a person linked and whose ledger row is still to be entered."""
    rows = conn.execute(
        select(conflict.c.yj_id, conflict.c.central, conflict.c.decision)
        .join(outbox, outbox.c.yj_id == conflict.c.yj_id)
        .where(conflict.c.incident_no == incident_no, outbox.c.state == OutboxState.CONFLICT.value)
        .order_by(conflict.c.id)
    ).all()
    last = {row.yj_id: row for row in rows}
    return [(yj_id, str(row.central[CHOSEN_KEY])) for yj_id, row in last.items() if row.decision == "link"]


def vanished_links(conn: Connection, yj_ids: Sequence[str]) -> dict[str, str]:
    """The key a person linked each document to, where that was the last decision about it.

    For documents that are to be sent: a linked one is sent only after a rewound centre lost its ledger row.
    """
    rows = conn.execute(
        select(conflict.c.yj_id, conflict.c.decision, conflict.c.central)
        .where(conflict.c.yj_id.in_(yj_ids), conflict.c.decision.is_not(None))
        .order_by(conflict.c.id)
    )
    last = {row.yj_id: row for row in rows}
    return {yj_id: str(row.central.get(CHOSEN_KEY)) for yj_id, row in last.items() if row.decision == "link"}


def retried(conn: Connection, yj_ids: Sequence[str], *kinds: str) -> set[str]:
    """Documents of which a person said, after an item of one of these kinds, that they go as they are."""
    rows = conn.execute(
        select(conflict.c.yj_id).where(
            conflict.c.yj_id.in_(yj_ids), conflict.c.kind.in_(kinds), conflict.c.decision.like("retry%")
        )
    )
    return {str(row.yj_id) for row in rows}


def _selected() -> Select[Any]:
    return select(
        conflict,
        outbox.c.entity,
        outbox.c.yj_no,
        outbox.c.state.label("document_state"),
        outbox.c.amount,
        outbox.c.operator_code,
    ).select_from(conflict.outerjoin(outbox, outbox.c.yj_id == conflict.c.yj_id))


def _check(tx: Tx, row: RowMapping, decision: str, note: str) -> None:
    possible = () if row["decision"] is not None else kind_of(row["kind"]).decisions
    _allowed(tx, row, possible, decision, note)


def _allowed(tx: Tx, row: RowMapping, possible: Sequence[str], decision: str, note: str) -> None:
    if decision not in possible:
        raise YjError("decision_not_possible", possible=", ".join(possible) or "–")
    if not note.strip():
        raise YjError("invalid_request", field="note", problem="必填 / required")
    state = tx.conn.execute(select(incident.c.state).where(incident.c.incident_no == row["incident_no"])).scalar_one()
    if state == IncidentState.CLOSED.value:
        raise YjError("incident_closed")
    approver = tx.who.approver_code
    if needs_approver(row["kind"], decision, row["entity"]) and approver in (None, "", tx.who.operator_code):
        raise YjError("second_person_required")


def _move(tx: Tx, row: RowMapping, decision: str, key: str | None, note: str) -> None:
    by = tx.who.operator_code
    if row["kind"] == "rewound":
        _send_again(tx, row["local"].get("vanished", []), note)
        return
    if row["yj_id"] is None or decision == "link":
        return
    wanted = OutboxState.SETTLED if decision in NAMING else OutboxState.PENDING
    if decision == "void":
        exits.void_reversals(tx, row["yj_id"], note)
    values: dict[str, Any] = {"attempts": 0, "next_attempt_at": None, "last_error": None}
    if wanted is OutboxState.SETTLED and key is not None:
        values["central_key"] = key
    if not move(tx.conn, row["yj_id"], OutboxState.CONFLICT, wanted, at=tx.at, by=by, detail=decision, **values):
        raise YjError("decision_not_possible", possible="–")


def _send_again(tx: Tx, vanished: Sequence[Mapping[str, Any]], note: str) -> None:
    """Documents that a rewound centre lost go back to pending (q). An incident that was signed off is open again
    (r, d): the centre takes nothing for a closed one, and nobody could decide about what it refuses."""
    by, touched = tx.who.operator_code, set[int]()
    for item in vanished:
        moved = move(
            tx.conn, item["yj_id"], OutboxState.CONFIRMED, OutboxState.PENDING, at=tx.at, by=by,
            detail=note.strip(), central_key=None, confirmed_at=None, attempts=0, next_attempt_at=None,
        )  # fmt: skip
        touched |= {int(item["incident_no"])} if moved else set()
    for number in sorted(touched):
        state = incident_row(tx.conn, number)["state"]
        if state == IncidentState.CLOSED.value:
            set_incident_state(tx, number, IncidentState.RECONCILING, closed_at=None)
        if state in (IncidentState.CLOSED.value, IncidentState.RECONCILING.value):
            set_incident_state(tx, number, IncidentState.UPLOADING, upload_wanted=True)


def _only_key(central: Mapping[str, Any]) -> str | None:
    if central.get("central_key"):
        return str(central["central_key"])
    candidates = central.get("candidates") or []
    return str(candidates[0]["patient_no"]) if len(candidates) == 1 else None


def _shown(conn: Connection, row: RowMapping, *, masked: bool) -> dict[str, Any]:
    kind = kind_of(row["kind"])
    possible = kind.decisions if row["decision"] is None else ()
    if row["decision"] == "link" and exits.can_unlink(conn, row):
        possible = ("unlink",)
    shown = dict(row)
    shown["amount"] = None if row["amount"] is None else format(row["amount"], "f")
    shown |= {"title": kind.zh, "title_en": kind.en}
    shown["local"] = {name: value for name, value in row["local"].items() if name != "beyond"}  # of a rewound centre
    shown["possible"] = [
        {
            "decision": name,
            "consequence": DECISIONS[name].zh,
            "consequence_en": DECISIONS[name].en,
            "approver": needs_approver(row["kind"], name, row["entity"]),
        }
        for name in possible
    ]
    # Linked by a person, but the centre was not told yet: the next upload run does that.
    shown["awaits_upload"] = row["decision"] == "link" and row["document_state"] == OutboxState.CONFLICT.value
    if masked:
        shown["local"], shown["central"] = _masked(row["local"]), _masked(row["central"])
    return shown


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _masked_field(name, inner) for name, inner in value.items()}
    return [_masked(inner) for inner in value] if isinstance(value, list) else value


def _masked_field(name: str, value: Any) -> Any:
    if isinstance(value, str) and name in ("id_no", "insurance_no"):
        return mask_id(value)
    if isinstance(value, str) and name.endswith("phone"):
        return mask_phone(value)
    return _masked(value)
