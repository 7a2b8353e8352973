"""What is left to do when the documents are back: drugs to dispense in the HIS, receipts to exchange, states of the
hall to hand back, and the steps of the return that a person ticks.

The lists themselves are computed from documents when they are asked for (store.after_lists); here is only what became
of their items.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, text

from fallback_server.store.schema import BigKey, metadata

# What the centre last said about a prescription whose drugs were handed over here, and how its item ended.
dispense_watch = Table(
    "dispense_watch",
    metadata,
    Column("prescription_id", String(32), primary_key=True),
    Column("central_key", String(64), nullable=False),
    Column("status", String(12), nullable=False),
    Column("asked_at", String(35), nullable=False),
    Column("dispensed_at", String(35)),  # as the centre told it
    Column("dispensed_by", String(64)),
    Column("done_at", String(35)),
    Column("done_by", String(64)),
    Column("note", Text),  # of a person who said that it is done
    CheckConstraint("status IN ('open', 'dispensed', 'void', 'missing', 'unasked')", name="status"),
)
Index("ix_dispense_watch_open", dispense_watch.c.done_at, dispense_watch.c.asked_at)

# The paper given out in the outage, exchanged for the formal one.
receipt_exchange = Table(
    "receipt_exchange",
    metadata,
    # Promise: a temporary receipt is exchanged once.
    Column("charge_id", String(26), ForeignKey("charge.id"), primary_key=True),
    # Promise: a formal number stands for one charge.
    Column("formal_no", String(64), nullable=False, unique=True),
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), nullable=False, index=True),
    Column("at", String(35), nullable=False),
    Column("operator_code", String(64), nullable=False),
    Column("operator_name", String(128), nullable=False),
    Column("note", Text),
)

# The state of a visit in the hall that the HIS was told, by us or by a nurse's hand.
queue_handback = Table(
    "queue_handback",
    metadata,
    Column("registration_id", String(32), primary_key=True),
    Column("status", String(8), nullable=False),  # that was handed back: a later move here opens the item again
    Column("moved_at", String(35), nullable=False),  # of the move that was handed back
    Column("how", String(8), nullable=False),
    Column("at", String(35), nullable=False),
    Column("operator_code", String(64), nullable=False),
    Column("note", Text),
    CheckConstraint("how IN ('written', 'refused', 'keyed')", name="how"),
)

# Steps of the return that a named person ticked; one taken back stays, with who took it back.
run_sheet_tick = Table(
    "run_sheet_tick",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), nullable=False, index=True),
    Column("step", String(24), nullable=False),
    Column("at", String(35), nullable=False),
    Column("operator_code", String(64), nullable=False),
    Column("operator_name", String(128), nullable=False),
    Column("note", Text, nullable=False),
    Column("undone_at", String(35)),
    Column("undone_by", String(64)),
)
# Promise: a step is ticked once.
Index(
    "uq_run_sheet_tick",
    run_sheet_tick.c.incident_no,
    run_sheet_tick.c.step,
    unique=True,
    sqlite_where=text("undone_at IS NULL"),
    postgresql_where=text("undone_at IS NULL"),
)
