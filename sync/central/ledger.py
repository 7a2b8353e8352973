"""Our only tables in the centre: what they hold, how rows are entered and read. ledger.sql makes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    column,
    delete,
    func,
    insert,
    or_,
    select,
    table,
    update,
)

from sync.central.binds import plain
from sync.central.driver_sql import execute
from sync.central.gateway import Applied, CentralIncident, IntegrityAlarm, LedgerRow, Refused, TransactionEnded

COLUMNS: Final = (
    "yj_id", "entity", "incident_no", "installation_id", "sequence", "payload_hash", "central_key", "amount",
    "operator_code", "receipt_no", "yj_no", "business_date",
)  # fmt: skip
INCIDENT_COLUMNS: Final = ("installation_id", "incident_no", "epoch", "opened_at", "closed_at")

ledger = table("yj_ledger", *(column(name) for name in (*COLUMNS, "applied_at")))
incident = table("yj_incident", *(column(name) for name in INCIDENT_COLUMNS))

_READ = select(*(ledger.c[name] for name in COLUMNS))
# What every document needs is built once.
_ENTER = insert(ledger)
_COMPLETE = (
    update(ledger)
    .where(ledger.c.yj_id == bindparam("own"))
    .values(central_key=bindparam("key"), payload_hash=bindparam("whole"))
)
_REGISTERED = select(incident.c.epoch).where(
    incident.c.installation_id == bindparam("installation_id"),
    incident.c.incident_no == bindparam("incident_no"),
    incident.c.closed_at.is_(None),
)
_FIND_BATCH = 500
_UNFINISHED: Final = "-"
"""In place of a hash's first digit until the document is whole: a transaction that a procedure ended on the way leaves
a row behind that proves nothing."""


def enter(connection: Connection, row: LedgerRow, applied_at: str) -> None:
    """Insert the ledger row, unfinished. A concurrent attempt of the same document makes this wait."""
    unfinished = {"central_key": None, "payload_hash": _unfinished(row), "applied_at": applied_at}
    execute(connection, _ENTER, {**vars(row), **unfinished})


def complete(connection: Connection, row: LedgerRow, central_key: str | None) -> None:
    """Write the key the centre gave, and that the document is whole; last in the transaction."""
    execute(connection, _COMPLETE, {"own": row.yj_id, "whole": row.payload_hash, "key": central_key})


def discard_unfinished(connection: Connection, row: LedgerRow) -> bool:
    """Take a row out that was committed before its document was whole; whether there was one."""
    unfinished = and_(ledger.c.yj_id == row.yj_id, ledger.c.payload_hash == _unfinished(row))
    return connection.execute(delete(ledger).where(unfinished)).rowcount == 1


def remove_link(connection: Connection, row: LedgerRow, central_key: str) -> bool:
    """Take out the row of a link: only exactly this document with exactly this key."""
    same = and_(
        ledger.c.yj_id == row.yj_id,
        ledger.c.payload_hash == row.payload_hash,
        ledger.c.central_key == central_key,
        ledger.c.installation_id == row.installation_id,
    )
    return connection.execute(delete(ledger).where(same)).rowcount == 1


def compare(connection: Connection, row: LedgerRow) -> Applied | None:
    """What the ledger says of a row it refused: repeated, or None if it is not there (the other attempt rolled back).

    Raises IntegrityAlarm for other contents under this identity, or another identity under this sequence;
    TransactionEnded for a row that was committed before its document was whole.
    """
    same = ledger.c.yj_id == row.yj_id
    taken = and_(ledger.c.installation_id == row.installation_id, ledger.c.sequence == row.sequence)
    known = [_row(values) for values in connection.execute(_READ.where(or_(same, taken)))]
    own = next((other for other in known if other.yj_id == row.yj_id), None)
    if own is not None and own.payload_hash == row.payload_hash:
        return Applied(own.central_key, repeated=True)
    if own is not None and own.payload_hash == _unfinished(row):
        raise TransactionEnded(f"{row.yj_id}: an attempt was committed before it was whole; look what is there of it")
    if known:
        raise IntegrityAlarm(
            f"{row.yj_id} (sequence {row.sequence}): the ledger has "
            + ("this identity with other contents" if own else f"this sequence under {known[0].yj_id}")
        )
    return None


def find(connection: Connection, yj_ids: Sequence[str]) -> dict[str, LedgerRow]:
    """The rows of these ids, in batches that every database takes."""
    found: dict[str, LedgerRow] = {}
    for start in range(0, len(yj_ids), _FIND_BATCH):
        batch = yj_ids[start : start + _FIND_BATCH]
        for values in connection.execute(_READ.where(ledger.c.yj_id.in_(batch))):
            row = _row(values)
            found[row.yj_id] = row
    return found


def head(connection: Connection, installation_id: str) -> int:
    """The greatest sequence of an installation, 0 for none."""
    statement = select(func.max(ledger.c.sequence)).where(ledger.c.installation_id == installation_id)
    return int(connection.execute(statement).scalar() or 0)


def rows(connection: Connection, installation_id: str, incident_no: int | None) -> Iterator[LedgerRow]:
    """All rows of an installation (of one incident), by sequence."""
    statement = _READ.where(ledger.c.installation_id == installation_id)
    if incident_no is not None:
        statement = statement.where(ledger.c.incident_no == incident_no)
    for values in connection.execute(statement.order_by(ledger.c.sequence)):
        yield _row(values)


def is_registered(connection: Connection, row: LedgerRow) -> bool:
    """The fence: this installation holds this incident open at the centre."""
    return execute(connection, _REGISTERED, vars(row)).first() is not None


def register(connection: Connection, installation_id: str, incident_no: int, epoch: int, opened_at: str) -> None:
    """Enter the incident, or open it again. Raises Refused('fenced'). The caller holds the application lock."""
    own = connection.execute(select(incident).where(_key(installation_id, incident_no))).mappings().first()
    if own is not None and own["epoch"] == epoch and own["closed_at"] is None:
        return
    foreign = incident.c.installation_id != installation_id
    if own is None or own["epoch"] != epoch:
        # One of ours that was closed here is opened again beside a younger one: a rewound centre lost documents of it.
        foreign = or_(foreign, incident.c.epoch > epoch)
    other = connection.execute(select(incident).where(incident.c.closed_at.is_(None), foreign)).mappings().first()
    if other is not None:
        raise _fenced(f"installation {other['installation_id']} holds incident {other['incident_no']} open", other)
    if own is not None and own["epoch"] != epoch:
        raise _fenced(f"the centre knows incident {incident_no} with epoch {own['epoch']}, not {epoch}", own)
    if own is not None:
        close(connection, installation_id, incident_no, None)
        return
    values = (installation_id, incident_no, epoch, opened_at, None)
    connection.execute(insert(incident), dict(zip(INCIDENT_COLUMNS, values, strict=True)))


def incidents(connection: Connection) -> list[CentralIncident]:
    """Every incident there."""
    statement = select(*(incident.c[name] for name in INCIDENT_COLUMNS)).order_by(incident.c.incident_no)
    found = []
    for values in connection.execute(statement):
        fields = {name: plain(value) for name, value in zip(INCIDENT_COLUMNS, values, strict=True)}
        found.append(CentralIncident(**fields))
    return found


def renew(connection: Connection, installation_id: str, incident_no: int, epoch: int) -> None:
    """Another epoch for an incident that is there."""
    connection.execute(update(incident).where(_key(installation_id, incident_no)).values(epoch=epoch))


def close(connection: Connection, installation_id: str, incident_no: int, closed_at: str | None) -> None:
    """Set when the incident was closed at the centre."""
    connection.execute(update(incident).where(_key(installation_id, incident_no)).values(closed_at=closed_at))


def _unfinished(row: LedgerRow) -> str:
    return _UNFINISHED + row.payload_hash[1:]


def _fenced(detail: str, row: Any) -> Refused:
    return Refused("fenced", detail, {name: plain(value) for name, value in row.items()})


def _key(installation_id: str, incident_no: int) -> ColumnElement[bool]:
    return and_(incident.c.installation_id == installation_id, incident.c.incident_no == incident_no)


def _row(values: Any) -> LedgerRow:
    fields = {name: plain(value) for name, value in zip(COLUMNS, values, strict=True)}
    fields["amount"] = format(Decimal(str(fields["amount"])).quantize(Decimal("0.01")), "f")
    fields["business_date"] = str(fields["business_date"])[:10]
    fields["sequence"] = int(fields["sequence"])
    return LedgerRow(**fields)
