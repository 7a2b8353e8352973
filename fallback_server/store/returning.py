"""The way back: upload runs, conflicts, differences, reconciliations, signatures, and jobs asked of the worker."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, text

from fallback_server.store.schema import BigKey, Cents, metadata

job = Table(
    "job",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False),  # jobs.KINDS
    Column("arguments", JSON, nullable=False),
    Column("requested_by", String(64), nullable=False),
    Column("requested_at", String(35), nullable=False),
    Column("state", String(12), nullable=False),  # queued | running | done | failed
    Column("started_at", String(35)),
    Column("finished_at", String(35)),
    Column("result", JSON),
    Column("error", Text),
    CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name="state"),
)
Index("ix_job_queue", job.c.state, job.c.id)

upload_run = Table(
    "upload_run",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), nullable=False, index=True),
    Column("dry_run", Boolean, nullable=False),
    Column("started_at", String(35), nullable=False),
    Column("finished_at", String(35)),
    Column("state", String(12), nullable=False),  # running | done | stopped | refused | broken
    Column("step", String(32)),
    Column("report", JSON, nullable=False),
    Column("error", Text),
)

conflict = Table(
    "conflict",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), nullable=False, index=True),
    Column("yj_id", String(26), index=True),  # NULL for what the blind window showed without a parked document
    Column("kind", String(48), nullable=False),
    Column("subject", String(128), nullable=False),  # what it is about; one open item per kind and subject
    Column("local", JSON, nullable=False),
    Column("central", JSON, nullable=False),
    Column("opened_at", String(35), nullable=False),
    Column("decision", String(32)),
    Column("decided_at", String(35)),
    Column("decided_by", String(64)),
    Column("approver_code", String(64)),
    Column("note", Text),
    CheckConstraint("decision IS NULL OR (decided_by IS NOT NULL AND note IS NOT NULL)", name="decided_by_a_person"),
)
Index(
    "uq_conflict_open",
    conflict.c.incident_no,
    conflict.c.kind,
    conflict.c.subject,
    unique=True,
    sqlite_where=text("decision IS NULL"),
    postgresql_where=text("decision IS NULL"),
)

recovered = Table(
    "recovered",
    metadata,
    # Documents that the centre's ledger has and this store lost, because it came back from a backup. Known, not redone.
    Column("yj_id", String(26), primary_key=True),
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), nullable=False, index=True),
    Column("entity", String(24), nullable=False),
    Column("sequence", Integer, nullable=False, unique=True),
    Column("payload_hash", String(64), nullable=False),
    Column("central_key", String(64)),
    Column("amount", Cents, nullable=False),
    Column("operator_code", String(64), nullable=False),
    Column("receipt_no", String(40)),
    Column("yj_no", String(32), nullable=False),
    Column("business_date", String(10), nullable=False),
    Column("recovered_at", String(35), nullable=False),
)

blind_row = Table(
    "blind_row",
    metadata,
    # What the centre did from the last generation to the end of the upload; re-read before every run.
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), primary_key=True),
    Column("kind", String(24), primary_key=True),
    Column("central_key", String(64), primary_key=True),
    Column("row", JSON, nullable=False),
    Column("seen_at", String(35), nullable=False),
)

reconciliation = Table(
    "reconciliation",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), nullable=False, index=True),
    Column("at", String(35), nullable=False),
    Column("balanced", Boolean, nullable=False),
    Column("report", JSON, nullable=False),
    Column("report_hash", String(64), nullable=False),  # of `report`, in its canonical form
    Column("seconds", JSON, nullable=False),  # by layer; not part of what is hashed
)

difference = Table(
    "difference",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), nullable=False),
    Column("kind", String(48), nullable=False),
    Column("subject", String(160), nullable=False),  # stable over re-computation, so that an explanation stays
    Column("yj_id", String(26)),
    Column("central_key", String(64)),
    Column("local", JSON, nullable=False),
    Column("central", JSON, nullable=False),
    Column("first_seen_at", String(35), nullable=False),
    Column("gone_at", String(35)),
    Column("explained_at", String(35)),
    Column("explained_by", String(64)),
    Column("note", Text),
)
Index("uq_difference_subject", difference.c.incident_no, difference.c.kind, difference.c.subject, unique=True)

# Promise: a signature is under one report, by its hash, and stays. Whether it still counts is asked of the newest.
signature = Table(
    "signature",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), nullable=False, index=True),
    Column("signed_as", String(8), nullable=False),
    Column("reconciliation_id", BigKey, ForeignKey("reconciliation.id"), nullable=False),
    Column("report_hash", String(64), nullable=False),
    Column("operator_code", String(64), nullable=False),
    Column("at", String(35), nullable=False),
    CheckConstraint("signed_as IN ('it', 'finance')", name="signed_as"),
)
