"""Prices changed and items added here in an outage, keyed in by two people: they stand until the centre has spoken."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, text

from fallback_server.store.schema import metadata

master_change = Table(
    "master_change",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("dataset", String(16), nullable=False),
    Column("code", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("row", JSON, nullable=False),  # the columns that are other than the mirror's; of a new item all of them
    Column("before", JSON(none_as_null=True)),  # what the mirror had in those columns; NULL: no such item
    Column("reason", Text, nullable=False),
    Column("entered_at", String(35), nullable=False),
    Column("entered_by", String(64), nullable=False),
    Column("approver_code", String(64), nullable=False),
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), nullable=False, index=True),
    Column("drill", Boolean, nullable=False),
    Column("ended_at", String(35)),
    Column("ended_how", String(12)),
    Column("ended_by", String(64)),
    Column("ended_note", Text),
    CheckConstraint("dataset IN ('drug', 'fee_item')", name="dataset"),
    CheckConstraint("kind IN ('price', 'stop', 'new')", name="kind"),
    CheckConstraint("entered_by <> approver_code", name="two_people"),
    CheckConstraint("(ended_at IS NULL) = (ended_how IS NULL)", name="ended"),
    CheckConstraint("ended_how IN ('replaced', 'withdrawn', 'caught_up', 'overruled')", name="ended_how"),
)
# Promise: one change of an item stands at a time; a later one replaces it.
Index(
    "uq_master_change_standing",
    master_change.c.dataset,
    master_change.c.code,
    master_change.c.drill,
    unique=True,
    sqlite_where=text("ended_at IS NULL"),
    postgresql_where=text("ended_at IS NULL"),
)
