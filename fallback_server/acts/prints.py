"""How often a document was printed: the first is the original, later ones say 补打 n."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select

from fallback_server.acts import locks, operators
from fallback_server.acts.views import Billable
from fallback_server.domain.errors import YjError
from fallback_server.domain.policy import Policy
from fallback_server.store import audit, mirror, visits
from fallback_server.store.session import Tx, oldest_as_of


def record(tx: Tx, document_id: str, kind: str) -> dict[str, Any]:
    """Count one more copy of a document; returns `{document_id, copy_no, reprint, label, at}`."""
    locks.hold(tx, f"print:{document_id}")
    copy_no = copies(tx, document_id) + 1
    tx.conn.execute(
        visits.print_record.insert().values(
            document_id=document_id,
            copy_no=copy_no,
            kind=kind,
            at=tx.at,
            operator_code=tx.who.operator_code,
            workstation=tx.who.workstation,
        )
    )
    tx.audit("print", subject=document_id, kind=kind, copy_no=copy_no)
    return {
        "document_id": document_id,
        "copy_no": copy_no,
        "reprint": copy_no > 1,
        "label": _label(copy_no),
        "at": tx.at,
    }


def _label(copy_no: int) -> str | None:
    """What marks a copy; the original has no mark."""
    return f"补打 {copy_no - 1}" if copy_no > 1 else None


def carried(
    tx: Tx, policy: Policy, document_id: str, *, incident_no: int, drill: bool, at: str, operator: str, workstation: str
) -> dict[str, Any]:
    """What every print carries besides its contents: `{hospital, incident_no, drill, at, operator, workstation, as_of,
    copy_no, label, chain}`.

    `label` is 补打 n from the second copy on. `chain` is the tail of the audit chain's head: whoever holds the paper
    can later show that nothing before it was cut off (P11).
    """
    copy_no = copies(tx, document_id)
    sequence, digest = audit.head(tx.conn)
    return {
        "hospital": policy.hospital_name,
        "incident_no": incident_no,
        "drill": drill,
        "at": at,
        "operator": operator,
        "workstation": workstation,
        "as_of": _as_of(tx, at),
        "copy_no": copy_no,
        "label": _label(copy_no),
        "chain": f"{sequence}-{digest[:12]}",
    }


def _as_of(tx: Tx, at: str) -> str | None:
    """How old the data was at `at`: a paper printed again next week was still made from the mirror of its own day."""
    table = mirror.generation
    then = tx.conn.execute(
        select(table.c.as_of)
        .where(table.c.published_at <= at, table.c.rolled_back_at.is_(None) | (table.c.rolled_back_at > at))
        .order_by(table.c.generation.desc())
        .limit(1)
    ).scalar()
    return then or oldest_as_of(tx.conn)


def carried_by(tx: Tx, policy: Policy, billable: Billable) -> dict[str, Any]:
    """`carried` of a prescription or an order, with the person who took the latest copy.

    Of one of ours that was never printed: its author, at the time of writing. Raises mode_normal where a document of
    the centre is looked at outside an incident.
    """
    incident_no = billable.incident_no or tx.mode.incident_no
    if incident_no is None:
        raise YjError("mode_normal")
    copy = last(tx, billable.id)
    if copy is not None:
        at, operator, workstation = copy["at"], operators.name_of(tx, copy["operator_code"]), copy["workstation"]
    elif billable.incident_no is not None:
        at, operator, workstation = billable.written_at, billable.staff_name or "—", "—"
    else:
        at, operator, workstation = tx.at, operators.name_of(tx, tx.who.operator_code), tx.who.workstation
    return carried(
        tx, policy, billable.id, incident_no=incident_no, drill=billable.drill, at=at, operator=operator,
        workstation=workstation,
    )  # fmt: skip


def last(tx: Tx, document_id: str) -> dict[str, Any] | None:
    """The latest copy's `{copy_no, at, operator_code, workstation}`; None before the first."""
    table = visits.print_record
    found = (
        tx.conn.execute(
            select(table).where(table.c.document_id == document_id).order_by(table.c.copy_no.desc()).limit(1)
        )
        .mappings()
        .first()
    )
    return dict(found) if found is not None else None


def copies(tx: Tx, document_id: str) -> int:
    """How many copies were printed so far."""
    table = visits.print_record
    return int(
        tx.conn.execute(select(func.max(table.c.copy_no)).where(table.c.document_id == document_id)).scalar() or 0
    )


def copies_of(tx: Tx, document_ids: Sequence[str]) -> dict[str, int]:
    """Document → copies printed so far; documents never printed are left out."""
    table = visits.print_record
    rows = tx.conn.execute(
        select(table.c.document_id, func.max(table.c.copy_no))
        .where(table.c.document_id.in_(list(document_ids)))
        .group_by(table.c.document_id)
    )
    return {row[0]: int(row[1]) for row in rows}
