"""What a fresh store holds before anybody uses it: an identity and mode normal. Idempotent."""

from __future__ import annotations

from sqlalchemy import Connection, select

from fallback_server.domain.clock import Clock, to_text
from fallback_server.domain.numbers import new_ulid
from fallback_server.store.mode import installation, mode


def seed(conn: Connection, clock: Clock) -> str:
    """Give the installation its identity once, and start in mode normal at epoch 0. Returns the installation id."""
    known = conn.execute(select(installation.c.installation_id)).scalar()
    if known is not None:
        return str(known)
    now = clock.now()
    identity = new_ulid(now)
    conn.execute(installation.insert().values(id=1, installation_id=identity, created_at=to_text(now)))
    conn.execute(
        mode.insert().values(id=1, mode="normal", epoch=0, drill=False, since=to_text(now), insurance_down=False)
    )
    return identity
