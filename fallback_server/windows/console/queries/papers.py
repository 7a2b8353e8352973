"""Which papers an incident has: for its archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Table, exists, select

from fallback_server.store import cash, sign_off, visits
from fallback_server.store.mode_switch import incident_row
from fallback_server.store.session import Tx

# In the order of a visit. Paper → the table its documents are rows of.
DOCUMENTS: Final[dict[str, Table]] = {
    "registration": visits.registration,
    "prescription": visits.prescription,
    "order": visits.order,
    "receipt": cash.charge,
    "refund": cash.charge,
}


@dataclass(frozen=True)
class Paper:
    """One print of an incident: its kind, the page that prints it, and a name no other paper of its kind has."""

    kind: str
    address: str
    name: str


def papers_of(tx: Tx, incident_no: int) -> list[Paper]:
    """Every paper of an incident, in the order in which it was made; raises incident_not_found.

    A registration's fee stands on its slip, so its receipt is there only if somebody printed one as well. Papers of
    what the centre wrote before the outage are not here: they belong to the centre.
    """
    incident_row(tx.conn, incident_no)
    found = [paper for kind in DOCUMENTS for paper in _documents(tx, incident_no, kind)]
    found += _shifts(tx, incident_no)
    if sign_off.current_report(tx.conn, incident_no) is not None:
        found.append(Paper("reconciliation", f"/print/reconciliation/{incident_no}", f"reconciliation-{incident_no}"))
    found.append(Paper("incident", f"/print/incident/{incident_no}", f"incident-{incident_no}"))
    return found


def _documents(tx: Tx, incident_no: int, kind: str) -> list[Paper]:
    table = DOCUMENTS[kind]
    asked = select(table.c.id, table.c.yj_no).where(table.c.incident_no == incident_no).order_by(table.c.id)
    if kind == "receipt":
        printed = exists().where(visits.print_record.c.document_id == table.c.id)
        asked = asked.where(table.c.refund_of.is_(None), (table.c.kind != "registration") | printed)
    if kind == "refund":
        asked = asked.where(table.c.refund_of.is_not(None))
    return [Paper(kind, f"/print/{kind}/{row.id}", row.yj_no) for row in tx.conn.execute(asked)]


def _shifts(tx: Tx, incident_no: int) -> list[Paper]:
    table = cash.shift
    rows = tx.conn.execute(
        select(table.c.id, table.c.operator_code).where(table.c.incident_no == incident_no).order_by(table.c.id)
    )
    return [Paper("shift", f"/print/shift/{row.id}", f"{row.operator_code}-{row.id}") for row in rows]
