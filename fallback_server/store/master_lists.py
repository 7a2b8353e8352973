"""Master lists as they hold here: the mirror's rows, and over them what two people keyed in during an outage.

A change stands while the mirror still says what it said when the change was keyed in. The moment a generation is
published that says anything else, the centre has spoken and its word counts: no window ever sees half of each.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, select, update

from fallback_server.domain import money
from fallback_server.domain.datasets import DATASETS
from fallback_server.domain.modes import ModeState
from fallback_server.domain.numbers import mirrored_id
from fallback_server.domain.pinyin import initials
from fallback_server.store import mirror
from fallback_server.store.master_changes import master_change
from fallback_server.store.session import Tx

CHANGEABLE: Final = {"drug": "drug_code", "fee_item": "item_code"}
CAUGHT_UP, OVERRULED = "caught_up", "overruled"


def told(values: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """The columns `names` of a row as a change keeps them: prices as text with four decimals."""
    return {name: _plain(values.get(name)) for name in names}


def _plain(value: Any) -> Any:
    return money.price_text(value) if isinstance(value, Decimal) else value


def judged(change: Mapping[str, Any], row: Mapping[str, Any] | None) -> str | None:
    """What the mirror's row of now makes of a standing change: None, it stands; `caught_up`; `overruled`."""
    now = None if row is None else told(row, change["row"] if change["before"] is None else change["before"])
    if now == change["before"]:
        return None
    if now is None:
        return OVERRULED
    # Of a new item only what is charged is compared: its other columns are the centre's to word.
    wanted = change["row"] if change["before"] is not None else told(change["row"], {"unit_price": 0, "active": 0})
    return CAUGHT_UP if told(now, wanted) == wanted else OVERRULED


def standing(conn: Connection, dataset: str | None = None, *, drill: bool = False) -> list[dict[str, Any]]:
    """The changes that nobody has ended, oldest first."""
    statement = select(master_change).where(master_change.c.ended_at.is_(None), master_change.c.drill == drill)
    if dataset is not None:
        statement = statement.where(master_change.c.dataset == dataset)
    return [dict(row) for row in conn.execute(statement.order_by(master_change.c.id)).mappings()]


def in_force(conn: Connection, mode: ModeState, dataset: str) -> dict[str, dict[str, Any]]:
    """Code → the whole row as it holds now, of every item that a standing change speaks of. Usually empty.

    A drill has its own changes, of that drill only.
    """
    found = {change["code"]: change for change in standing(conn, dataset, drill=mode.drill)}
    if mode.drill:
        found = {code: one for code, one in found.items() if one["incident_no"] == mode.incident_no}
    if not found:
        return {}
    mirrored = _rows(conn, dataset, found)
    return {
        code: _laid_over(dataset, code, change, mirrored.get(code))
        for code, change in found.items()
        if judged(change, mirrored.get(code)) is None
    }


def _rows(conn: Connection, dataset: str, codes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    table, key = mirror.datasets[dataset], CHANGEABLE[dataset]
    rows = conn.execute(select(table).where(table.c[key].in_(list(codes)))).mappings()
    return {row[key]: dict(row) for row in rows}


def _laid_over(dataset: str, code: str, change: Mapping[str, Any], row: Mapping[str, Any] | None) -> dict[str, Any]:
    values = {name: money.price(value) if name == "unit_price" else value for name, value in change["row"].items()}
    if row is not None:
        return {**row, **values}
    # The id the item will have when the centre knows it: what is written now stays the same item.
    blank = dict.fromkeys(DATASETS[dataset].names)
    pinyin = initials(str(values["name"]))
    return {**blank, **values, "id": mirrored_id(dataset, code), "row_hash": "", "pinyin": pinyin}


def answered(conn: Connection) -> list[tuple[dict[str, Any], str]]:
    """Standing changes of real outages that the mirror has answered, each with `caught_up` or `overruled`."""
    found = []
    for dataset in CHANGEABLE:
        changes = standing(conn, dataset)
        mirrored = _rows(conn, dataset, {one["code"]: None for one in changes}) if changes else {}
        for change in changes:
            verdict = judged(change, mirrored.get(change["code"]))
            if verdict is not None:
                found.append((change, verdict))
    return found


def end_answered(tx: Tx) -> int:
    """Drop what the mirror has answered; how many."""
    found = answered(tx.conn)
    for change, verdict in found:
        end(tx, change, verdict, None)
    return len(found)


def end(tx: Tx, change: Mapping[str, Any], how: str, note: str | None) -> None:
    """A change stands no more; what was charged by it stays as it was charged."""
    values = {"ended_at": tx.at, "ended_how": how, "ended_by": tx.who.operator_code, "ended_note": note}
    tx.conn.execute(update(master_change).where(master_change.c.id == change["id"]).values(**values))
    tx.audit("masters.end", subject=change["id"], dataset=change["dataset"], code=change["code"], how=how)
