"""Registrations, prescriptions, orders: on both sides, with the same contents, cancelled or paid on both or neither."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, select

from fallback_server.store.cash import charge_line, settlement
from fallback_server.store.outbox import outbox, outbox_parent
from fallback_server.store.returning import recovered
from fallback_server.store.session import Store
from fallback_server.store.visits import order, prescription, registration
from sync.central.gateway import Row
from sync.reconcile import fields
from sync.reconcile.match import Difference

TABLES: dict[str, Table] = {"registration": registration, "prescription": prescription, "order": order}
CHUNK = 500


@dataclass
class Visits:
    """Matches one entity; remembers only the ids that were seen."""

    store: Store
    incident_no: int
    entity: str
    linked: set[str]
    seen: set[str] = field(default_factory=set)

    def page(self, rows: Sequence[Row]) -> Iterator[Difference]:
        """Compare rows of the centre with ours."""
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            with self.store.reading() as tx:
                yield from self._chunk(tx.conn, chunk)

    def _chunk(self, conn: Connection, chunk: Sequence[Row]) -> Iterator[Difference]:
        known = self._known(conn, [str(row.get("yj_no") or "") for row in chunk])
        lost = self._lost(conn, [str(row["central_key"]) for row in chunk])
        bodies = {document.yj_id: fields.parse(document.payload) for document in known.values()}
        keys = fields.central_keys(conn, fields.references(bodies.values()))
        moved = fields.transferred(conn, sorted(bodies)) if self.entity == "registration" else {}
        for row in chunk:
            document = known.get(str(row.get("yj_no") or ""))
            key = str(row["central_key"])
            if key in lost and (document is None or document.central_key != key):
                continue  # lost here by a restored backup: the ledger's side lists it
            if document is None:
                yield self._difference("extra_at_centre", f"{self.entity}:{key}", None, row)
            elif document.incident_no != self.incident_no:
                continue
            elif document.central_key != str(row["central_key"]) or document.yj_id in self.seen:
                yield self._difference("doubled", f"{document.yj_id}:{row['central_key']}", document, row)
            else:
                self.seen.add(document.yj_id)
                yield from self._status(conn, document, row)
                body = bodies[document.yj_id]
                department = moved.get(document.yj_id, body.get("department_code"))
                yield from self._fields(document, row, body, keys, department)

    def _fields(
        self, document: Any, row: Row, body: Mapping[str, Any], keys: Mapping[str, str], department: Any
    ) -> Iterator[Difference]:
        """Column by column against the frozen payload."""
        said = [
            *fields.reference("patient", body, keys, row, "patient_key"),
            *fields.word("department", department, row, "department_code"),
            *fields.word("operator", body.get("operator_code"), row, "operator_code"),
            *fields.moment(body, row),
            *fields.amount(body.get("total"), row),
        ]
        for kind, ours, theirs in said:
            local, central = {"yj_no": document.yj_no, kind: ours}, {"yj_no": document.yj_no, kind: theirs}
            yield Difference(kind, document.yj_id, document.yj_id, document.central_key,
                             {"entity": self.entity, **local}, central)  # fmt: skip

    def missing(self) -> Iterator[Difference]:
        """Confirmed documents that no page showed."""
        with self.store.reading() as tx:
            confirmed = tx.conn.execute(
                select(outbox.c.yj_id, outbox.c.yj_no, outbox.c.central_key)
                .where(outbox.c.incident_no == self.incident_no, outbox.c.entity == self.entity)
                .where(outbox.c.state == "confirmed")
            ).all()
        for row in confirmed:
            if row.yj_id not in self.seen and row.yj_id not in self.linked:
                yield self._difference("missing_at_centre", row.yj_id, row, None)

    def _lost(self, conn: Connection, keys: Sequence[str]) -> set[str]:
        """Keys of documents that this store lost when it came back from a backup."""
        same = (recovered.c.entity == self.entity, recovered.c.central_key.in_(keys))
        return {str(key) for key in conn.execute(select(recovered.c.central_key).where(*same)).scalars()}

    def _known(self, conn: Connection, numbers: Iterable[str]) -> dict[str, Any]:
        table = TABLES[self.entity]
        rows = conn.execute(
            select(
                outbox.c.yj_id,
                outbox.c.yj_no,
                outbox.c.central_key,
                outbox.c.incident_no,
                outbox.c.payload,
                table.c.cancelled_at,
            )
            .join(table, table.c.id == outbox.c.yj_id)
            .where(table.c.yj_no.in_(sorted(set(numbers))), outbox.c.entity == self.entity)
        )
        return {row.yj_no: row for row in rows}

    def _status(self, conn: Connection, document: Any, row: Row) -> Iterator[Difference]:
        """Only what cannot have happened at the centre by itself: our cancellation, our payment."""
        theirs = str(row.get("status") or "")
        cancelled = _cancelled_there(conn, self.entity, document)
        expected = None
        if cancelled != (theirs == "cancelled"):
            expected = "cancelled" if cancelled else "not cancelled"
        elif self.entity != "registration" and theirs == "unpaid" and _paid(conn, document.yj_id):
            expected = "paid"
        if expected:
            kind = f"{self.entity}_status"
            yield Difference(
                kind, document.yj_id, document.yj_id, document.central_key,
                {"yj_no": document.yj_no, "status": expected}, {"yj_no": document.yj_no, "status": theirs},
            )  # fmt: skip

    def _difference(self, kind: str, subject: str, document: Any, row: Row | None) -> Difference:
        local = {"entity": self.entity, "yj_no": document.yj_no} if document is not None else {"entity": self.entity}
        central = {name: None if value is None else str(value) for name, value in (row or {}).items()}
        key = central.get("central_key") or (document.central_key if document is not None else None)
        return Difference(kind, subject, document.yj_id if document is not None else None, key, local, central)


def _cancelled_there(conn: Connection, entity: str, document: Any) -> bool:
    """Whether our cancellation has reached the centre; one still with a person is listed as such."""
    if document.cancelled_at is None:
        return False
    sent = conn.execute(
        select(outbox.c.yj_id)
        .join(outbox_parent, outbox_parent.c.yj_id == outbox.c.yj_id)
        .where(
            outbox_parent.c.parent_id == document.yj_id,
            outbox.c.entity == f"{entity}_cancel",
            outbox.c.state == "confirmed",
        )
    ).first()
    return sent is not None


def _paid(conn: Connection, document_id: str) -> bool:
    """Whether a charge for it arrived there and nothing of that charge was given back."""
    charge_id = conn.execute(
        select(settlement.c.charge_id)
        .join(outbox, outbox.c.yj_id == settlement.c.charge_id)
        .where(settlement.c.target_id == document_id, outbox.c.state == "confirmed")
    ).scalar()
    if charge_id is None:
        return False
    lines = select(charge_line.c.line_id).where(charge_line.c.charge_id == charge_id)
    returned = conn.execute(select(charge_line.c.line_id).where(charge_line.c.original_line_id.in_(lines)))
    return returned.first() is None
