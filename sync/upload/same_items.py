"""Has one patient paid for the same item on both sides? Sums alone do not tell: the other charge may hold more."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, select

from fallback_server.store.cash import charge_line
from sync.central.gateway import CentralGateway, Row

QUESTION: Final = "blind_window/charge_line"  # optional: without it charges are compared by their sums
ITEMS: Final = "items"
CHUNK: Final = 400
SHOWN: Final = 10

Items = Mapping[str, tuple[int, str]]
"""Item → quantity and name."""


def kept_with(
    gateway: CentralGateway, binds: Row, rows: list[dict[str, Any]], wanted: Collection[str]
) -> list[dict[str, Any]]:
    """The centre's charges, those of the keys `wanted` with their items."""
    if not wanted or not gateway.has(QUESTION):
        return rows
    lines: dict[str, list[list[Any]]] = {}
    for line in gateway.ask(QUESTION, binds):
        key = str(line["charge_key"])
        if key in wanted:
            quantity = int(Decimal(str(line["quantity"] or 0)))
            lines.setdefault(key, []).append([str(line["item_code"]), quantity, str(line.get("name") or "")])
    return [{**row, ITEMS: lines.get(str(row["central_key"]), [])} for row in rows]


def ours(conn: Connection, charge_ids: Iterable[str]) -> Mapping[str, Items]:
    """What our charges hold; registration fees are no sign of anything."""
    ids = sorted(charge_ids)
    found: dict[str, dict[str, tuple[int, str]]] = {}
    for start in range(0, len(ids), CHUNK):
        lines = select(charge_line).where(
            charge_line.c.charge_id.in_(ids[start : start + CHUNK]), charge_line.c.source != "registration"
        )
        for line in conn.execute(lines):
            found.setdefault(line.charge_id, {})[line.item_code] = (line.quantity, line.name)
    return found


def shared(own: Items, theirs: Row) -> str:
    """The items that both charges hold in the same quantity, in words; empty where there are none."""
    both = [own[code] for code, quantity, _ in theirs.get(ITEMS) or () if code in own and own[code][0] == quantity]
    more = f" … {len(both)}" if len(both) > SHOWN else ""
    return "、".join(f"{name} ×{quantity}" for quantity, name in both[:SHOWN]) + more
