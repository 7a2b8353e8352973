"""What of ours the centre's own tables show, where it has no table of ours (every ledger mode but same_transaction).

Read from `verify/*.sql`, which give all rows with our mark. They know a document by its YJ number and its key, not by
its contents: enough to see that one has vanished, or that one is there which this store never made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, func, select

from fallback_server.domain import money
from fallback_server.domain.clock import from_text, to_text
from fallback_server.store.exits import linked_documents
from fallback_server.store.mode import incident
from fallback_server.store.outbox import outbox
from fallback_server.store.returning import recovered
from fallback_server.store.session import Store, installation_id
from sync.central.gateway import CentralGateway, LedgerRow, Row

KINDS: Final = ("registration", "prescription", "order", "charge", "refund")
PATIENT: Final = "verify/patient_key"
EARLIER: Final = timedelta(days=3)  # a paper prescription carries the time at which it was written
LATER: Final = timedelta(seconds=2)
NOBODYS: Final = "?"
"""The first character of an identity made up for a document whose own nobody knows any more."""


@dataclass(frozen=True)
class Trace:
    """One row of ours at the centre."""

    entity: str
    central_key: str
    yj_no: str | None
    row: Row


def there(gateway: CentralGateway, kinds: Sequence[str], since: str, until: str) -> Iterator[Trace]:
    """Our rows of these kinds at the centre, of a period of business time."""
    for entity in kinds:
        if gateway.has(f"verify/{entity}"):
            for row in gateway.ask(f"verify/{entity}", {"since": since, "until": until}):
                number = str(row.get("yj_no") or "").strip() or None
                yield Trace(entity, str(row["central_key"]).strip(), number, row)


def vanished(store: Store, gateway: CentralGateway, confirmed: Sequence[Row]) -> list[Row]:
    """Which of these confirmed documents have no row at the centre any more, as far as its tables can tell."""
    by_incident: dict[int, list[Row]] = {}
    for row in confirmed:
        by_incident.setdefault(int(row["incident_no"]), []).append(row)
    gone: list[Row] = []
    for number, mine in by_incident.items():
        kinds = [entity for entity in KINDS if any(row["entity"] == entity for row in mine)]
        told = [entity for entity in kinds if gateway.has(f"verify/{entity}")]
        with store.reading() as tx:
            since, until = _period(tx.conn, number, tx.at)
            linked = linked_documents(tx.conn, number)  # to a row of the centre's own, which has no mark of ours
        keys = {(trace.entity, trace.central_key) for trace in there(gateway, told, since, until)}
        mine = [row for row in mine if row["yj_id"] not in linked]
        gone += [row for row in mine if row["entity"] in told and (row["entity"], str(row["central_key"])) not in keys]
        gone += [row for row in mine if row["entity"] == "patient" and _patient_gone(gateway, row)]
    return gone


def strangers(store: Store, gateway: CentralGateway, incident_no: int) -> list[LedgerRow]:
    """Documents at the centre that this store never made, or does not remember: it was restored, or has a twin.

    They get an identity and a sequence number of their own, because the real ones are lost.
    """
    with store.reading() as tx:
        since, until = _period(tx.conn, incident_no, tx.at)
        known = set(tx.conn.execute(select(outbox.c.yj_no)).scalars())
        known |= set(tx.conn.execute(select(recovered.c.yj_no)).scalars())
        own = installation_id(tx.conn)
        day = str(tx.conn.execute(select(incident.c.opened_at).where(incident.c.incident_no == incident_no)).scalar())
    found = [trace for trace in there(gateway, KINDS, since, until) if trace.yj_no and trace.yj_no not in known]
    found.sort(key=lambda trace: (str(trace.yj_no), trace.entity))
    return [_row(trace, place, incident_no, own, day[:10]) for place, trace in enumerate(found, start=1)]


def _row(trace: Trace, place: int, incident_no: int, own: str, day: str) -> LedgerRow:
    row = trace.row
    signed = trace.entity in ("charge", "refund")
    return LedgerRow(
        yj_id=f"{NOBODYS}{trace.yj_no}"[:26],
        entity=trace.entity,
        incident_no=incident_no,
        installation_id=own,
        sequence=place,
        payload_hash=NOBODYS * 64,
        central_key=trace.central_key,
        amount=money.to_text(money.amount(str(row["total"]))) if signed else "0.00",
        operator_code=_text(row, "operator_code"),
        receipt_no=_text(row, "receipt_no") or None if trace.entity == "charge" else None,
        yj_no=str(trace.yj_no),
        business_date=_text(row, "occurred_at")[:10] or day,
    )


def _text(row: Row, name: str) -> str:
    value: Any = row.get(name)
    return "" if value is None else str(value).strip()


def _patient_gone(gateway: CentralGateway, row: Mapping[str, Any]) -> bool:
    return gateway.has(PATIENT) and not gateway.ask(PATIENT, {"key": row["central_key"]})


def _period(conn: Connection, incident_no: int, now: str) -> tuple[str, str]:
    """From the switch, or the first act, to the last act, ends included."""
    own = outbox.c.incident_no == incident_no
    first, last = conn.execute(select(func.min(outbox.c.created_at), func.max(outbox.c.created_at)).where(own)).one()
    row = conn.execute(
        select(incident.c.opened_at, incident.c.ended_at).where(incident.c.incident_no == incident_no)
    ).one()
    begins = [from_text(text) for text in (row.opened_at, first) if text]
    ends = [from_text(text) for text in (row.ended_at, last, now) if text]
    return to_text(min(begins) - EARLIER), to_text(max(ends) + LATER)
