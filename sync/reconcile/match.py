"""Matching both sides record by record. A difference has a kind and a subject that stay when it is found again.

| kind | what it says |
|---|---|
| pending, sending, unknown, conflict | the document has not arrived; balanced only when there is none |
| settled, linked | a person decided not to send it, or that another row is it: to be explained |
| missing_at_centre, extra_at_centre, doubled, receipt_doubled | a row too few or too many |
| amount, category, method, line, operator, receipt_no, original, date, yj_no, patient, department | other contents |
| registration_status, prescription_status, order_status | cancelled or paid on one side only |
| ledger_missing, ledger_extra, ledger_… | the ledger disagrees with the outbox |
| totals_local, totals_central, counted | two ways to the same sums or rows disagree on one side |
| totals_apart | the sides' sums differ in a place of which no document is listed |
| cash_counted | what was counted in a shift is not what came in |
| recovered | the centre has it, this store lost it when it came back from a backup: to be explained |
| receipt_unknown, receipt_missing | a number of a book that nobody can account for |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, func, select

from fallback_server.domain import money
from fallback_server.store.cash import charge
from fallback_server.store.exits import linked_documents, standing_for
from fallback_server.store.outbox import outbox
from fallback_server.store.returning import recovered
from fallback_server.store.session import Store
from sync.central.gateway import LedgerRow
from sync.reconcile import fields
from sync.reconcile.centre import CentralCharge
from sync.reconcile.totals import LocalCharge, Sums, load_charges, texts

PAGE: Final = 500
OPEN_STATES: Final = ("pending", "sending", "unknown", "conflict")
MONEY: Final = ("charge", "refund")


@dataclass(frozen=True)
class Difference:
    """One difference; `subject` with `kind` identifies it over re-computation."""

    kind: str
    subject: str
    yj_id: str | None = None
    central_key: str | None = None
    local: Mapping[str, Any] = field(default_factory=dict)
    central: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Matcher:
    """Matches the centre's YJ charges with ours; remembers only keys and numbers."""

    incident_no: int
    seen: set[str] = field(default_factory=set)
    receipts: dict[str, str] = field(default_factory=dict)
    doubled: set[str] = field(default_factory=set)
    lost_there: set[str] = field(default_factory=set)  # rows of documents that this store lost

    def page(self, conn: Connection, rows: Sequence[CentralCharge]) -> tuple[list[CentralCharge], list[Difference]]:
        """(the rows that belong to this incident, or to nobody, and so are counted; the differences of this page)."""
        known, lost = self._documents(conn, rows), _lost(conn, rows)
        ours = load_charges(conn, sorted({doc["yj_id"] for doc in known.values() if doc["mine"]}))
        keys = fields.central_keys(conn, fields.references(own.payload for own in ours.values()))
        counted: list[CentralCharge] = []
        found: list[Difference] = []
        for row in rows:
            document = known.get(row.yj_no or "") or known.get(row.key)
            if row.key in lost and (document is None or document["central_key"] != row.key):
                if lost[row.key] == self.incident_no:
                    counted.append(row)
                    self.lost_there.add(row.key)
                continue  # noted when this store came back from a backup: `ledger` or `recovered_here` lists it
            if document is not None and not document["mine"]:
                continue  # a document of another incident: its own account shows it
            counted.append(row)
            found += self._doubled_receipt(row)
            if document is None:
                found.append(Difference("extra_at_centre", row.key, None, row.key, {}, row.shown()))
                continue
            own = ours.get(document["yj_id"])
            if own is None or own.central_key != row.key or own.id in self.seen:
                local = own.shown() if own else {"yj_no": document["yj_no"]}
                subject = f"{document['yj_id']}:{row.key}"
                found.append(Difference("doubled", subject, document["yj_id"], row.key, local, row.shown()))
                continue
            self.seen.add(own.id)
            found += _fields(own, row, keys)
        return counted, found

    def _documents(self, conn: Connection, rows: Sequence[CentralCharge]) -> dict[str, dict[str, Any]]:
        """Our documents by YJ number and by central key."""
        columns = (outbox.c.yj_id, outbox.c.yj_no, outbox.c.central_key, outbox.c.incident_no, outbox.c.entity)
        numbers = sorted({row.yj_no for row in rows if row.yj_no})
        keys = sorted({row.key for row in rows})
        by_key = conn.execute(select(*columns).where(outbox.c.central_key.in_(keys), outbox.c.entity.in_(MONEY)))
        found = {str(row.central_key): self._entry(row) for row in by_key}
        ours = select(*columns).join(charge, charge.c.id == outbox.c.yj_id).where(outbox.c.entity.in_(MONEY))
        by_number = conn.execute(ours.where(charge.c.yj_no.in_(numbers)))
        return found | {str(row.yj_no): self._entry(row) for row in by_number}

    def _entry(self, row: Any) -> dict[str, Any]:
        return {
            "yj_id": row.yj_id,
            "yj_no": row.yj_no,
            "central_key": row.central_key,
            "mine": row.incident_no == self.incident_no,
        }

    def _doubled_receipt(self, row: CentralCharge) -> Iterator[Difference]:
        if row.refund or row.receipt_no is None:
            return
        first = self.receipts.setdefault(row.receipt_no, row.key)
        if first != row.key:
            self.doubled.add(row.receipt_no)
            also = {**row.shown(), "also": first}
            yield Difference("receipt_doubled", f"{row.receipt_no}:{row.key}", None, row.key, {}, also)

    def missing(self, own: LocalCharge, linked: bool) -> Difference | None:
        """The difference of a charge of ours that no page showed, or None if it was shown."""
        if own.id in self.seen or own.state in (*OPEN_STATES, "settled"):
            return None  # what has not been sent is listed by its state
        kind = "linked" if linked else "missing_at_centre"
        return Difference(kind, own.id, own.id, own.central_key, own.shown(), {})


