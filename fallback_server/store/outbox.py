"""The outbox: frozen payloads waiting to return, their lawful moves, and the append-only history of those moves; beside
it the first document of each window."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, text

from fallback_server.store.schema import BigKey, Cents, metadata

outbox = Table(
    "outbox",
    metadata,
    Column("yj_id", String(26), primary_key=True),
    # Promise: gap-free per installation; the centre's ledger holds the same number under a unique index.
    Column("sequence", Integer, nullable=False, unique=True),
    Column("entity", String(24), nullable=False),
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), nullable=False),
    Column("drill", Boolean, nullable=False),
    Column("state", String(12), nullable=False),
    Column("rank", Integer, nullable=False),
    Column("chain", String(64), nullable=False),  # the patient: a parked document holds up its own chain only
    Column("payload", Text, nullable=False),
    Column("payload_hash", String(64), nullable=False),
    Column("amount", Cents, nullable=False),
    Column("operator_code", String(64), nullable=False),
    Column("yj_no", String(32), nullable=False),
    Column("receipt_no", String(40)),
    Column("business_date", String(10), nullable=False),
    Column("created_at", String(35), nullable=False),
    Column("late", Boolean, nullable=False),
    Column("central_key", String(64)),
    Column("attempts", Integer, nullable=False, default=0, server_default="0"),
    Column("next_attempt_at", String(35)),
    Column("lease_owner", String(64)),
    Column("lease_until", String(35)),
    Column("last_error", Text),
    Column("confirmed_at", String(35)),
    CheckConstraint(
        "state IN ('pending', 'sending', 'confirmed', 'unknown', 'conflict', 'settled', 'fenced')", name="state"
    ),
    CheckConstraint("state <> 'sending' OR (lease_owner IS NOT NULL AND lease_until IS NOT NULL)", name="leased"),
    CheckConstraint("state <> 'confirmed' OR confirmed_at IS NOT NULL", name="confirmed_at"),
    # Promise: a drill's document never leaves.
    CheckConstraint("(drill AND state = 'fenced') OR (NOT drill AND state <> 'fenced')", name="drill_is_fenced"),
)
Index("ix_outbox_work", outbox.c.state, outbox.c.rank, outbox.c.sequence)
# Enough to count an incident's documents and to cut its time into pieces without reading a payload.
Index(
    "ix_outbox_incident", outbox.c.incident_no, outbox.c.state, outbox.c.entity, outbox.c.created_at, outbox.c.sequence
)
_ARRIVED, _FAILED = text("central_key IS NOT NULL"), text("last_error IS NOT NULL")
Index(
    "ix_outbox_central_key",
    outbox.c.entity,
    outbox.c.central_key,
    outbox.c.incident_no,
    sqlite_where=_ARRIVED,
    postgresql_where=_ARRIVED,
)
Index("ix_outbox_error", outbox.c.incident_no, outbox.c.sequence, sqlite_where=_FAILED, postgresql_where=_FAILED)

outbox_parent = Table(
    "outbox_parent",
    metadata,
    Column("yj_id", String(26), ForeignKey("outbox.yj_id"), primary_key=True),
    Column("parent_id", String(26), primary_key=True, index=True),
)

outbox_move = Table(
    "outbox_move",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("yj_id", String(26), ForeignKey("outbox.yj_id"), nullable=False, index=True),
    Column("at", String(35), nullable=False),
    Column("arrow", String(2), nullable=False),
    Column("from_state", String(12), nullable=False),
    Column("to_state", String(12), nullable=False),
    Column("by", String(64), nullable=False),
    Column("detail", Text),
)
# How fast the way back goes is asked every few seconds.
Index("ix_outbox_move_at", outbox_move.c.at, outbox_move.c.to_state, outbox_move.c.from_state)

# The first document of each window in an incident, noted when it is made: to ask 300,000 documents for it is slow.
window_first = Table(
    "window_first",
    metadata,
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), primary_key=True),
    Column("workstation", String(32), primary_key=True),
    Column("at", String(35), nullable=False),
    Column("entity", String(24), nullable=False),
    Column("yj_no", String(32), nullable=False),
    Column("operator_code", String(64), nullable=False),
)
