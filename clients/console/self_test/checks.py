"""What must be true of the scratch store when its drill is over. Read from its tables, not asked of the server."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from clients.console.self_test.play import Story

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from fallback_server.store.session import Store

KINDS = frozenset({"patient", "registration", "prescription", "charge", "refund", "dispense_note"})


def problems(store: Store, story: Story, before: int) -> list[str]:
    """Why the self-test is not passed; empty when all is well."""
    with store.reading() as tx:
        return [*_incident(tx.conn, story), *_outbox(tx.conn, story, before), *_money(tx.conn, story), *_chain(tx.conn)]


def _incident(conn: Connection, story: Story) -> Iterator[str]:
    from fallback_server.store.mode_switch import incident_row

    row = incident_row(conn, story.incident_no)
    if row["state"] != "closed" or not row["drill"] or row["ended_approver"] is None:
        yield f"the drill is {row['state']}, ended by {row['ended_by']} and {row['ended_approver']}"


def _outbox(conn: Connection, story: Story, before: int) -> Iterator[str]:
    from sqlalchemy import func, select

    from fallback_server.store.outbox import outbox

    mine = conn.execute(select(outbox.c.entity, outbox.c.state).where(outbox.c.incident_no == story.incident_no)).all()
    if loose := sorted({row.entity for row in mine if row.state != "fenced"}):
        yield f"documents of the drill are not fenced: {', '.join(loose)}"
    if lacking := sorted(KINDS - {row.entity for row in mine}):
        yield f"documents are missing: {', '.join(lacking)}"
    if (now := conn.execute(select(func.count()).select_from(outbox)).scalar_one()) != before + len(mine):
        yield f"there were {before} documents, the drill made {len(mine)}, now there are {now}"


def _money(conn: Connection, story: Story) -> Iterator[str]:
    """What the windows were told, what the documents say, and what was paid: three sums that are one."""
    from sqlalchemy import func, select

    from fallback_server.store.cash import charge, payment

    mine = charge.c.incident_no == story.incident_no
    written = conn.execute(select(func.sum(charge.c.total)).where(mine)).scalar() or Decimal(0)
    paid = conn.execute(
        select(func.sum(payment.c.amount)).join(charge, charge.c.id == payment.c.charge_id).where(mine)
    ).scalar() or Decimal(0)
    if not Decimal(written) == Decimal(paid) == story.told:
        yield f"told {story.told}, written {written}, paid {paid}"


def _chain(conn: Connection) -> Iterator[str]:
    from fallback_server.store import audit

    if breaks := audit.verify(conn)[1]:
        yield f"the audit log is broken: {breaks[0]}"