def _lost(conn: Connection, rows: Sequence[CentralCharge]) -> dict[str, int]:
    """Which of these rows are documents that this store lost, with the same amount: incident by key."""
    found = conn.execute(
        select(recovered.c.central_key, recovered.c.incident_no, recovered.c.amount).where(
            recovered.c.central_key.in_([row.key for row in rows]), recovered.c.entity.in_(MONEY)
        )
    ).all()
    totals = {row.key: row.total for row in rows}
    return {str(row.central_key): row.incident_no for row in found if totals.get(row.central_key) == row.amount}


def _fields(own: LocalCharge, row: CentralCharge, keys: Mapping[str, str]) -> Iterator[Difference]:
    if own.total != row.total:
        yield _field("amount", own, row, money.to_text(own.total), money.to_text(row.total))
    sums = [*_sums("category", own, row, own.by_category, row.by_category)]
    yield from sums
    yield from _sums("method", own, row, own.by_method, row.by_method)
    if own.yj_no != row.yj_no:
        yield _field("yj_no", own, row, own.yj_no, row.yj_no)
    if own.operator != row.operator:
        yield _field("operator", own, row, own.operator, row.operator)
    if not row.refund and own.receipt_no != row.receipt_no:
        yield _field("receipt_no", own, row, own.receipt_no, row.receipt_no)
    said = [
        *fields.moment(own.payload, row.row),
        *fields.reference("patient", own.payload, keys, row.row, "patient_key"),
    ]
    said += fields.lines(own.payload, row.lines) if not sums else ()
    original = fields.key_of(own.payload, "original", keys)
    if row.refund and original is not None and original != row.original_key:
        said.append(("original", original, row.original_key))
    for kind, ours, theirs in said:
        yield _field(kind, own, row, ours, theirs)


def _sums(kind: str, own: LocalCharge, row: CentralCharge, ours: Sums, theirs: Sums) -> Iterator[Difference]:
    left, right = texts(ours), texts(theirs)
    if left != right:
        yield _field(kind, own, row, left, right)


def _field(kind: str, own: LocalCharge, row: CentralCharge, ours: Any, theirs: Any) -> Difference:
    return Difference(
        kind, own.id, own.id, row.key, {"yj_no": own.yj_no, kind: ours}, {"yj_no": row.yj_no, kind: theirs}
    )


def unsent(conn: Connection, incident_no: int) -> Iterator[Difference]:
    """What has not arrived, and what a person decided not to send."""
    rows = conn.execute(
        select(outbox)
        .where(outbox.c.incident_no == incident_no, outbox.c.state.in_((*OPEN_STATES, "settled")))
        .order_by(outbox.c.sequence)
    ).mappings()
    pairs = standing_for(conn, incident_no)
    for row in rows:
        by = pairs.get(row["yj_id"], {})
        named = {"decision": by["decision"], "settled_by": by.get("yj_no") or by.get("central_key")} if by else {}
        local = {
            "yj_no": row["yj_no"], "entity": row["entity"], "amount": money.to_text(row["amount"]),
            "receipt_no": row["receipt_no"], "error": row["last_error"],
            **named,
        }  # fmt: skip
        yield Difference(row["state"], row["yj_id"], row["yj_id"], row["central_key"], local, {})


