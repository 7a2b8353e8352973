"""The record of an incident that people keep: notes, announcements, analysis, measures, and the reports made of it all.

Nothing here is changed: a note is amended by another that names it, an analysis and a report by a later one. Of a
measure only its due day, who does it and its end may move.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, text

from fallback_server.store.schema import BigKey, metadata


def _by_whom() -> tuple[Column[str], ...]:
    return (
        Column("at", String(35), nullable=False),
        Column("operator_code", String(64), nullable=False),
        Column("operator_name", String(128), nullable=False),
    )


incident_note = Table(
    "incident_note",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), nullable=False, index=True),
    *_by_whom(),
    Column("kind", String(8), nullable=False),
    Column("happened_at", String(35), nullable=False),  # what is keyed in afterwards says when it was
    Column("text", Text, nullable=False),
    Column("whom", String(64)),  # who was told, or who told us
    Column("means", String(16)),
    Column("answer", Text),
    Column("timer", String(64)),  # which timer it ticks off
    Column("amends", BigKey, ForeignKey("incident_note.id"), index=True),
    CheckConstraint("kind IN ('note', 'told', 'heard')", name="kind"),
    CheckConstraint("kind = 'note' OR (whom IS NOT NULL AND means IS NOT NULL)", name="whom_and_how"),
    CheckConstraint("timer IS NULL OR kind = 'told'", name="timer"),
)

# What the band and the hall's screen say, and since when; without a text it was taken down.
announcement = Table(
    "announcement",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), index=True),
    *_by_whom(),
    Column("text", Text),
)

incident_analysis = Table(
    "incident_analysis",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), nullable=False, index=True),
    *_by_whom(),
    Column("cause", Text, nullable=False),
    Column("lessons", Text, nullable=False),
)

incident_measure = Table(
    "incident_measure",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), nullable=False, index=True),
    *_by_whom(),
    Column("text", Text, nullable=False),
    Column("responsible", String(64), nullable=False),
    Column("due_on", String(10), nullable=False),
    Column("done_at", String(35)),
    Column("done_by", String(64)),
    Column("done_note", Text),
    CheckConstraint("done_at IS NULL OR (done_by IS NOT NULL AND done_note IS NOT NULL)", name="done_by_a_person"),
)
Index(
    "ix_incident_measure_open",
    incident_measure.c.due_on,
    sqlite_where=text("done_at IS NULL"),
    postgresql_where=text("done_at IS NULL"),
)

# Promise: a report stays as it was made, under its hash and with the head of the audit log of that moment.
incident_report = Table(
    "incident_report",
    metadata,
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # 1, 2, … of this incident
    Column("stage", String(8), nullable=False),  # closed: made by itself; final: a person put their name to it
    *_by_whom(),
    Column("content", Text, nullable=False),  # canonical JSON: what is printed
    Column("content_hash", String(64), nullable=False),
    Column("audit_sequence", Integer, nullable=False),
    Column("audit_hash", String(64), nullable=False),
    CheckConstraint("stage IN ('closed', 'final')", name="stage"),
)
