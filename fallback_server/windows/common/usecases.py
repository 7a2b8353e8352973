"""Log-in and heartbeat."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from fallback_server.domain.clock import from_text
from fallback_server.domain.errors import YjError
from fallback_server.store.people import workstation
from fallback_server.store.session import Tx
from fallback_server.web.login import enrol_workstation


def heartbeat(
    tx: Tx, *, code: str, role: str | None, epoch: int, central_ok: bool | None, clock: str | None,
    version: str | None, locked: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """A workstation says that it lives and which epoch it knows. Returns the current epoch.

    A locked one speaks with its ended session, for itself only. Raises login_required for an ended session otherwise:
    the page then asks for the password.
    """
    if not tx.who.roles and not (locked and code == tx.who.workstation):
        raise YjError("login_required")
    enrol_workstation(tx, code)
    changed = tx.conn.execute(
        update(workstation)
        .where(workstation.c.code == code, workstation.c.epoch.is_distinct_from(epoch))
        .values(epoch=epoch, epoch_at=tx.at)
    )
    tx.conn.execute(
        update(workstation)
        .where(workstation.c.code == code)
        .values(
            role=role,
            last_seen_at=tx.at,
            central_ok=central_ok,
            version=version,
            clock_offset_seconds=_offset(tx, clock),
            **({"operator_code": None} if locked else {}),
        )
    )
    if changed.rowcount:
        tx.audit("workstation.epoch", subject=code, epoch=epoch)
    return {"epoch": tx.mode.epoch, "mode": tx.mode.mode.value}


def _offset(tx: Tx, clock: str | None) -> float | None:
    if clock is None:
        return None
    try:
        return (from_text(clock) - tx.now).total_seconds()
    except ValueError:
        raise YjError("invalid_request", field="clock", problem="时间格式不对 / not RFC 3339") from None
