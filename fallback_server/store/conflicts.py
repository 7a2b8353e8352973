"""Conflicts: what waits for a person on the way back, what they may decide, and what each decision means.

A document that the centre refused stands in state `conflict` with one open row here; what only the blind window
showed has a row without a document. Deciding is a local act with name, note, time and audit (money: with a second
person); whatever it changes at the centre happens in the next upload run. The table of kinds is in docs/upload.md and
a test keeps both equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, select, update

from fallback_server.domain.errors import YjError
from fallback_server.domain.identity import mask_id, mask_phone
from fallback_server.domain.modes import IncidentState
from fallback_server.domain.outbox import OutboxState
from fallback_server.store.mode import incident
from fallback_server.store.outbox import outbox
from fallback_server.store.outbox_moves import move
from fallback_server.store.returning import conflict
from fallback_server.store.session import Tx

MONEY_ENTITIES: Final = frozenset({"charge", "refund", "receipt_event"})
CHOSEN_KEY: Final = "chosen_key"  # in `central` of a decided row: the central key the person chose


@dataclass(frozen=True)
class Decision:
    """One way out. `approver`: always needs a second person; documents of money need one for all but `retry`."""

    zh: str
    en: str
    approver: bool = False


DECISIONS: Final[dict[str, Decision]] = {
    "retry": Decision(
        "原样再次上传；原因未消除时会再次回到这里。",
        "Send it again unchanged; if the cause is still there it comes back.",
    ),
    "link": Decision(
        "认定它就是中心已有的那条记录：只登记台账，不再写入业务表。",
        "It is the record that is at the centre already: only the ledger is written.",
    ),
    "create": Decision(
        "确认是另一个人：在中心新建病人档案。",
        "Another person: create a new patient at the centre.",
    ),
    "settle": Decision(
        "不上传；已用别的单据处理，作为差异由具名人员说明后才能关账。",
        "Do not send it: settled by another document; a named person must explain the difference.",
        approver=True,
    ),
    "retry_without_receipt": Decision(
        "上传时不带票据号；该号已被中心使用，纸质票据须收回或换开。",
        "Send it without its receipt number, which the centre used; exchange the paper receipt.",
        approver=True,
    ),
    "retry_unsettled": Decision(
        "钱款照样入账，但不改动中心那张处方或申请；若病人付了两次，须在 HIS 退一笔。",
        "Book the money, leave the centre's prescription or order alone; refund one if paid twice.",
        approver=True,
    ),
    "approve_rewound": Decision(
        "认可中心已回退：消失的单据退回待上传，镜像见过而中心没有的记录按清单补录。",
        "Accept the rewound centre: vanished documents are sent again, lost rows are keyed in.",
        approver=True,
    ),
    "recover": Decision(
        "认可台账领先：补记本地丢失的单据，号码全部前移，然后继续上传。",
        "Accept what the ledger has: note what was lost here, move all numbers on, go on.",
        approver=True,
    ),
    "noted": Decision("已知悉并在 HIS 中处理，备注写明结果。", "Dealt with in the HIS; the note says how."),
    "dismiss": Decision("核对后确认不是问题。", "Checked: it is not a problem."),
}


@dataclass(frozen=True)
class Kind:
    """One kind of conflict.

    `breaks`: five patients in a row with it mean a systemic fault rather than five cases.
    """

    zh: str
    en: str
    decisions: tuple[str, ...]
    breaks: bool = True


_SETTLING = ("retry", "retry_unsettled", "link", "settle")
_PLAIN = ("retry", "link", "settle")
_PATIENT = ("link", "create", "retry")
_RECEIPT = ("retry_without_receipt", "retry", "settle")
_NO_LINK = ("retry", "settle")
_DOUBT = ("noted", "dismiss")
ASKED_AGAIN: Final = ("rewound", "ledger_ahead")  # each loss is a new one
OTHER_KIND: Final = Kind("中心拒绝了这张单据", "The centre refused this document", _PLAIN)

_SYSTEMIC: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "receipt_no_used": ("票据号在中心已被使用", "The receipt number was used at the centre", _RECEIPT),
    "price_gone": ("收费项目或药品在中心已停用", "An item is no longer at the centre", _PLAIN),
    "department_gone": ("科室在中心已停用", "The department is no longer at the centre", _PLAIN),
    "patient_gone": ("中心已没有该病人", "The patient is no longer at the centre", _PLAIN),
    "key_table": ("中心取不到新的主键", "The centre gave no new key", _PLAIN),
    "not_written": ("中心没有写入", "The centre did not write the row", _PLAIN),
    "too_many_attempts": ("多次尝试均未成功", "Too many attempts failed", _PLAIN),
    "integrity_alarm": ("台账与本地内容不一致", "The ledger holds other contents", _NO_LINK),
    "fenced": ("中心不认可本服务器的这次事件", "The centre does not hold this incident open for us", _NO_LINK),
}
_SINGLE: Final[dict[str, tuple[str, str, tuple[str, ...]]]] = {
    "patient_match": ("中心有相近的病人，须人工确认", "Similar patients at the centre", _PATIENT),
    "patient_exists": ("中心已有同一证件的病人", "A patient with this id number is there", _PATIENT),
    "card_exists": ("卡号在中心已被使用", "The card number was used at the centre", _PLAIN),
    "prescription_already_paid": ("处方在中心已收费", "The prescription was paid at the centre", _SETTLING),
    "prescription_changed": ("处方在中心已被修改或作废", "The prescription was changed at the centre", _SETTLING),
    "prescription_dispensed": ("处方在中心已发药", "The prescription was dispensed at the centre", _SETTLING),
    "order_already_paid": ("申请单在中心已收费", "The order was paid at the centre", _SETTLING),
    "order_changed": ("申请单在中心已被修改或作废", "The order was changed at the centre", _SETTLING),
    "order_executed": ("申请单在中心已执行", "The order was executed at the centre", _SETTLING),
    "registration_changed": ("这次挂号在中心已变动", "The registration was changed at the centre", _PLAIN),
    "charge_changed": ("原收费在中心已变动", "The charge was changed at the centre", _PLAIN),
    "charge_already_refunded": ("原收费在中心已退费", "The charge was refunded at the centre", _PLAIN),
    "refund_exceeds": ("退费超过中心的可退金额", "More than the centre has left to refund", _PLAIN),
    "missing_parent": ("所依据的单据没有上传", "A document it depends on was not uploaded", _PLAIN),
    "rewound": ("中心数据被回退", "The centre was rewound", ("approve_rewound",)),
    "ledger_ahead": ("中心台账比本服务器新", "The centre's ledger is ahead of this standby", ("recover",)),
    "doubt_charged_twice": ("同一病人同一金额两边都收过费", "Same patient and amount on both sides", _DOUBT),
    "doubt_receipt_number": ("同一票据号两边都使用过", "The same receipt number on both sides", _DOUBT),
    "doubt_patient_twice": ("同一病人可能两边都建了档", "A patient may exist on both sides", _DOUBT),
    "doubt_registered_twice": ("同日同科室两边都挂了号", "Registered on both sides on one day", _DOUBT),
    "doubt_queue_number": ("同一排班序号两边都用过", "The same queue number on both sides", _DOUBT),
}
KINDS: Final[dict[str, Kind]] = {
    **{name: Kind(*entry, breaks=True) for name, entry in _SYSTEMIC.items()},
    **{name: Kind(*entry, breaks=False) for name, entry in _SINGLE.items()},
}


def kind_of(name: str) -> Kind:
    """The kind; a code that only the mapping knows gets the plain decisions."""
    return KINDS.get(name, OTHER_KIND)


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
    return [_shown(row, masked=True) for row in rows]


def show_conflict(conn: Connection, conflict_id: int) -> dict[str, Any]:
    """One item with both versions unmasked. Raises conflict_not_found."""
    row = conn.execute(_selected().where(conflict.c.id == conflict_id)).mappings().first()
    if row is None:
        raise YjError("conflict_not_found")
    return _shown(row, masked=False)


def resolve(tx: Tx, conflict_id: int, decision: str, note: str, central_key: str | None = None) -> dict[str, Any]:
    """Decide an item as `tx.who` (whose approver was checked before) and move its document along the decision's arrow.

    `retry…` and `create` return the document to pending (n), `settle` ends it (p); `link` leaves it in conflict until
    the next upload run has entered its ledger row (o). `link` takes `central_key`, or the one key the conflict shows.
    Raises conflict_not_found, incident_closed, decision_not_possible, second_person_required, invalid_request.
    """
    row = tx.conn.execute(_selected().where(conflict.c.id == conflict_id)).mappings().first()
    if row is None:
        raise YjError("conflict_not_found")
    _check(tx, row, decision, note)
    central = dict(row["central"])
    key = (central_key or "").strip() or None
    if decision == "link":
        key = key or _only_key(central)
        if key is None:
            raise YjError("invalid_request", field="central_key", problem="required for link")
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
    tx.audit("conflict.resolve", subject=str(conflict_id), decision=decision, kind=row["kind"], yj_id=row["yj_id"])
    return show_conflict(tx.conn, conflict_id)


def needs_approver(kind: str, decision: str, entity: str | None) -> bool:
    """Whether a second person must agree: money, and whatever leaves a document unsent."""
    return DECISIONS[decision].approver or (entity in MONEY_ENTITIES and decision != "retry")


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
    return found


OVERRIDES: Final[dict[str, dict[str, Any]]] = {
    "retry_without_receipt": {"receipt_no": None},
    "retry_unsettled": {"prescriptions": [], "orders": []},
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
    if decision not in possible:
        raise YjError("decision_not_possible", possible=", ".join(possible) or "–")
    if not note.strip():
        raise YjError("invalid_request", field="note", problem="required")
    state = tx.conn.execute(select(incident.c.state).where(incident.c.incident_no == row["incident_no"])).scalar_one()
    if state == IncidentState.CLOSED.value:
        raise YjError("incident_closed")
    approver = tx.who.approver_code
    if needs_approver(row["kind"], decision, row["entity"]) and approver in (None, "", tx.who.operator_code):
        raise YjError("second_person_required")


def _move(tx: Tx, row: RowMapping, decision: str, key: str | None, note: str) -> None:
    by = tx.who.operator_code
    if row["kind"] == "rewound":
        for item in row["local"].get("vanished", []):
            move(
                tx.conn, item["yj_id"], OutboxState.CONFIRMED, OutboxState.PENDING, at=tx.at, by=by,
                detail=note.strip(), central_key=None, confirmed_at=None, attempts=0, next_attempt_at=None,
            )  # fmt: skip
        return
    if row["yj_id"] is None or decision == "link":
        return
    wanted = OutboxState.SETTLED if decision == "settle" else OutboxState.PENDING
    values: dict[str, Any] = {"attempts": 0, "next_attempt_at": None, "last_error": None}
    if wanted is OutboxState.SETTLED and key is not None:
        values["central_key"] = key
    if not move(tx.conn, row["yj_id"], OutboxState.CONFLICT, wanted, at=tx.at, by=by, detail=decision, **values):
        raise YjError("decision_not_possible", possible="–")


def _only_key(central: Mapping[str, Any]) -> str | None:
    if central.get("central_key"):
        return str(central["central_key"])
    candidates = central.get("candidates") or []
    return str(candidates[0]["patient_no"]) if len(candidates) == 1 else None


def _shown(row: RowMapping, *, masked: bool) -> dict[str, Any]:
    kind = kind_of(row["kind"])
    possible = kind.decisions if row["decision"] is None else ()
    shown = dict(row)
    shown["amount"] = None if row["amount"] is None else format(row["amount"], "f")
    shown |= {"title": kind.zh, "title_en": kind.en}
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
