"""The audit log: one hash chain over everything anybody did. A changed, removed or inserted row breaks it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Connection, Integer, String, Table, Text, select

from fallback_server.domain.documents import canonical
from fallback_server.store.schema import metadata

GENESIS = "0" * 64

audit = Table(
    "audit",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", String(35), nullable=False),
    Column("operator_code", String(64), nullable=False),
    Column("approver_code", String(64)),
    Column("workstation", String(32)),
    Column("address", String(64)),
    Column("action", String(64), nullable=False, index=True),
    Column("ok", Boolean, nullable=False),
    Column("subject", String(64)),
    Column("incident_no", Integer),
    Column("detail", JSON, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("text", Text, nullable=False),  # the canonical text that was hashed
)

CHAINED = ("sequence", "at", "operator_code", "approver_code", "workstation", "address", "action", "ok", "subject",
           "incident_no", "detail", "previous_hash")  # fmt: skip


def head(conn: Connection) -> tuple[int, str]:
    """Sequence and hash of the newest row; (0, zeros) for an empty log."""
    row = conn.execute(select(audit.c.sequence, audit.c.hash).order_by(audit.c.sequence.desc()).limit(1)).first()
    return (row.sequence, row.hash) if row else (0, GENESIS)


def append(conn: Connection, events: list[Mapping[str, Any]]) -> None:
    """Add events to the chain. Call last in a transaction, under the store's append lock."""
    if not events:
        return
    sequence, previous = head(conn)
    rows = []
    for event in events:
        sequence += 1
        row = {**event, "sequence": sequence, "previous_hash": previous}
        row["text"] = canonical({name: row.get(name) for name in CHAINED})
        previous = row["hash"] = hashlib.sha256(row["text"].encode()).hexdigest()
        rows.append(row)
    conn.execute(audit.insert(), rows)


def verify(conn: Connection) -> tuple[int, list[str]]:
    """Walk the chain. Returns the number of rows and a sentence for every break found (empty: unbroken)."""
    breaks: list[str] = []
    previous, expected = GENESIS, 0
    for row in conn.execute(select(audit).order_by(audit.c.sequence)).mappings():
        expected += 1
        if row["sequence"] != expected:
            breaks.append(f"row {expected} is missing (next is {row['sequence']})")
            expected = row["sequence"]
        if row["previous_hash"] != previous:
            breaks.append(f"row {row['sequence']} does not follow its predecessor")
        text = canonical({name: row[name] for name in CHAINED})
        if text != row["text"] or hashlib.sha256(text.encode()).hexdigest() != row["hash"]:
            breaks.append(f"row {row['sequence']} was changed")
        previous = row["hash"]
    return expected, breaks


def against(conn: Connection, sequence: int, printed: str) -> str | None:
    """Hold the log against a head that was printed: a sentence where it was cut off or written anew since, else None.

    `printed` may be the first digits of the hash, as many as are on the paper.
    """
    found = conn.execute(select(audit.c.hash).where(audit.c.sequence == sequence)).scalar()
    if found is None:
        return f"row {sequence} was printed on paper and is gone: the log was cut off, or the store is an older one"
    if not str(found).startswith(printed.lower()):
        return f"row {sequence} is not the one that was printed: the log was written anew"
    return None


def selected(conn: Connection, **wanted: Any) -> Iterator[dict[str, Any]]:
    """Rows in their order, with hashes; `since`, `until` (times), and `operator_code`, `action`, `incident_no`."""
    statement = select(*(audit.c[name] for name in (*CHAINED, "hash"))).order_by(audit.c.sequence)
    for name in ("operator_code", "action", "incident_no"):
        if wanted.get(name) is not None:
            statement = statement.where(audit.c[name] == wanted[name])
    if wanted.get("since") is not None:
        statement = statement.where(audit.c.at >= wanted["since"])
    if wanted.get("until") is not None:
        statement = statement.where(audit.c.at < wanted["until"])
    for row in conn.execute(statement).mappings():
        yield dict(row)
