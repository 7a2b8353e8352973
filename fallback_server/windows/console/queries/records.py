"""What is on record of an incident and of a document: what was audited in it, the drill-down."""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import select

from fallback_server.domain.errors import YjError
from fallback_server.store.audit import audit
from fallback_server.store.outbox import outbox, outbox_move
from fallback_server.store.returning import conflict
from fallback_server.store.session import Tx

AUDIT_SHOWN: Final = 200


def audited(tx: Tx, number: int) -> list[dict[str, Any]]:
    """The newest rows of the audit log that name this incident, newest first."""
    columns = (audit.c.sequence, audit.c.at, audit.c.operator_code, audit.c.approver_code, audit.c.workstation,
               audit.c.action, audit.c.ok, audit.c.subject)  # fmt: skip
    rows = tx.conn.execute(
        select(*columns)
        .where((audit.c.incident_no == number) | ((audit.c.subject == str(number)) & _of_an_incident()))
        .order_by(audit.c.sequence.desc())
        .limit(AUDIT_SHOWN)
    ).mappings()
    return [dict(row) for row in rows]


def _of_an_incident() -> Any:
    """Actions whose subject is an incident's number."""
    return audit.c.action.like("mode.%") | audit.c.action.like("incident.%") | audit.c.action.like("reconcile.%")


def document(tx: Tx, document_id: str) -> dict[str, Any]:
    """A document of the outbox with its payload, its moves and its conflicts; raises not_found."""
    row = tx.conn.execute(select(outbox).where(outbox.c.yj_id == document_id)).mappings().first()
    if row is None:
        raise YjError("not_found")
    moves = tx.conn.execute(
        select(outbox_move).where(outbox_move.c.yj_id == document_id).order_by(outbox_move.c.id)
    ).mappings()
    decided = tx.conn.execute(
        select(conflict.c.id, conflict.c.kind, conflict.c.decision, conflict.c.note, conflict.c.decided_by)
        .where(conflict.c.yj_id == document_id)
        .order_by(conflict.c.id)
    ).mappings()
    return {
        **dict(row),
        "payload": json.loads(row["payload"]),
        "moves": [dict(one) for one in moves],
        "conflicts": [dict(one) for one in decided],
    }
