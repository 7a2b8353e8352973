"""Knowing an operator by code: our own first, then the mirrored ones."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from fallback_server.domain.errors import YjError
from fallback_server.store import credentials, mirror, people
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
    if row is None or not row.active or code in credentials.disabled(tx.conn):
        raise YjError("unknown_operator", code=code)
    return str(row.name)


def with_role(tx: Tx, role: str) -> list[dict[str, Any]]:
    """`{code, name}` of everybody who has this role and may work today; our own entry goes before the mirrored one."""
    own = {row.operator_code: row for row in tx.conn.execute(select(people.operator))}
    table = mirror.datasets["operator"]
    rows = tx.conn.execute(select(table.c.operator_code, table.c.name, table.c.roles).where(table.c.active.is_(True)))
    found = {row.operator_code: row.name for row in rows if role in _split(row.roles)}
    out = credentials.disabled(tx.conn)
    found = {code: name for code, name in found.items() if code not in own and code not in out}
    found |= {code: row.name for code, row in own.items() if row.disabled_at is None and role in row.roles}
    return [{"code": code, "name": name} for code, name in sorted(found.items())]


def _split(roles: str | None) -> set[str]:
    return {role.strip() for role in (roles or "").split(",")}


def name_of(tx: Tx, code: str) -> str:
    """How a paper names an operator: name and code; the code alone where nobody knows it any more."""
    own = tx.conn.execute(select(people.operator.c.name).where(people.operator.c.operator_code == code)).scalar()
    table = mirror.datasets["operator"]
    name = own or tx.conn.execute(select(table.c.name).where(table.c.operator_code == code)).scalar()
    return f"{name} {code}" if name else code
