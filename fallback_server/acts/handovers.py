"""Drugs physically given out (已发待确认), and taken back before a refund. A dispense note tells the HIS afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select

from fallback_server.acts import charges, locks, masters, operators
from fallback_server.acts.documents import adopt_incident, require_kind
from fallback_server.acts.views import Billable, BillableLine
from fallback_server.domain.documents import Document
from fallback_server.domain.errors import YjError
from fallback_server.store import visits
from fallback_server.store.session import Tx


def net(tx: Tx, line_ids: Sequence[str]) -> dict[str, int]:
    """Prescription line → pieces that are with the patient now; lines never handed over are left out."""
    if not line_ids:
        return {}
    table = visits.handover_line
    rows = tx.conn.execute(
        select(table.c.line_id, func.sum(table.c.quantity))
        .where(table.c.line_id.in_(list(line_ids)))
        .group_by(table.c.line_id)
    )
    return {row[0]: int(row[1]) for row in rows}


def payable(tx: Tx, prescription: Billable) -> dict[str, int]:
    """Line → pieces that are paid for, wherever that was: what may be in the patient's hands. Raises not_paid."""
    here = charges.remaining(tx, "prescription", [prescription.id]).get(prescription.id)
    if here is not None:
        return here
    if prescription.origin == "centre" and prescription.status == "paid":
        return {line.line_id: line.quantity for line in prescription.lines}
    if prescription.origin == "centre" and prescription.status == "dispensed":
        raise YjError("already_handed_over", name=prescription.number)
    raise YjError("not_paid")


def hold(tx: Tx, prescription_id: str) -> None:
    """Keep payments, refunds and other hand-overs of a prescription away; call before reading it."""
    locks.hold(tx, f"prescription:{prescription_id}")


def hand_over(
    tx: Tx, handover_id: str, prescription: Billable, line_ids: Sequence[str] | None, checked_by: str
) -> dict[str, Any]:
    """Record that the lines (default: all that can be) were given out, checked by a second pair of eyes.

    Raises not_paid, line_refunded, already_handed_over, unknown_operator, and what `admit` raises.
    """
    admit(tx, prescription)
    operators.require(tx, checked_by)
    paid, out = payable(tx, prescription), net(tx, [line.line_id for line in prescription.lines])
    chosen: list[tuple[BillableLine, int]] = []
    for line in _lines(prescription, line_ids):
        quantity = paid.get(line.line_id, 0) - out.get(line.line_id, 0)
        if quantity > 0:
            chosen.append((line, quantity))
        elif line_ids is not None:
            raise _why_not(line, paid)
    if not chosen:
        raise _why_not(prescription.lines[0], {"": max(paid.values(), default=0)} | paid)
    return _write(tx, handover_id, prescription, chosen, checked_by, None)


def take_back(
    tx: Tx, handover_id: str, prescription: Billable, wanted: Sequence[tuple[str, int | None]] | None, reason: str
) -> dict[str, Any]:
    """Record that the pharmacist took drugs back (default: all that are out); only then can they be refunded.

    Raises not_handed_over and what `admit` raises.
    """
    admit(tx, prescription)
    out = net(tx, [line.line_id for line in prescription.lines])
    quantities = dict(wanted) if wanted is not None else dict.fromkeys(out)
    chosen: list[tuple[BillableLine, int]] = []
    for line in _lines(prescription, list(quantities) if wanted is not None else None):
        there = out.get(line.line_id, 0)
        quantity = quantities.get(line.line_id) or there
        if wanted is not None and (there == 0 or quantity > there):
            raise YjError("not_handed_over", name=line.name)
        if there > 0:
            chosen.append((line, -quantity))
    if not chosen:
        raise YjError("not_handed_over", name=prescription.number)
    return _write(tx, handover_id, prescription, chosen, tx.who.operator_code, reason)


def admit(tx: Tx, prescription: Billable) -> None:
    """Whether the pharmacy may record something about this prescription now; in normal mode its incident takes it.

    Raises drill_touches_open_work, drill_mismatch, out_of_scope, incident_closed, mode_normal.
    """
    if prescription.origin == "centre":
        if tx.mode.drill:
            raise YjError("drill_touches_open_work")
        masters.require_in_scope(tx, prescription.department_code)
    else:
        require_kind(tx, {"drill": prescription.drill})
    adopt_incident(tx, prescription.incident_no)


def _lines(prescription: Billable, line_ids: Sequence[str] | None) -> list[BillableLine]:
    if line_ids is None:
        return list(prescription.lines)
    known = {line.line_id: line for line in prescription.lines}
    if len(set(line_ids)) != len(line_ids) or not set(line_ids) <= set(known) or not line_ids:
        raise YjError("invalid_request", field="lines", problem="明细不符或重复 / unknown or repeated")
    return [known[line_id] for line_id in line_ids]


def _why_not(line: BillableLine, paid: Mapping[str, int]) -> YjError:
    refunded = max(paid.values(), default=0) == 0 if "" in paid else paid.get(line.line_id, 0) == 0
    return YjError("line_refunded" if refunded else "already_handed_over", name=line.name)


def _write(
    tx: Tx,
    handover_id: str,
    prescription: Billable,
    chosen: Sequence[tuple[BillableLine, int]],
    checked_by: str,
    reason: str | None,
) -> dict[str, Any]:
    yj_no = tx.take_yj_no()
    tx.conn.execute(
        visits.handover.insert().values(
            **tx.document_row(handover_id, yj_no),
            prescription_id=prescription.id,
            prescription_origin=prescription.origin,
            checked_by=checked_by,
        )
    )
    rows = [
        {
            "line_id": line.line_id,
            "line_no": line.line_no,
            "item_code": line.item_code,
            "name": line.name,
            "quantity": quantity,
        }
        for line, quantity in chosen
    ]
    tx.conn.execute(visits.handover_line.insert(), [{"handover_id": handover_id, **row} for row in rows])
    kind = "handover" if reason is None else "return"
    body = {
        "kind": kind,
        "handed_by": tx.who.operator_code,
        "checked_by": checked_by,
        "handed_at": tx.at,
        "reason": reason,
    }
    tx.enqueue(
        Document(
            yj_id=handover_id,
            entity="dispense_note",
            yj_no=yj_no,
            chain=prescription.patient_id,
            body=body,
            refs={"prescription": prescription.ref},
            lists={
                "lines": [{name: row[name] for name in ("line_no", "item_code", "name", "quantity")} for row in rows]
            },
        )
    )
    tx.audit(
        f"pharmacy.{kind}", subject=handover_id, prescription=prescription.id, lines=len(rows), checked_by=checked_by
    )
    return {
        "id": handover_id,
        "kind": kind,
        "yj_no": yj_no,
        "prescription_id": prescription.id,
        "handed_by": tx.who.operator_code,
        "checked_by": checked_by,
        "at": tx.at,
        "lines": [
            {name: row[name] for name in ("line_id", "line_no", "item_code", "name", "quantity")} for row in rows
        ],
        **({"reason": reason} if reason is not None else {}),
    }
