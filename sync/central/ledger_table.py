"""`[ledger] mode = "same_transaction"`: our table at the centre, its row first in the transaction of the business rows.

The other modes are in `own_number`; both have the same methods, and the gateway asks whichever its mapping names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from fallback_server.domain.clock import to_text
from sync.central import ledger
from sync.central.gateway import (
    Applied,
    CentralIncident,
    LedgerMode,
    LedgerRow,
    Outgoing,
    Proof,
    Refused,
    Systemic,
    TransactionEnded,
    Transient,
)
from sync.central.steps import Repeated

if TYPE_CHECKING:
    from sync.central.sql_gateway import SqlGateway

Work = Callable[[Connection], str | None]
"""Runs the steps of one document and gives the key the centre gave; may be run again, as if for the first time."""
ENDED: Final = "a statement or procedure of it ended the transaction; it may not"


class Keeper(Protocol):
    """What keeps the return exactly-once at one centre. See the methods of the same names of `CentralGateway`."""

    mode: LedgerMode

    def proof(self, entity: str) -> Proof: ...
    def arrived(self, rows: Sequence[LedgerRow]) -> Mapping[str, LedgerRow]: ...
    def find(self, yj_ids: Sequence[str]) -> Mapping[str, LedgerRow]: ...
    def rows(self, installation_id: str, incident_no: int | None) -> Iterator[LedgerRow]: ...
    def head(self, installation_id: str) -> int: ...
    def incidents(self) -> Sequence[CentralIncident]: ...
    def register(self, installation_id: str, incident_no: int, epoch: int, opened_at: str) -> None: ...
    def renew(self, installation_id: str, incident_no: int, epoch: int) -> None: ...
    def close(self, installation_id: str, incident_no: int, closed_at: str) -> None: ...
    def apply(self, outgoing: Outgoing, work: Work, *, rehearse: bool) -> Applied: ...
    def link(self, row: LedgerRow, central_key: str) -> Applied: ...
    def take_link_back(self, row: LedgerRow, central_key: str) -> bool: ...


class LedgerTable:
    """Keeper with our two tables."""

    mode = LedgerMode.SAME_TRANSACTION

    def __init__(self, gateway: SqlGateway) -> None:
        self._gateway = gateway

    def proof(self, entity: str) -> Proof:
        return Proof.LEDGER

    def arrived(self, rows: Sequence[LedgerRow]) -> Mapping[str, LedgerRow]:
        return self.find([row.yj_id for row in rows])

    def find(self, yj_ids: Sequence[str]) -> Mapping[str, LedgerRow]:
        with self._gateway.reading() as connection, self._gateway.errors("yj_ledger"):
            return ledger.find(connection, yj_ids)

    def rows(self, installation_id: str, incident_no: int | None) -> Iterator[LedgerRow]:
        with self._gateway.reading() as connection, self._gateway.errors("yj_ledger"):
            rows = list(ledger.rows(connection, installation_id, incident_no))
        yield from rows

    def head(self, installation_id: str) -> int:
        with self._gateway.reading() as connection, self._gateway.errors("yj_ledger"):
            return ledger.head(connection, installation_id)

    def incidents(self) -> Sequence[CentralIncident]:
        with self._gateway.reading() as connection, self._gateway.errors("yj_incident"):
            return ledger.incidents(connection)

    def register(self, installation_id: str, incident_no: int, epoch: int, opened_at: str) -> None:
        gateway = self._gateway
        with gateway.writing("yj_incident") as connection, gateway.errors("yj_incident"):
            gateway.edge.lock(connection, gateway.timeouts.lock)
            ledger.register(connection, installation_id, incident_no, epoch, opened_at)

    def renew(self, installation_id: str, incident_no: int, epoch: int) -> None:
        gateway = self._gateway
        with gateway.writing("yj_incident") as connection, gateway.errors("yj_incident"):
            gateway.edge.lock(connection, gateway.timeouts.lock)
            ledger.renew(connection, installation_id, incident_no, epoch)

    def close(self, installation_id: str, incident_no: int, closed_at: str) -> None:
        with self._gateway.writing("yj_incident") as connection, self._gateway.errors("yj_incident"):
            ledger.close(connection, installation_id, incident_no, closed_at)

    def apply(self, outgoing: Outgoing, work: Work, *, rehearse: bool) -> Applied:
        return self._apply(outgoing.ledger, work, rehearse=rehearse)

    def link(self, row: LedgerRow, central_key: str) -> Applied:
        return self._apply(row, lambda _: central_key, rehearse=False)

    def take_link_back(self, row: LedgerRow, central_key: str) -> bool:
        gateway = self._gateway
        with gateway.writing(_where(row)) as connection, gateway.errors("yj_ledger"):
            gateway.edge.lock(connection, gateway.timeouts.lock)
            return ledger.remove_link(connection, row, central_key)

    def _apply(self, row: LedgerRow, work: Work, *, rehearse: bool) -> Applied:
        gateway, where = self._gateway, _where(row)
        try:
            with gateway.writing(where, rehearse=rehearse) as connection:
                with gateway.errors(where):
                    gateway.edge.lock(connection, gateway.timeouts.lock)
                    if not rehearse and not ledger.is_registered(connection, row):
                        raise Refused("fenced", f"incident {row.incident_no} is not open at the centre for us")
                self._enter(connection, row)
                key = guarded(gateway, connection, work, where)
                with gateway.errors(where):
                    ledger.complete(connection, row, key)
            return Applied(key)
        except _InLedger:
            # The failed transaction is gone; the ledger is asked in a new one.
            return self._repeated(row)
        except TransactionEnded:
            self._discard(row)
            raise

    def _enter(self, connection: Connection, row: LedgerRow) -> None:
        try:
            ledger.enter(connection, row, to_text(self._gateway.clock.now()))
        except DBAPIError as error:
            if self._gateway.edge.is_duplicate(error):
                raise _InLedger from None
            raise self._gateway.statement_error(error, "yj_ledger") from None

    def _repeated(self, row: LedgerRow) -> Applied:
        try:
            with self._gateway.reading() as connection, self._gateway.errors("yj_ledger"):
                known = ledger.compare(connection, row)
        except TransactionEnded:
            self._discard(row)
            raise
        if known is None:
            raise Transient(f"{row.yj_id}: another attempt was under way and has rolled back")
        return known

    def _discard(self, row: LedgerRow) -> None:
        """Take the row out that a document torn in two left behind: it says that all of it is there."""
        with self._gateway.writing("yj_ledger") as connection, self._gateway.errors("yj_ledger"):
            ledger.discard_unfinished(connection, row)


class _InLedger(Exception):
    """The unique index refused the ledger row: somebody, perhaps we, entered it before."""


def guarded(gateway: SqlGateway, connection: Connection, work: Work, where: str) -> str | None:
    """Run the steps. Raises TransactionEnded if one of them ended our transaction, or began another."""
    with gateway.errors(where):
        gateway.edge.guard(connection)
    try:
        key = work(connection)
    except (Refused, Systemic, Repeated) as error:
        # A refusal says that nothing was applied: not if something was committed before it.
        if not (isinstance(error.__context__, DBAPIError) and gateway.edge.errors_end):
            _require_intact(gateway, connection, where)
        raise
    _require_intact(gateway, connection, where)
    return key


def _require_intact(gateway: SqlGateway, connection: Connection, where: str) -> None:
    with gateway.errors(where):
        if not gateway.edge.intact(connection):
            raise TransactionEnded(f"{where}: {ENDED}; part of the document may be at the centre")


def _where(row: LedgerRow) -> str:
    return f"upload/{row.entity}.sql"
