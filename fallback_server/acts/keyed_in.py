"""Prices and new items keyed in by two people during an outage, and master lists with them laid over the mirror's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select

from fallback_server.acts.searching import spellings
from fallback_server.domain.datasets import DATASETS
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Mode
from fallback_server.store import master_lists, mirror
from fallback_server.store.master_changes import master_change
from fallback_server.store.master_lists import CHANGEABLE
from fallback_server.store.session import Tx

Row = dict[str, Any]


# --- reading ---------------------------------------------------------------------------------------------------------


def find(tx: Tx, dataset: str, code: str) -> Row | None:
    """The row with this code as it holds here, or None where no change speaks of it."""
    if dataset not in CHANGEABLE:
        return None
    return master_lists.in_force(tx.conn, tx.mode, dataset).get(code)


def lay_over(
    tx: Tx, dataset: str, rows: Sequence[Row], q: str, columns: Sequence[str], *, active_only: bool = True
) -> list[Row]:
    """`rows` of a search with the changed items as they hold here; new and changed ones that fit `q` are added.

    The order is the caller's to make again.
    """
    changed = master_lists.in_force(tx.conn, tx.mode, dataset) if dataset in CHANGEABLE else {}
    if not changed:
        return list(rows)
    key = CHANGEABLE[dataset]
    kept = [row for row in rows if row[key] not in changed]
    return kept + [row for row in changed.values() if (row["active"] or not active_only) and fits(row, q, columns)]


def fits(row: Mapping[str, Any], q: str, columns: Sequence[str]) -> bool:
    """`acts.searching.matching` for a row in hand."""
    texts = spellings(q)
    return not texts or any(
        str(row.get(name) or "").startswith(text.upper() if name == "pinyin" else text)
        for text in texts
        for name in columns
    )


def listed(tx: Tx, *, ended: bool = False, limit: int = 200) -> list[Row]:
    """What stands, and what the HIS must still be told: newest first; with `ended` what is over."""
    table = master_change
    over = table.c.ended_at.is_not(None) if ended else table.c.ended_at.is_(None)
    statement = select(table).where(table.c.drill == tx.mode.drill, over).order_by(table.c.id.desc()).limit(limit)
    found = []
    for row in map(dict, tx.conn.execute(statement).mappings()):
        now = _mirrored(tx, row["dataset"], row["code"])
        name = row["row"].get("name") or (now or {}).get("name") or row["code"]
        verdict = None if row["ended_at"] else master_lists.judged(row, now)
        found.append({**row, "name": name, "answered": verdict})
    return found


def _mirrored(tx: Tx, dataset: str, code: str) -> Row | None:
    table = mirror.datasets[dataset]
    row = tx.conn.execute(select(table).where(table.c[CHANGEABLE[dataset]] == code)).mappings().first()
    return dict(row) if row is not None else None


# --- keying in -------------------------------------------------------------------------------------------------------


def change(tx: Tx, key: str, dataset: str, code: str, values: Mapping[str, Any], reason: str) -> Row:
    """Let an item of the mirror cost, or be sold, as `values` say (`unit_price`, `active`).

    The second person was checked before. A change of the same item that stands already is replaced. Raises mode_normal
    outside an outage, unknown_drug, unknown_fee_item, nothing_changed.
    """
    _require_outage(tx)
    before = _standing(tx, dataset, code)
    row = _mirrored(tx, dataset, code)
    if before is not None and before["before"] is None:
        if row is not None:
            raise YjError("busy")  # the mirror brings the item this very moment: look again
        return _write(tx, key, before["kind"], dataset, code, {**before["row"], **values}, None, reason, before)
    if row is None:
        raise YjError("unknown_drug" if dataset == "drug" else "unknown_fee_item", code=code)
    wanted = (before["row"] if before is not None else {}) | dict(values)
    wanted = {name: value for name, value in wanted.items() if value != master_lists.told(row, {name: 0})[name]}
    if not wanted and before is None:
        raise YjError("nothing_changed", code=code)
    if not wanted and before is not None:  # back to what the mirror says: nothing is left to stand
        master_lists.end(tx, before, "withdrawn", reason)
        return {**before, "ended_how": "withdrawn"}
    kind = "price" if "unit_price" in wanted else "stop"
    return _write(tx, key, kind, dataset, code, wanted, master_lists.told(row, wanted), reason, before)


def add(tx: Tx, key: str, dataset: str, code: str, values: Mapping[str, Any], reason: str) -> Row:
    """Add an item that the centre does not have yet. Raises mode_normal, and code_known where the code is taken."""
    _require_outage(tx)
    known = _standing(tx, dataset, code) is not None or any(_mirrored(tx, one, code) for one in CHANGEABLE)
    if known:
        raise YjError("code_known", code=code)
    row = {name: values.get(name) for name in DATASETS[dataset].names if values.get(name) is not None}
    return _write(tx, key, "new", dataset, code, {**row, CHANGEABLE[dataset]: code, "active": True}, None, reason, None)


def withdraw(tx: Tx, change_id: str, reason: str) -> Row:
    """Take a change back, in any mode; the second person was checked. Raises not_found, already_cancelled."""
    row = tx.conn.execute(select(master_change).where(master_change.c.id == change_id)).mappings().first()
    if row is None:
        raise YjError("not_found")
    if row["ended_at"] is not None:
        raise YjError("already_cancelled")
    master_lists.end(tx, dict(row), "withdrawn", reason)
    return {**dict(row), "ended_at": tx.at, "ended_how": "withdrawn"}


def _require_outage(tx: Tx) -> None:
    if tx.mode.mode is not Mode.EMERGENCY:
        raise YjError("mode_normal")


def _standing(tx: Tx, dataset: str, code: str) -> Row | None:
    """The change of this item that stands. One the mirror has answered since is ended on the way."""
    for one in master_lists.standing(tx.conn, dataset, drill=tx.mode.drill):
        if one["code"] != code:
            continue
        verdict = master_lists.judged(one, _mirrored(tx, dataset, code))
        if verdict is None and (not tx.mode.drill or one["incident_no"] == tx.mode.incident_no):
            return one
        master_lists.end(tx, one, verdict or "withdrawn", None)
    return None


def _write(
    tx: Tx,
    key: str,
    kind: str,
    dataset: str,
    code: str,
    row: Row,
    before: Row | None,
    reason: str,
    replaced: Row | None,
) -> Row:
    if replaced is not None:
        master_lists.end(tx, replaced, "replaced", None)
    approver = tx.who.approver_code
    if approver is None:
        raise YjError("second_person_required")
    written = {
        "id": key, "dataset": dataset, "code": code, "kind": kind, "row": row, "before": before, "reason": reason,
        "entered_at": tx.at, "entered_by": tx.who.operator_code, "approver_code": approver,
        "incident_no": tx.incident_no, "drill": tx.mode.drill,
    }  # fmt: skip
    tx.conn.execute(master_change.insert().values(**written))
    tx.audit("masters.change", subject=key, dataset=dataset, code=code, kind=kind, row=row, before=before)
    return {**written, "ended_at": None, "ended_how": None, "name": row.get("name")}
