"""Knowing an operator by code: our own first, then the mirrored ones."""

from __future__ import annotations

from sqlalchemy import select

from fallback_server.domain.errors import YjError
from fallback_server.store import mirror, people
from fallback_server.store.session import Tx


def require(tx: Tx, code: str) -> str:
    """The name of an operator who may work today; raises unknown_operator for an unknown or disabled one."""
    own = tx.conn.execute(
        select(people.operator.c.name, people.operator.c.disabled_at).where(people.operator.c.operator_code == code)
    ).first()
    if own is not None:
        if own.disabled_at is not None:
            raise YjError("unknown_operator", code=code)
        return str(own.name)
    table = mirror.datasets["operator"]
    row = tx.conn.execute(select(table.c.name, table.c.active).where(table.c.operator_code == code)).first()
    if row is None or not row.active:
        raise YjError("unknown_operator", code=code)
    return str(row.name)