def linked(conn: Connection, incident_no: int) -> set[str]:
    """Documents a person linked to a row of the centre's own: there is no YJ row of theirs to be found."""
    return linked_documents(conn, incident_no)


def ledger(store: Store, incident_no: int, rows: Iterable[LedgerRow]) -> Iterator[Difference]:
    """Ledger against outbox, both walked by sequence at once."""
    with store.reading() as tx:
        lost = {row.yj_id: row for row in _recovered(tx.conn, incident_no)}
    entries = iter(rows)
    entry = next(entries, None)
    for row in _by_sequence(store, incident_no):
        while entry is not None and entry.sequence < row.sequence:
            yield _extra(entry, lost.pop(entry.yj_id, None))
            entry = next(entries, None)
        here = entry if entry is not None and entry.sequence == row.sequence else None
        yield from _ledger_row(row, here)
        entry = next(entries, None) if here is not None else entry
    while entry is not None:
        yield _extra(entry, lost.pop(entry.yj_id, None))
        entry = next(entries, None)
    for gone in lost.values():  # the centre lost it after this store had: nobody else would say so
        yield Difference("ledger_missing", gone.yj_id, gone.yj_id, gone.central_key, _told(gone), {})


def recovered_here(conn: Connection, incident_no: int, there: Set[str]) -> Iterator[Difference]:
    """What this store lost, where no ledger tells of it: charges and refunds whose rows were not seen are missing."""
    for row in _recovered(conn, incident_no):
        gone = row.entity in MONEY and str(row.central_key) not in there
        local, central = (_told(row), {}) if gone else ({}, _told(row))
        kind = "missing_at_centre" if gone else "recovered"
        yield Difference(kind, row.yj_id, row.yj_id, row.central_key, local, central)


def _recovered(conn: Connection, incident_no: int) -> Sequence[Any]:
    mine = recovered.c.incident_no == incident_no
    return conn.execute(select(recovered).where(mine).order_by(recovered.c.sequence)).all()


def _told(row: Any) -> dict[str, Any]:
    return {"yj_no": row.yj_no, "entity": row.entity, "amount": money.to_text(row.amount), "sequence": row.sequence}


def _by_sequence(store: Store, incident_no: int) -> Iterator[Any]:
    """The outbox in pages, each read by itself: no local transaction waits for the centre."""
    columns = (
        "yj_id",
        "sequence",
        "incident_no",
        "state",
        "payload_hash",
        "amount",
        "yj_no",
        "central_key",
        "operator_code",
        "business_date",
    )
    # By the sequence alone: asked for the incident as well, SQLite sorts all of its documents for every page.
    with store.reading() as tx:
        ends = select(func.min(outbox.c.sequence), func.max(outbox.c.sequence))
        first, last = tx.conn.execute(ends.where(outbox.c.incident_no == incident_no)).one()
    while first is not None:
        with store.reading() as tx:
            page = tx.conn.execute(
                select(*(outbox.c[name] for name in columns))
                .where(outbox.c.sequence.between(first, last))
                .order_by(outbox.c.sequence)
                .limit(PAGE)
            ).all()
        yield from (row for row in page if row.incident_no == incident_no)
        first = page[-1].sequence + 1 if page else None


def _extra(entry: LedgerRow, lost: Any) -> Difference:
    central = {"yj_no": entry.yj_no, "entity": entry.entity, "amount": entry.amount, "sequence": entry.sequence}
    kind = "ledger_extra" if lost is None else "recovered"
    return Difference(kind, entry.yj_id, entry.yj_id, entry.central_key, {}, central)


def _ledger_row(row: Any, entry: LedgerRow | None) -> Iterator[Difference]:
    if entry is None:
        if row.state == "confirmed":
            yield Difference("ledger_missing", row.yj_id, row.yj_id, row.central_key, {"yj_no": row.yj_no}, {})
        return
    pairs: dict[str, tuple[Any, Any]] = {
        "ledger_hash": (row.payload_hash, entry.payload_hash),
        "ledger_amount": (money.to_text(row.amount), entry.amount),
        "ledger_operator": (row.operator_code, (entry.operator_code or "").strip()),
        "ledger_date": (row.business_date, str(entry.business_date)[:10]),
    }
    if row.state == "confirmed":
        pairs["ledger_key"] = (row.central_key, entry.central_key)
    for kind, (ours, theirs) in pairs.items():
        if ours != theirs:
            local, central = {"yj_no": row.yj_no, kind: ours}, {"yj_no": entry.yj_no, kind: theirs}
            yield Difference(kind, row.yj_id, row.yj_id, entry.central_key, local, central)
