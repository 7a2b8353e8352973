"""At most once: the key of an act, committed together with what the act wrote, and the answer it got."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Column, Connection, Integer, String, Table, Text, select, update
from sqlalchemy.dialects import postgresql, sqlite

from fallback_server.domain.errors import YjError
from fallback_server.store.schema import metadata

LONGEST_PATH = 256

idempotency = Table(
    "idempotency",
    metadata,
    Column("key", String(80), primary_key=True),
    Column("method", String(8), nullable=False),
    Column("path", String(LONGEST_PATH), nullable=False),
    Column("body_hash", String(64), nullable=False),
    Column("operator_code", String(64), nullable=False),
    Column("created_at", String(35), nullable=False),
    Column("status", Integer),
    Column("answer", Text),
)


@dataclass(frozen=True)
class Act:
    """What makes two requests the same act."""

    key: str
    method: str
    path: str
    body_hash: str
    operator_code: str


@dataclass(frozen=True)
class Answer:
    """The stored answer of a finished act."""

    status: int
    text: str


def find(conn: Connection, act: Act) -> Answer | None:
    """The answer this act got before, or None. Raises idempotency_key_reused if the key belongs to another act."""
    row = conn.execute(select(idempotency).where(idempotency.c.key == act.key)).mappings().first()
    if row is None:
        return None
    if (row["method"], row["path"], row["body_hash"]) != (act.method, act.path, act.body_hash):
        raise YjError("idempotency_key_reused")
    return Answer(int(row["status"]), str(row["answer"]))


def claim(conn: Connection, act: Act, at: str) -> Answer | None:
    """Take the key in this transaction; return the stored answer if the act was done before.

    A second transaction with the same key waits here until the first ends: committed, it reads the answer; rolled back,
    it takes the key itself. So a refusal frees the key without any clean-up.
    """
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    values = {"key": act.key, "method": act.method, "path": act.path, "body_hash": act.body_hash,
              "operator_code": act.operator_code, "created_at": at}  # fmt: skip
    taken = conn.execute(insert(idempotency).values(**values).on_conflict_do_nothing())
    return None if taken.rowcount == 1 else find(conn, act)


def finish(conn: Connection, act: Act, answer: Answer) -> None:
    """Store the answer with the act's own transaction."""
    conn.execute(
        update(idempotency).where(idempotency.c.key == act.key).values(status=answer.status, answer=answer.text)
    )
