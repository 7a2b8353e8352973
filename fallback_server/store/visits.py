"""Patients made here, registrations, prescriptions, orders, and what the windows do with them.

Names and prices are copied into the rows at the act; later mirrors never rewrite them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, text

from fallback_server.store.schema import BigKey, Cents, UnitPrice, metadata


def document_columns(*, by_incident: bool = True) -> list[Column[Any]]:
    """What every document row carries: identity, incident, who, where, when, and the mirror it was made from.

    Without `by_incident` the table has an index of its own that begins with the incident.
    """
    return [
        Column("id", String(26), primary_key=True),
        Column("yj_no", String(32), nullable=False, unique=True),
        Column("incident_no", Integer, ForeignKey("incident.incident_no"), nullable=False, index=by_incident),
        Column("drill", Boolean, nullable=False),
        Column("generation", Integer, nullable=False),
        Column("created_at", String(35), nullable=False),
        Column("business_date", String(10), nullable=False),
        Column("operator_code", String(64), nullable=False),
        Column("operator_name", String(128), nullable=False),
        Column("workstation", String(32), nullable=False),
        Column("late", Boolean, nullable=False),
    ]


patient = Table(
    "patient",
    metadata,
    *document_columns(),
    Column("name", String(128), nullable=False),
    Column("sex", String(1), nullable=False),
    Column("birth_date", String(10)),
    Column("birth_time", String(8)),
    Column("id_type", String(8)),
    Column("id_no", String(40), index=True),
    Column("phone", String(40)),
    Column("address", Text),
    Column("guardian_name", String(128)),
    Column("guardian_phone", String(40)),
    Column("insurance_type", String(16)),
    Column("insurance_no", String(40)),
    Column("insurance_area", String(16)),
    Column("allergy", Text),
    Column("card_no", String(64), index=True),
    Column("pinyin", String(64), nullable=False, index=True),
    CheckConstraint("sex IN ('M', 'F', 'U')", name="sex"),
)

registration = Table(
    "registration",
    metadata,
    *document_columns(by_incident=False),
    Column("patient_id", String(32), nullable=False, index=True),
    Column("patient_origin", String(8), nullable=False),
    Column("patient_name", String(128), nullable=False),
    Column("department_code", String(64), nullable=False),
    Column("department_name", String(128), nullable=False),
    Column("staff_code", String(64)),
    Column("staff_name", String(128)),
    Column("type_code", String(64), nullable=False),
    Column("type_name", String(128), nullable=False),
    Column("schedule_id", String(64)),
    Column("session", String(8), nullable=False),
    Column("visit_kind", String(12), nullable=False),
    Column("triage_level", Integer),
    Column("weight_kg", String(8)),
    Column("queue_no", Integer, nullable=False),
    Column("centre_slip_no", String(64)),  # of a visit the centre sold in the blind window; linked after recovery
    Column("cancelled_at", String(35)),
    CheckConstraint("triage_level BETWEEN 1 AND 5", name="triage_level"),
)
Index("ix_registration_queue", registration.c.department_code, registration.c.business_date)
# Lists show today and yesterday, however long an outage lasts.
Index("ix_registration_incident", registration.c.incident_no, registration.c.business_date)
Index(
    "ix_registration_desk", registration.c.operator_code, registration.c.business_date, registration.c.created_at,
    registration.c.id,
)  # fmt: skip
Index(
    "ix_registration_schedule",
    registration.c.schedule_id,
    sqlite_where=text("schedule_id IS NOT NULL"),
    postgresql_where=text("schedule_id IS NOT NULL"),
)
# Promise: a slip of the centre is taken in once.
Index(
    "uq_registration_centre_slip",
    registration.c.centre_slip_no,
    registration.c.drill,
    unique=True,
    sqlite_where=text("centre_slip_no IS NOT NULL AND cancelled_at IS NULL"),
    postgresql_where=text("centre_slip_no IS NOT NULL AND cancelled_at IS NULL"),
)

# Queue numbers of the YJ lane: the next one per department and day.
queue_counter = Table(
    "queue_counter",
    metadata,
    Column("department_code", String(64), primary_key=True),
    Column("business_date", String(10), primary_key=True),
    Column("drill", Boolean, primary_key=True),
    Column("last_no", Integer, nullable=False),
)

# Where a visit stands in the hall. Visits of the centre's open work get a row at their first move here.
queue_place = Table(
    "queue_place",
    metadata,
    Column("registration_id", String(32), primary_key=True),
    Column("origin", String(8), nullable=False),
    Column("status", String(8), nullable=False),
    Column("department_code", String(64), nullable=False),
    Column("staff_code", String(64)),
    Column("incident_no", Integer, nullable=False),
    Column("changed_at", String(35), nullable=False),
    Column("changed_by", String(64), nullable=False),
    CheckConstraint("status IN ('waiting', 'paused', 'called', 'seen', 'absent')", name="status"),
)
Index("ix_queue_place_department", queue_place.c.department_code, queue_place.c.status)
Index("ix_queue_place_changed", queue_place.c.incident_no, queue_place.c.changed_at)  # what moved lately

queue_move = Table(
    "queue_move",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("registration_id", String(32), nullable=False, index=True),
    Column("at", String(35), nullable=False),
    Column("operator_code", String(64), nullable=False),
    Column("from_status", String(8), nullable=False),
    Column("to_status", String(8), nullable=False),
)

# A transfer or cancellation is a document of its own; the registration keeps what was printed on its slip.
registration_change = Table(
    "registration_change",
    metadata,
    *document_columns(),
    Column("registration_id", String(26), ForeignKey("registration.id"), nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("from_department_code", String(64)),
    Column("department_code", String(64)),
    Column("department_name", String(128)),
    Column("staff_code", String(64)),
    Column("reason", Text, nullable=False),
    CheckConstraint("kind IN ('cancel', 'transfer')", name="kind"),
)

prescription = Table(
    "prescription",
    metadata,
    *document_columns(by_incident=False),
    Column("registration_id", String(32), nullable=False, index=True),
    Column("registration_origin", String(8), nullable=False),
    Column("patient_id", String(32), nullable=False, index=True),
    Column("patient_origin", String(8), nullable=False),
    Column("patient_name", String(128), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("diagnoses", JSON, nullable=False),  # [{code, name}]
    Column("department_code", String(64), nullable=False),
    Column("department_name", String(128), nullable=False),
    Column("staff_code", String(64), nullable=False),
    Column("staff_name", String(128), nullable=False),
    Column("pharmacy_code", String(64)),
    Column("paper", Boolean, nullable=False),
    Column("written_at", String(35), nullable=False),
    Column("total", Cents, nullable=False),
    Column("cancelled_at", String(35)),
    CheckConstraint("kind IN ('western', 'patent', 'herbal')", name="kind"),
)

Index("ix_prescription_incident", prescription.c.incident_no, prescription.c.business_date)

prescription_line = Table(
    "prescription_line",
    metadata,
    Column("line_id", String(32), primary_key=True),
    Column("prescription_id", String(26), ForeignKey("prescription.id"), nullable=False, index=True),
    Column("line_no", Integer, nullable=False),
    Column("drug_code", String(64), nullable=False),
    Column("name", String(256), nullable=False),
    Column("spec", String(256)),
    Column("unit", String(32), nullable=False),
    Column("unit_price", UnitPrice, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("amount", Cents, nullable=False),
    Column("receipt_category", String(16), nullable=False),
    Column("dose", String(32)),
    Column("dose_unit", String(32)),
    Column("usage", String(32)),
    Column("frequency", String(32)),
    Column("days", Integer),
    Column("note", Text),
    CheckConstraint("quantity > 0", name="quantity"),
)

order = Table(
    "order_request",
    metadata,
    *document_columns(by_incident=False),
    Column("registration_id", String(32), nullable=False, index=True),
    Column("registration_origin", String(8), nullable=False),
    Column("patient_id", String(32), nullable=False, index=True),
    Column("patient_origin", String(8), nullable=False),
    Column("patient_name", String(128), nullable=False),
    Column("department_code", String(64), nullable=False),
    Column("department_name", String(128), nullable=False),
    Column("staff_code", String(64), nullable=False),
    Column("staff_name", String(128), nullable=False),
    Column("total", Cents, nullable=False),
    Column("cancelled_at", String(35)),
)

Index("ix_order_request_incident", order.c.incident_no, order.c.business_date)

order_line = Table(
    "order_line",
    metadata,
    Column("line_id", String(32), primary_key=True),
    Column("order_id", String(26), ForeignKey("order_request.id"), nullable=False, index=True),
    Column("line_no", Integer, nullable=False),
    Column("item_code", String(64), nullable=False),
    Column("name", String(256), nullable=False),
    Column("unit", String(32), nullable=False),
    Column("unit_price", UnitPrice, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("amount", Cents, nullable=False),
    Column("receipt_category", String(16), nullable=False),
    Column("exec_department_code", String(64)),
    CheckConstraint("quantity > 0", name="quantity"),
)

# Drugs physically given out (已发待确认), or taken back before a refund. The newest row per prescription line counts.
handover = Table(
    "handover",
    metadata,
    *document_columns(),
    Column("prescription_id", String(32), nullable=False, index=True),
    Column("prescription_origin", String(8), nullable=False),
    Column("checked_by", String(64), nullable=False),
)

handover_line = Table(
    "handover_line",
    metadata,
    Column("handover_id", String(26), ForeignKey("handover.id"), primary_key=True),
    Column("line_id", String(32), primary_key=True),
    Column("line_no", Integer, nullable=False),
    Column("item_code", String(64), nullable=False),
    Column("name", String(256), nullable=False),
    Column("quantity", Integer, nullable=False),  # negative: taken back
    CheckConstraint("quantity <> 0", name="quantity"),
)
Index("ix_handover_line", handover_line.c.line_id)

print_record = Table(
    "print_record",
    metadata,
    Column("document_id", String(32), primary_key=True),
    Column("copy_no", Integer, primary_key=True),  # 1 is the original, later ones say 补打 n
    Column("kind", String(16), nullable=False),
    Column("at", String(35), nullable=False),
    Column("operator_code", String(64), nullable=False),
    Column("workstation", String(32), nullable=False),
)

refund_wish = Table(
    "refund_wish",
    metadata,
    # A receipt from before the outage cannot be refunded here: the wish is kept for the HIS.
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), nullable=False),
    Column("at", String(35), nullable=False),
    Column("operator_code", String(64), nullable=False),
    Column("charge_id", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("done_at", String(35)),
    Column("done_by", String(64)),
    Column("done_how", Text),
    CheckConstraint("done_at IS NULL OR (done_by IS NOT NULL AND done_how IS NOT NULL)", name="done_by_a_person"),
)
