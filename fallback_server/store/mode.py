"""The mode, the incidents, and their timeline: rows, not memory, so that every process sees the same."""

from __future__ import annotations

from typing import Final

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, text

from fallback_server.store.schema import BigKey, metadata

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("installation_id", String(26), nullable=False, unique=True),
    Column("created_at", String(35), nullable=False),
    CheckConstraint("id = 1", name="single_row"),
)

incident = Table(
    "incident",
    metadata,
    Column("incident_no", Integer, primary_key=True, autoincrement=False),
    Column("state", String(12), nullable=False),
    Column("drill", Boolean, nullable=False),
    Column("cause", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("epoch", Integer, nullable=False, unique=True),  # the epoch at which it began
    Column("generation", Integer, nullable=False),  # pinned until it is closed
    Column("generation_as_of", String(35), nullable=False),
    Column("opened_at", String(35), nullable=False),
    Column("opened_by", String(64), nullable=False),
    Column("confirmed_at", String(35)),
    Column("confirmed_by", String(64)),
    Column("ended_at", String(35)),
    Column("ended_by", String(64)),
    Column("ended_approver", String(64)),
    Column("upload_wanted", Boolean, nullable=False, server_default=text("false")),
    Column("released_at", String(35)),
    Column("closed_at", String(35)),
    CheckConstraint("state IN ('open', 'closing', 'uploading', 'reconciling', 'closed')", name="state"),
)
# Promise: at most one outage at a time takes documents.
Index(
    "uq_incident_one_open",
    incident.c.state,
    unique=True,
    sqlite_where=text("state = 'open'"),
    postgresql_where=text("state = 'open'"),
)

mode = Table(
    "mode",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("mode", String(12), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("incident_no", Integer, ForeignKey("incident.incident_no")),
    Column("drill", Boolean, nullable=False),
    Column("scope", JSON(none_as_null=True)),  # department codes; NULL is the whole hospital
    Column("since", String(35), nullable=False),
    Column("grace_until", String(35)),
    Column("hold_until", String(35)),
    Column("insurance_down", Boolean, nullable=False, server_default=text("false")),
    Column("notice", Text),
    CheckConstraint("id = 1", name="single_row"),
    CheckConstraint("mode IN ('normal', 'emergency', 'returning')", name="mode"),
    CheckConstraint("mode = 'normal' OR incident_no IS NOT NULL", name="incident"),
)

mode_change = Table(
    "mode_change",
    metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("arrow", String(8), nullable=False),
    Column("from_mode", String(12), nullable=False),
    Column("to_mode", String(12), nullable=False),
    Column("at", String(35), nullable=False),
    Column("incident_no", Integer, ForeignKey("incident.incident_no")),
    Column("operator_code", String(64), nullable=False),
    Column("approver_code", String(64)),
    Column("cause", String(16)),
    Column("reason", Text, nullable=False),
    Column("scope", JSON(none_as_null=True)),
)

incident_event = Table(
    "incident_event",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), nullable=False, index=True),
    Column("at", String(35), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("arrow", String(8)),
    Column("operator_code", String(64), nullable=False),
    Column("approver_code", String(64)),
    Column("detail", JSON, nullable=False),
)

SYSTEM_OPERATOR: Final = "system"
"""Who acts when a timer does: the only operator code that is nobody's log-in."""
