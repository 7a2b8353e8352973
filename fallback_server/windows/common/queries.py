"""Reading the master lists and the roll call."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import select

from fallback_server.acts import keyed_in, searching
from fallback_server.domain import money
from fallback_server.domain.datasets import DATASETS
from fallback_server.domain.errors import YjError
from fallback_server.store import mirror
from fallback_server.store.master_lists import CHANGEABLE
from fallback_server.store.session import Tx

# Master lists and the columns by which each is searched.
LISTS: dict[str, tuple[str, ...]] = {
    "drug": ("pinyin", "name", "drug_code"),
    "fee_item": ("pinyin", "name", "item_code"),
    "diagnosis": ("pinyin", "name", "diagnosis_code"),
    "staff": ("pinyin", "name", "staff_code"),
    "department": ("name", "department_code"),
    "register_type": ("name", "type_code"),
    "schedule": ("department_code",),
}
_OURS = ("row_hash", "pinyin")


def master_list(tx: Tx, dataset: str, q: str, limit: int, cursor: str | None) -> dict[str, Any]:
    """One page of a master list, active rows only, by code; `q` is a prefix of pinyin initials, name or code."""
    table = mirror.datasets[dataset]
    statement = select(table)
    if "active" in table.c:
        statement = statement.where(table.c.active.is_(True))
    condition = searching.matching(table, q, LISTS[dataset])
    if condition is not None:
        statement = statement.where(condition)
    key = next(iter(table.primary_key.columns))
    found = searching.page(tx, statement, key, limit, cursor)
    return {**found, "items": [shown(dataset, row) for row in _laid_over(tx, dataset, q, found, cursor)]}


def _laid_over(tx: Tx, dataset: str, q: str, found: dict[str, Any], cursor: str | None) -> list[dict[str, Any]]:
    """A page with what was keyed in here: new items stand on the page where their code belongs."""
    items: list[dict[str, Any]] = found["items"]
    if dataset not in CHANGEABLE:
        return items
    key = CHANGEABLE[dataset]
    first = searching.decoded(cursor) if cursor else ""
    last = items[-1][key] if found["next_cursor"] else None
    rows = keyed_in.lay_over(tx, dataset, items, q, LISTS[dataset])
    here = [row for row in rows if row[key] > first and (last is None or row[key] <= last)]
    return sorted(here, key=lambda row: str(row[key]))


def dictionary(tx: Tx, name: str) -> dict[str, Any]:
    """All codes of a dictionary; raises unknown_dictionary."""
    table = mirror.datasets["dictionary"]
    rows = tx.conn.execute(select(table).where(table.c.dict == name).order_by(table.c.code)).mappings().all()
    if not rows:
        raise YjError("unknown_dictionary", code=name)
    return {"items": [shown("dictionary", dict(row)) for row in rows], "next_cursor": None}


def shown(dataset: str, row: dict[str, Any]) -> dict[str, Any]:
    """A mirrored row for the interface: money as text, our bookkeeping columns left out, whence it is added."""
    plain = {name: _plain(name, value) for name, value in row.items() if name not in _OURS}
    return {**plain, "origin": "centre", "central_key": str(row[DATASETS[dataset].keys[-1]])}


def _plain(name: str, value: Any) -> Any:
    if not isinstance(value, Decimal):
        return value
    return money.price_text(value) if name == "unit_price" else money.to_text(value)
