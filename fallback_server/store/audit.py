"""The audit log: one hash chain over everything anybody did. A changed, removed or inserted row breaks it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    select,
)

from fallback_server.domain.documents import canonical
from fallback_server.store import guards
from fallback_server.store.schema import metadata

GENESIS = "0" * 64
# PostgreSQL hands out so many rows at a time; without it the whole log would be in memory at once.
_STREAM = {"yield_per": 1000}
_FORMULA = ("=", "+", "-", "@", "\t")
_HEAD = re.compile(r"(\d{1,15})[: /]\s*([0-9A-Fa-f]{8,64})…?")

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
# What auditors ask by: whose acts, when, and everything about one document.
Index("ix_audit_operator_code", audit.c.operator_code, audit.c.sequence)
Index("ix_audit_at", audit.c.at)
Index("ix_audit_subject", audit.c.subject)

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
    for row in conn.execute(select(audit).order_by(audit.c.sequence), execution_options=_STREAM).mappings():
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


def prove(conn: Connection, printed: Iterable[tuple[int, str]] = ()) -> dict[str, Any]:
    """The whole chain walked, its guards looked for, heads from paper (number, digits of the hash) held against it."""
    rows, breaks = verify(conn)
    sequence, newest = head(conn)
    breaks += guards.missing(conn)
    breaks += [problem for number, digits in printed if (problem := against(conn, number, digits))]
    return {"rows": rows, "unbroken": not breaks, "breaks": breaks, "head": {"sequence": sequence, "hash": newest}}


def read_head(words: str) -> tuple[int, str] | None:
    """A head as it stands on paper, NUMBER:HASH (the first digits will do); None for anything else."""
    told = _HEAD.fullmatch(words.strip())
    return (int(told[1]), told[2].lower()) if told is not None else None


def selected(
    conn: Connection, *, newest_first: bool = False, limit: int | None = None, **wanted: Any
) -> Iterator[dict[str, Any]]:
    """Rows in their order (or the newest first), with hashes.

    `since` and `until` (times, the second not included), `operator_code` (who did or approved it), `workstation`,
    `action` (one, or a group of them, like `mode.`), `incident_no`, `subjects`, `failed`; `below` and `since_row` are
    sequences.
    """
    order = audit.c.sequence.desc() if newest_first else audit.c.sequence
    statement = select(*(audit.c[name] for name in (*CHAINED, "hash"))).where(*_conditions(wanted)).order_by(order)
    for row in conn.execute(statement.limit(limit), execution_options=_STREAM).mappings():
        yield dict(row)


def cut_after(conn: Connection, count: int, *, below: int | None = None, **wanted: Any) -> int | None:
    """The sequence of the `count`th newest row that fits; None where there is none older to go on with."""
    fits = select(audit.c.sequence).where(*_conditions({**wanted, "below": below})).order_by(audit.c.sequence.desc())
    found = conn.execute(fits.offset(count - 1).limit(2)).scalars().all()
    return int(found[0]) if len(found) > 1 else None


def _conditions(wanted: Mapping[str, Any]) -> Iterator[ColumnElement[bool]]:
    by: dict[str, Callable[[Any], ColumnElement[bool]]] = {
        "since": lambda value: audit.c.at >= value,
        "until": lambda value: audit.c.at < value,
        "operator_code": lambda value: (audit.c.operator_code == value) | (audit.c.approver_code == value),
        "workstation": lambda value: audit.c.workstation == value,
        "action": lambda value: audit.c.action.startswith(value) if value[-1] in ". " else audit.c.action == value,
        "incident_no": lambda value: audit.c.incident_no == value,
        "subjects": lambda value: audit.c.subject.in_(value),
        "failed": lambda value: audit.c.ok.is_(False),
        "below": lambda value: audit.c.sequence < value,
        "since_row": lambda value: audit.c.sequence >= value,
    }
    for name, value in wanted.items():
        if value:
            yield by[name](value)


def as_csv(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Rows as lines of a table for a spreadsheet; the first names the columns."""
    yield _line([*CHAINED, "hash"])
    for row in rows:
        plain = {**row, "detail": json.dumps(row["detail"], ensure_ascii=False)}
        yield _line([plain[name] for name in (*CHAINED, "hash")])


def _line(cells: list[Any]) -> str:
    held = io.StringIO()
    # What a person typed as a reason must not become a formula where the table is opened.
    csv.writer(held).writerow([f"'{cell}" if str(cell)[:1] in _FORMULA else cell for cell in cells])
    return held.getvalue()
