"""Moving a document along a lettered arrow: conditional update, row count looked at, history appended."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, update

from fallback_server.domain.outbox import OutboxState, outbox_arrow
from fallback_server.store.outbox import outbox, outbox_move


def move(
    conn: Connection,
    yj_id: str,
    current: OutboxState,
    wanted: OutboxState,
    *,
    at: str,
    by: str,
    detail: str | None = None,
    lease_owner: str | None = None,
    claimed_by: str | None = None,
    **values: Any,
) -> bool:
    """Move `yj_id` from `current` to `wanted`, setting `values` with it; `claimed_by` takes the lease, else it ends.

    Returns False, having changed nothing, when the document is no longer in `current` (or, with `lease_owner`, is
    held by another): somebody else moved it. Raises wrong_state for an arrow that does not exist.
    """
    arrow = outbox_arrow(current, wanted)
    values["lease_owner"] = claimed_by
    if wanted is not OutboxState.SENDING:
        values.setdefault("lease_until", None)
    if wanted is OutboxState.CONFIRMED:
        values.setdefault("confirmed_at", at)
    statement = update(outbox).where(outbox.c.yj_id == yj_id, outbox.c.state == current.value)
    if lease_owner is not None:
        statement = statement.where(outbox.c.lease_owner == lease_owner)
    if conn.execute(statement.values(state=wanted.value, **values)).rowcount != 1:
        return False
    conn.execute(
        outbox_move.insert().values(
            yj_id=yj_id, at=at, arrow=arrow, from_state=current.value, to_state=wanted.value, by=by, detail=detail
        )
    )
    return True
