"""Moving documents along a lettered arrow: conditional update, its rows looked at, history appended."""

from __future__ import annotations

from collections.abc import Mapping
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
    """`move_all` for one document; whether it moved."""
    lease = {"lease_owner": lease_owner, "claimed_by": claimed_by}
    return bool(move_all(conn, {yj_id: detail}, current, wanted, at=at, by=by, **lease, **values))


def move_all(
    conn: Connection,
    documents: Mapping[str, str | None],
    current: OutboxState,
    wanted: OutboxState,
    *,
    at: str,
    by: str,
    lease_owner: str | None = None,
    claimed_by: str | None = None,
    **values: Any,
) -> list[str]:
    """Move `documents` (id → detail for its history) from `current` to `wanted`, setting `values` with it.

    `claimed_by` takes the lease, else it ends. Returns those that moved, in order: one that is no longer in `current`
    (or, with `lease_owner`, is held by another) was moved by somebody else and stays unchanged. Raises wrong_state for
    an arrow that does not exist.
    """
    arrow = outbox_arrow(current, wanted)
    values["lease_owner"] = claimed_by
    if wanted is not OutboxState.SENDING:
        values.setdefault("lease_until", None)
    if wanted is OutboxState.CONFIRMED:
        values.setdefault("confirmed_at", at)
    # By their ids, which are few. The joined nothing keeps SQLite, which has no statistics, from the index of states:
    # there it would walk all that wait.
    statement = update(outbox).where(outbox.c.yj_id.in_(list(documents)), outbox.c.state.concat("") == current.value)
    if lease_owner is not None:
        statement = statement.where(outbox.c.lease_owner == lease_owner)
    changed = conn.execute(statement.values(state=wanted.value, **values).returning(outbox.c.yj_id))
    mine = set(changed.scalars())
    moved = [yj_id for yj_id in documents if yj_id in mine]
    if moved:
        same = {"at": at, "arrow": arrow, "from_state": current.value, "to_state": wanted.value, "by": by}
        history = [{"yj_id": yj_id, "detail": documents[yj_id], **same} for yj_id in moved]
        conn.execute(outbox_move.insert(), history)
    return moved
