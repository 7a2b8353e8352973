"""Money: charges, refunds, payments, receipt numbers, shifts. Rows of money are written once and never changed."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
)

from fallback_server.store.schema import BigKey, Cents, UnitPrice, metadata
from fallback_server.store.visits import document_columns

charge = Table(
    "charge",
    metadata,
    *document_columns(by_incident=False),
    Column("kind", String(16), nullable=False),  # registration | outpatient
    Column("refund_of", String(26), ForeignKey("charge.id"), index=True),
    Column("reason", Text),
    Column("patient_id", String(32), index=True),
    Column("patient_origin", String(8)),
    Column("patient_name", String(128), nullable=False),
    Column("registration_id", String(32), index=True),
    Column("registration_origin", String(8)),
    Column("department_code", String(64)),
    Column("total", Cents, nullable=False),
    Column("change", Cents, nullable=False),
    Column("first_receipt_no", String(40)),  # as printed at the act; the present one is in receipt_number
    Column("shift_id", String(26), ForeignKey("shift.id"), index=True),
    Column("insurance", JSON(none_as_null=True)),
    Column("deferred", Boolean, nullable=False),
    Column("approver_code", String(64)),
    CheckConstraint("kind IN ('registration', 'outpatient')", name="kind"),
    CheckConstraint("(refund_of IS NULL AND total >= 0) OR (refund_of IS NOT NULL AND total <= 0)", name="sign"),
)

Index("ix_charge_incident", charge.c.incident_no, charge.c.id)  # the account walks it page by page
# What a desk took on a day, the newest first.
Index("ix_charge_desk", charge.c.operator_code, charge.c.business_date, charge.c.created_at, charge.c.id)
Index(
    "ix_charge_outside_shift",
    charge.c.operator_code,
    charge.c.incident_no,
    sqlite_where=text("shift_id IS NULL"),
    postgresql_where=text("shift_id IS NULL"),
)

charge_line = Table(
    "charge_line",
    metadata,
    Column("line_id", String(32), primary_key=True),
    Column("charge_id", String(26), ForeignKey("charge.id"), nullable=False, index=True),
    Column("line_no", Integer, nullable=False),
    Column("source", String(16), nullable=False),  # registration | prescription | order | item
    Column("source_id", String(32)),
    Column("source_line_id", String(64)),
    Column("item_code", String(64), nullable=False),
    Column("name", String(256), nullable=False),
    Column("spec", String(256)),
    Column("unit", String(32), nullable=False),
    Column("unit_price", UnitPrice, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("amount", Cents, nullable=False),
    Column("receipt_category", String(16), nullable=False),
    Column("original_line_id", String(32), ForeignKey("charge_line.line_id"), index=True),
    CheckConstraint("quantity <> 0", name="quantity"),
    CheckConstraint(
        "(original_line_id IS NULL AND quantity > 0) OR (original_line_id IS NOT NULL AND quantity < 0)", name="sign"
    ),
)

payment = Table(
    "payment",
    metadata,
    Column("charge_id", String(26), ForeignKey("charge.id"), primary_key=True),
    Column("payment_no", Integer, primary_key=True),
    Column("method", String(16), nullable=False),
    Column("amount", Cents, nullable=False),
    Column("tendered", Cents),
    Column("reference", String(64)),
    Column("state", String(12), nullable=False),
    CheckConstraint("state IN ('received', 'in_doubt')", name="state"),
)

# Promise: what was paid here is paid once. The primary key is the guarantee, for our own rows and the centre's.
settlement = Table(
    "settlement",
    metadata,
    Column("entity", String(16), primary_key=True),  # prescription | order
    Column("target_id", String(32), primary_key=True),
    Column("charge_id", String(26), ForeignKey("charge.id"), nullable=False, index=True),
    Column("target_origin", String(8), nullable=False),
    Column("central_key", String(64)),
)

receipt_book = Table(
    "receipt_book",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("operator_code", String(64), nullable=False, index=True),
    Column("prefix", String(16), nullable=False),
    Column("width", Integer, nullable=False),  # digits on the paper
    Column("start_no", BigInteger, nullable=False),
    Column("end_no", BigInteger, nullable=False),
    Column("next_no", BigInteger, nullable=False),
    Column("source", String(8), nullable=False),  # mirror | issued | drill
    Column("incident_no", Integer),  # at its first use or issue; NULL: prepared in normal mode
    Column("created_at", String(35), nullable=False),
    Column("central_next", BigInteger),  # the centre's next number when the book was brought here
    Column("left_at", String(35)),  # its holder works on both sides and leaves it with the HIS
    # The HIS printed beside us until the whole hospital came into YJ: its holder confirms the paper before it is used.
    Column("recheck_since", String(35)),
    CheckConstraint("start_no <= end_no AND next_no BETWEEN start_no AND end_no + 1", name="range"),
)
Index(
    "uq_receipt_book_range", receipt_book.c.operator_code, receipt_book.c.prefix, receipt_book.c.start_no, unique=True
)

receipt_number = Table(
    "receipt_number",
    metadata,
    # Promise P4: a number is used at most once and never recycled. Unused numbers have no row.
    Column("prefix", String(16), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("receipt_no", String(40), nullable=False, unique=True),
    Column("book_id", BigKey, ForeignKey("receipt_book.id"), nullable=False, index=True),
    Column("state", String(8), nullable=False),
    Column("charge_id", String(26), ForeignKey("charge.id"), index=True),
    Column("reason", Text),
    Column("operator_code", String(64), nullable=False),
    Column("incident_no", Integer, nullable=False, index=True),
    Column("at", String(35), nullable=False),
    CheckConstraint("state IN ('used', 'void', 'unknown')", name="state"),
    CheckConstraint("state <> 'void' OR reason IS NOT NULL", name="void_has_reason"),
    CheckConstraint("state <> 'used' OR charge_id IS NOT NULL", name="used_by_a_charge"),
)
Index(
    "uq_receipt_number_charge",
    receipt_number.c.charge_id,
    unique=True,
    sqlite_where=text("state = 'used'"),
    postgresql_where=text("state = 'used'"),
)

Index("ix_receipt_number_desk", receipt_number.c.operator_code, receipt_number.c.at)  # the sheet of a shift

receipt_event = Table(
    "receipt_event",
    metadata,
    *document_columns(),
    Column("kind", String(8), nullable=False),
    Column("charge_id", String(26), ForeignKey("charge.id"), index=True),
    Column("numbers", JSON, nullable=False),
    Column("new_receipt_no", String(40)),
    Column("reason", Text, nullable=False),
    CheckConstraint("kind IN ('void', 'reissue')", name="kind"),
)

shift = Table(
    "shift",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("incident_no", Integer, ForeignKey("incident.incident_no"), nullable=False),
    Column("drill", Boolean, nullable=False),
    Column("operator_code", String(64), nullable=False),
    Column("operator_name", String(128), nullable=False),
    Column("workstation", String(32), nullable=False),
    Column("opened_at", String(35), nullable=False),
    Column("float", Cents, nullable=False),
    Column("his_cash_kept_apart", Cents),
    Column("last_his_receipt_no", String(40)),
    Column("act_in_hand", Text),
    Column("closed_at", String(35)),
    Column("counted", JSON(none_as_null=True)),
    Column("sheet", JSON(none_as_null=True)),  # the hand-over sheet as it was signed
)
# Promise: one open shift per cashier.
Index(
    "uq_shift_open",
    shift.c.operator_code,
    unique=True,
    sqlite_where=text("closed_at IS NULL"),
    postgresql_where=text("closed_at IS NULL"),
)


def used_there(central_key: str) -> str:
    """The reason of a number that a window skipped and a charge of the centre's own has: no doubt is left of it."""
    return f"used at the centre ({central_key})"
