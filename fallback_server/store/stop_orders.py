"""Stop orders: what a person has brought to a halt until somebody lets it go on.

Rows with a beginning and an end, so that a restart forgets none.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Column, Connection, Index, String, Table, Text, bindparam, select, text, update

from fallback_server.store.schema import BigKey, metadata
from fallback_server.store.session import Tx

MIRROR: Final = "mirror"
UPLOAD: Final = "upload"
DETECTION: Final = "detection"
"""Switching by itself, not looking: somebody works at the centre and does not want windows to be switched for it."""

stop_order = Table(
    "stop_order",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("what", String(16), nullable=False),  # mirror | upload | detection
    Column("reason", Text, nullable=False),
    Column("stopped_at", String(35), nullable=False),
    Column("stopped_by", String(64), nullable=False),
    Column("ended_at", String(35)),
    Column("ended_by", String(64)),
)
# Promise: a thing is stopped once, and one word lets it go again.
Index(
    "uq_stop_order_open",
    stop_order.c.what,
    unique=True,
    sqlite_where=text("ended_at IS NULL"),
    postgresql_where=text("ended_at IS NULL"),
)

_OPEN = select(stop_order).where(stop_order.c.what == bindparam("what"), stop_order.c.ended_at.is_(None))


def stopped(conn: Connection, what: str = MIRROR) -> dict[str, Any] | None:
    """The order that stops it now, or None."""
    row = conn.execute(_OPEN, {"what": what}).mappings().first()
    return dict(row) if row is not None else None


def stop(tx: Tx, reason: str, what: str = MIRROR) -> dict[str, Any]:
    """Stop it until `go`; one that is stopped already stays stopped for its first reason. Returns the order."""
    known = stopped(tx.conn, what)
    if known is not None:
        return known
    row = {"what": what, "reason": reason, "stopped_at": tx.at, "stopped_by": tx.who.operator_code}
    tx.conn.execute(stop_order.insert().values(**row))
    tx.audit(f"{what}.stop", reason=reason)
    return stopped(tx.conn, what) or {}


def go(tx: Tx, what: str = MIRROR) -> bool:
    """Let it go on; False if nothing stopped it."""
    still = (stop_order.c.what == what, stop_order.c.ended_at.is_(None))
    ended = tx.conn.execute(update(stop_order).where(*still).values(ended_at=tx.at, ended_by=tx.who.operator_code))
    if ended.rowcount:
        tx.audit(f"{what}.go")
    return bool(ended.rowcount)
