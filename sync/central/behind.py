"""How far the copy that the mirror reads is behind the centre: by so much older is what the mirror shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection

from sync.central.gateway import Systemic

if TYPE_CHECKING:
    from sync.central.sql_gateway import SqlGateway

FILE: Final = "behind"  # behind.sql, optional: one row, its first column the seconds; for copies that cannot tell


def seconds(gateway: SqlGateway, connection: Connection) -> float | None:
    """By behind.sql of the mapping, else by what the database itself says; None where it hides it from us.

    `connection` is one of the mirror's. Raises Transient for a copy that stopped following and knows nothing of its
    age, Systemic where behind.sql says no number: what is not known would be taken for fresh.
    """
    if not gateway.has(FILE):
        return gateway.edge.lag_seconds(connection)
    rows = gateway.ask_in(connection, FILE, {})
    told = next(iter(rows[0].values()), None) if rows else None
    try:
        return max(0.0, float(str(told)))
    except ValueError:
        raise Systemic(f"{FILE}.sql gave no number of seconds, but {told!r}") from None
