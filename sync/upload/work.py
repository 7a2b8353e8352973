"""What is to be sent next, and a document made ready for the port: payload checked, keys of its parents filled in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, exists, func, or_, select

from fallback_server.domain import money
from fallback_server.domain.documents import payload_hash
from fallback_server.domain.outbox import OutboxState
from fallback_server.store.conflicts import overrides
from fallback_server.store.mode import incident
from fallback_server.store.outbox import outbox, outbox_parent
from sync.central.gateway import CentralError, IntegrityAlarm, LedgerRow, Outgoing, Refused

BATCH = 200
_PARENT = outbox.alias("parent")


@dataclass(frozen=True)
class Item:
    """One claimed document, as it stands in the outbox."""

    yj_id: str
    entity: str
    chain: str
    attempts: int
    row: Mapping[str, Any]


Ready = Outgoing | CentralError


def ready(conn: Connection, incident_no: int, now: str, limit: int = BATCH) -> dict[str, str]:
    """Documents that may go now (id → entity), all of the lowest rank that has any, in the order of their acts.

    A document waits for its own parents only. Documents of closed incidents that a rewound centre lost go along.
    """
    rows = conn.execute(
        select(outbox.c.yj_id, outbox.c.entity, outbox.c.rank)
        .where(
            *_pending(incident_no),
            or_(outbox.c.next_attempt_at.is_(None), outbox.c.next_attempt_at <= now),
            ~_waits_for_a_parent(),
        )
        .order_by(outbox.c.rank, outbox.c.sequence)
        .limit(limit)
    ).all()
    return {row.yj_id: row.entity for row in rows if row.rank == rows[0].rank}


def ready_of(conn: Connection, incident_no: int, entity: str, limit: int) -> list[str]:
    """Documents of one kind that could go now, whatever their rank and next attempt."""
    rows = conn.execute(
        select(outbox.c.yj_id)
        .where(*_pending(incident_no), outbox.c.entity == entity, ~_waits_for_a_parent())
        .order_by(outbox.c.sequence)
        .limit(limit)
    )
    return [row.yj_id for row in rows]


def next_due(conn: Connection, incident_no: int) -> str | None:
    """When the earliest document that only waits for its next attempt is due; None if none is."""
    value = conn.execute(
        select(func.min(outbox.c.next_attempt_at)).where(*_pending(incident_no), ~_waits_for_a_parent())
    ).scalar()
    return str(value) if value is not None else None


def _pending(incident_no: int) -> tuple[Any, ...]:
    closed = select(incident.c.incident_no).where(incident.c.state == "closed")
    return (
        outbox.c.state == OutboxState.PENDING.value,
        or_(outbox.c.incident_no == incident_no, outbox.c.incident_no.in_(closed)),
    )


def _waits_for_a_parent() -> Any:
    sent = (OutboxState.CONFIRMED.value, OutboxState.SETTLED.value)
    return exists(
        select(outbox_parent.c.yj_id)
        .join(_PARENT, _PARENT.c.yj_id == outbox_parent.c.parent_id)
        .where(outbox_parent.c.yj_id == outbox.c.yj_id, _PARENT.c.state.not_in(sent))
    )


def load(conn: Connection, yj_ids: Sequence[str]) -> list[Item]:
    """These documents as stored, in the order asked for."""
    rows = conn.execute(select(outbox).where(outbox.c.yj_id.in_(yj_ids))).mappings()
    found = {row["yj_id"]: dict(row) for row in rows}
    stored = (found[yj_id] for yj_id in yj_ids)
    return [Item(row["yj_id"], row["entity"], row["chain"], row["attempts"], row) for row in stored]


def prepare(
    conn: Connection, items: Sequence[Item], installation_id: str, *, need_keys: bool = True
) -> list[tuple[Item, Ready]]:
    """Each document ready to go, or the error it fails with before the centre is asked.

    IntegrityAlarm if the stored payload is not the one that was frozen, Refused('missing_parent') if one it speaks of
    was settled without a key at the centre; without `need_keys` it is only to be entered in the ledger.
    """
    ids = [item.yj_id for item in items]
    changed, known = overrides(conn, ids), _parent_keys(conn, ids)
    prepared: list[tuple[Item, Ready]] = []
    for item in items:
        try:
            ready: Ready = _outgoing(item, installation_id, changed.get(item.yj_id, {}), known, need_keys)
        except CentralError as error:
            ready = error
        prepared.append((item, ready))
    return prepared


def _outgoing(
    item: Item, installation_id: str, changed: Mapping[str, Any], known: Mapping[str, str | None], need_keys: bool
) -> Outgoing:
    text = item.row["payload"]
    if payload_hash(text) != item.row["payload_hash"]:
        raise IntegrityAlarm(f"the stored payload of {item.row['yj_no']} is not the one that was frozen")
    payload = {**json.loads(text), **changed}
    keys, missing = _keys(known, payload)
    if missing and need_keys:
        raise Refused("missing_parent", f"{len(missing)} referenced documents have no key at the centre", missing)
    return Outgoing(ledger_row(item.row, installation_id, payload.get("receipt_no")), payload, keys)


def ledger_row(row: RowMapping | Mapping[str, Any], installation_id: str, receipt_no: str | None) -> LedgerRow:
    """The row the centre's ledger gets for a document of the outbox."""
    return LedgerRow(
        yj_id=row["yj_id"],
        entity=row["entity"],
        incident_no=row["incident_no"],
        installation_id=installation_id,
        sequence=row["sequence"],
        payload_hash=row["payload_hash"],
        central_key=None,
        amount=money.to_text(row["amount"]),
        operator_code=row["operator_code"],
        receipt_no=receipt_no,
        yj_no=row["yj_no"],
        business_date=row["business_date"],
    )


def _parent_keys(conn: Connection, yj_ids: Sequence[str]) -> dict[str, str | None]:
    """The keys that the parents of these documents have at the centre, by the parent's id."""
    rows = conn.execute(
        select(outbox.c.yj_id, outbox.c.central_key)
        .join(outbox_parent, outbox_parent.c.parent_id == outbox.c.yj_id)
        .where(outbox_parent.c.yj_id.in_(yj_ids))
    )
    return {row.yj_id: row.central_key for row in rows}


def _keys(known: Mapping[str, str | None], payload: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """(key at the centre by id, name by id of what has none) of everything the document refers to."""
    keys: dict[str, str] = {}
    missing: dict[str, str] = {}
    for name, ref in _references(payload):
        key = known.get(ref["id"]) if ref["origin"] == "yj" else ref.get("central_key")
        if key is None:
            missing[ref["id"]] = name
        else:
            keys[ref["id"]] = key
    return keys, missing


def _references(payload: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    yield from ((name, ref) for name, ref in (payload.get("refs") or {}).items() if ref is not None)
    for name in ("prescriptions", "orders"):
        yield from ((name, ref) for ref in payload.get(name) or ())


def summary(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Our version of a document, for a person who decides about it: what it says, without its technical header."""
    hidden = {"payload_version", "installation_id", "epoch", "sequence", "generation", "create_anyway"}
    return {name: value for name, value in payload.items() if name not in hidden}
