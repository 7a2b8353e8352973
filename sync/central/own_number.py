"""The other ledger modes: no table of ours at the centre, only our number in what the centre keeps itself.

`procedure`: the vendor's procedure takes our key and refuses it twice. `unique_column`: a column that the centre keeps
unique carries our number. `none`: after any doubt a person looks. Which of them holds is decided by kind of document:
one that nothing of the centre guards is treated as with `none`, whatever the mode.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from sync.central.binds import jsonable
from sync.central.gateway import (
    Applied,
    CentralIncident,
    Duplicate,
    IntegrityAlarm,
    LedgerMode,
    LedgerRow,
    Outgoing,
    Proof,
    Refused,
    Row,
    Systemic,
)
from sync.central.ledger_table import Work, guarded
from sync.central.mapping import proof_of
from sync.central.steps import Repeated

if TYPE_CHECKING:
    from sync.central.sql_gateway import SqlGateway

OTHER_CONTENTS = "?"  # a payload_hash that is nobody's


class OwnNumber:
    """Keeper without tables of ours. It knows no incidents, so it fences nobody."""

    def __init__(self, gateway: SqlGateway, mode: LedgerMode) -> None:
        self._gateway = gateway
        self.mode = mode

    def proof(self, entity: str) -> Proof:
        return proof_of(self._gateway.mapping, entity)

    def arrived(self, rows: Sequence[LedgerRow]) -> Mapping[str, LedgerRow]:
        found: dict[str, LedgerRow] = {}
        asked = [row for row in rows if self.proof(row.entity) is Proof.ASKED]
        if asked:
            with self._gateway.reading() as connection:
                for row in asked:
                    there = self._find(connection, row)
                    found |= {row.yj_id: there} if there is not None else {}
        return found

    def find(self, yj_ids: Sequence[str]) -> Mapping[str, LedgerRow]:
        return {}

    def rows(self, installation_id: str, incident_no: int | None) -> Iterator[LedgerRow]:
        return iter(())

    def head(self, installation_id: str) -> int:
        return 0

    def incidents(self) -> Sequence[CentralIncident]:
        return ()

    def register(self, installation_id: str, incident_no: int, epoch: int, opened_at: str) -> None:
        """There is nowhere to enter it."""

    def renew(self, installation_id: str, incident_no: int, epoch: int) -> None:
        """There is nothing to renew."""

    def close(self, installation_id: str, incident_no: int, closed_at: str) -> None:
        """There is nothing to close."""

    def apply(self, outgoing: Outgoing, work: Work, *, rehearse: bool) -> Applied:
        gateway, row, where = self._gateway, outgoing.ledger, f"upload/{outgoing.ledger.entity}.sql"
        try:
            with gateway.writing(where, rehearse=rehearse) as connection:
                with gateway.errors(where):
                    gateway.edge.lock(connection, gateway.timeouts.lock)
                known = self._before(connection, outgoing)
                if known is not None:
                    return known
                key = guarded(gateway, connection, work, where)
                if rehearse:
                    self._twice(connection, row, work)
            return Applied(key)
        except Repeated as told:
            return self._repeated(row, told.central_key)
        except Duplicate as refused:
            return self._after_duplicate(row, refused)

    def link(self, row: LedgerRow, central_key: str) -> Applied:
        """Nothing is entered at the centre: only this standby knows of the link."""
        return Applied(central_key)

    def take_link_back(self, row: LedgerRow, central_key: str) -> bool:
        return True

    # -- inside -----------------------------------------------------------------------------------------------------

    def _before(self, connection: Connection, outgoing: Outgoing) -> Applied | None:
        """Under the application lock: what the centre has under our number already.

        Raises Refused('maybe_there') where that is no proof, unless a person said that it is not this document.
        """
        row, proof = outgoing.ledger, self.proof(outgoing.ledger.entity)
        if proof is Proof.ASKED:
            there = self._find(connection, row)
            return None if there is None else _same(row, there)
        if proof is Proof.PERSON and not outgoing.not_there:
            found = self._evidence(connection, outgoing)
            if found:
                raise Refused("maybe_there", "the centre shows something under this number", jsonable(found[0]))
        return None

    def _twice(self, connection: Connection, row: LedgerRow, work: Work) -> None:
        """A rehearsal tries the proof itself: what was written a moment ago must be found, and refused again."""
        proof, where = self.proof(row.entity), f"upload/{row.entity}.sql"
        if proof is Proof.ASKED and self._find(connection, row) is None:
            raise Systemic(f"upload/find_{row.entity}.sql does not find what {where} wrote; nothing would be proved")
        if self.mode is LedgerMode.PROCEDURE and proof is not Proof.PERSON:
            try:
                work(connection)
            except Repeated:
                return
            raise Systemic(f"{where}: its procedure took the same number twice; nothing would be proved")

    def _repeated(self, row: LedgerRow, key: str | None) -> Applied:
        """The procedure has this number. Its own tables say whether it is this document, where they can be asked."""
        there = self.arrived([row]).get(row.yj_id)
        return _same(row, there) if there is not None else Applied(key, repeated=True)

    def _after_duplicate(self, row: LedgerRow, refused: Duplicate) -> Applied:
        """A unique index said no: to our number, if it is found now; otherwise to something else."""
        there = self.arrived([row]).get(row.yj_id)
        if there is None:
            raise Refused(refused.code, refused.detail, refused.central)
        return _same(row, there)

    def _find(self, connection: Connection, row: LedgerRow) -> LedgerRow | None:
        """The document as find_<entity>.sql shows it, under our hash if nothing there contradicts it."""
        rows = self._gateway.ask_in(connection, f"upload/find_{row.entity}", asdict(row))
        if not rows:
            return None
        if len(rows) > 1:
            raise IntegrityAlarm(f"{row.yj_no}: the centre has this number {len(rows)} times")
        return _entry(row, jsonable(rows[0]))

    def _evidence(self, connection: Connection, outgoing: Outgoing) -> Sequence[Row]:
        name = f"upload/find_{outgoing.ledger.entity}"
        return self._gateway.ask_in(connection, name, evidence_binds(outgoing)) if self._gateway.has(name) else ()


def evidence_binds(outgoing: Outgoing) -> dict[str, Any]:
    """What a find file may ask by: the document's own fields, and those of its ledger row."""
    scalars = {name: value for name, value in outgoing.payload.items() if not isinstance(value, (list, dict))}
    patient = (outgoing.payload.get("refs") or {}).get("patient") or {}
    key = outgoing.keys.get(str(patient.get("id"))) or patient.get("central_key")
    return {**scalars, **asdict(outgoing.ledger), "patient_key": key}


def _entry(row: LedgerRow, shown: Row) -> LedgerRow:
    """`amount` and `yj_id`, where the find file gives them, must be ours."""
    same = shown.get("yj_id") in (None, row.yj_id) and _same_amount(row.amount, shown.get("amount"))
    key = shown.get("central_key")
    return replace(
        row,
        central_key=None if key is None else str(key),
        payload_hash=row.payload_hash if same else OTHER_CONTENTS,
    )


def _same_amount(ours: str, theirs: Any) -> bool:
    if theirs is None:
        return True
    try:
        return Decimal(ours) == Decimal(str(theirs))
    except InvalidOperation:
        return False


def _same(row: LedgerRow, there: LedgerRow) -> Applied:
    if there.payload_hash != row.payload_hash:
        raise IntegrityAlarm(f"{row.yj_no}: the centre has this number with other contents")
    return Applied(there.central_key, repeated=True)
