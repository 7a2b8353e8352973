"""Holding a thing still while an act reads and then writes about it."""

from __future__ import annotations

from sqlalchemy import func, select

from fallback_server.store.session import Tx


def hold(tx: Tx, *names: str) -> None:
    """Until this transaction ends no other act holds any of these names; take all of them before the first read.

    SQLite has one writer, so there is nothing to do. PostgreSQL lets acts run side by side: two refunds of one charge,
    a hand-over and a refund of one prescription would each read the state before the other. Always in the order of
    the names, so that two acts never wait for each other.
    """
    if tx.conn.dialect.name != "postgresql":
        return
    for name in sorted(set(names)):
        tx.conn.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
