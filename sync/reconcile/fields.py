"""Layer 3: every column of a row read again at the centre, against the payload that was frozen here.

Only columns that the mapping's `verify/*.sql` gives are compared, and only what the centre cannot have changed by
itself afterwards: that a prescription was dispensed, a visit seen or a charge refunded there later is no difference.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from sqlalchemy import Connection, select

from fallback_server.domain import money
from fallback_server.domain.clock import from_text
from fallback_server.store.outbox import outbox, outbox_parent
from sync.central.gateway import Row

SHORTEST_MOMENT: Final = 10  # the centre may keep a day only
LONGEST_MOMENT: Final = 19
Said = tuple[str, Any, Any]
"""(kind of the difference, what we say, what the centre says)."""


def parse(payload: str) -> dict[str, Any]:
    """A frozen payload as it was."""
    found: dict[str, Any] = json.loads(payload)
    return found


def references(payloads: Iterable[Mapping[str, Any]]) -> set[str]:
    """Ids of our own documents that these speak of."""
    refs = (ref for body in payloads for ref in (body.get("refs") or {}).values())
    return {ref["id"] for ref in refs if ref and ref["origin"] == "yj"}


def central_keys(conn: Connection, ids: Iterable[str]) -> dict[str, str]:
    """The keys that documents of ours have at the centre."""
    rows = conn.execute(select(outbox.c.yj_id, outbox.c.central_key).where(outbox.c.yj_id.in_(sorted(set(ids)))))
    return {row.yj_id: str(row.central_key) for row in rows if row.central_key is not None}


def key_of(body: Mapping[str, Any], name: str, keys: Mapping[str, str]) -> str | None:
    """The centre's key of what the payload refers to by `name`; None where it is not known."""
    ref = (body.get("refs") or {}).get(name)
    if not ref:
        return None
    return keys.get(ref["id"]) or (str(ref["central_key"]) if ref.get("central_key") else None)


def moment(body: Mapping[str, Any], row: Row) -> Iterator[Said]:
    """The time of the act, as exactly as the centre keeps it."""
    theirs = str(row.get("occurred_at") or "").strip().replace("T", " ")[:LONGEST_MOMENT]
    ours = from_text(body["occurred_at"]).replace(tzinfo=None).isoformat(" ", "seconds")
    if len(theirs) >= SHORTEST_MOMENT and ours[: len(theirs)] != theirs:
        yield "date", ours, theirs


def reference(kind: str, body: Mapping[str, Any], keys: Mapping[str, str], row: Row, column: str) -> Iterator[Said]:
    """Whom or what it belongs to, where the mapping gives that: to nobody is a difference too."""
    ours, theirs = key_of(body, kind, keys), _text(row.get(column))
    if column in row and ours is not None and ours != theirs:
        yield kind, ours, theirs


def word(kind: str, ours: Any, row: Row, column: str) -> Iterator[Said]:
    """A code that the mapping gives, where we have one."""
    theirs = _text(row.get(column))
    if column in row and ours and theirs != str(ours).strip():
        yield kind, str(ours), theirs


def amount(ours: Any, row: Row) -> Iterator[Said]:
    """The total, to the cent."""
    if row.get("total") is None or ours is None:
        return
    theirs = money.round_cents(Decimal(str(row["total"])))
    if theirs != Decimal(str(ours)):
        yield "amount", str(ours), money.to_text(theirs)


def lines(body: Mapping[str, Any], rows: Sequence[Row]) -> Iterator[Said]:
    """Line by line in any order: item, quantity, unit price to the cent, amount. What is equal is left out."""
    columns = [name for name in ("item_code", "quantity", "unit_price", "amount") if _given(rows, name)]
    if "amount" not in columns:
        return
    ours = Counter(_line(one, columns) for one in body.get("lines") or ())
    theirs = Counter(_line(one, columns) for one in rows)
    if ours != theirs:
        yield "line", _shown(ours - theirs), _shown(theirs - ours)


def _given(rows: Sequence[Row], name: str) -> bool:
    return all(row.get(name) is not None for row in rows)


def _line(one: Mapping[str, Any], columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(_text(one[name]) or "" if name == "item_code" else _figure(one[name]) for name in columns)


def _figure(value: Any) -> str:
    try:
        return format(money.round_cents(Decimal(str(value))), "f")
    except InvalidOperation:
        return str(value)


def _shown(some: Counter[tuple[str, ...]]) -> str:
    return "; ".join(" × ".join(one) for one in sorted(some.elements()))


def transferred(conn: Connection, registration_ids: Sequence[str]) -> dict[str, str]:
    """The department to which a transfer of ours that is at the centre moved each of these registrations."""
    rows = conn.execute(
        select(outbox_parent.c.parent_id, outbox.c.payload)
        .join(outbox, outbox.c.yj_id == outbox_parent.c.yj_id)
        .where(
            outbox_parent.c.parent_id.in_(registration_ids),
            outbox.c.entity == "registration_transfer",
            outbox.c.state == "confirmed",
        )
        .order_by(outbox.c.sequence)
    )
    return {row.parent_id: str(parse(row.payload)["department_code"]) for row in rows}


def _text(value: Any) -> str | None:
    text = "" if value is None else str(value).strip()
    return text or None
