"""What prescriptions and orders have in common: reading them, ours and the centre's open work, as `Billable`s.

The state is derived, never stored: cancelled by its own mark, paid or refunded by the settlements written here, and for
the centre's rows by the mirror unless they were settled here (what was paid here stays paid).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, false, select
from sqlalchemy.engine import RowMapping

from fallback_server.acts import charges, open_work, patients
from fallback_server.acts.views import Billable, BillableLine
from fallback_server.domain.errors import YjError
from fallback_server.domain.numbers import is_ulid, mirrored_id
from fallback_server.store import mirror, visits
from fallback_server.store.cash import settlement
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Tx

LIST_LIMIT = 500
_LINE_DETAILS = ("dose", "dose_unit", "usage", "frequency", "days", "note", "exec_department_code", "spec")

_patient = mirror.datasets["patient"]
_visit = mirror.datasets["open_registration"]
_staff = mirror.datasets["staff"]
_diagnosis = mirror.datasets["diagnosis"]


@dataclass(frozen=True)
class Filter:
    """What a list is asked for; without a person, a visit or a number it shows today and yesterday."""

    patient_id: str | None = None
    registration_id: str | None = None
    status: str | None = None
    pharmacy_code: str | None = None
    number: str | None = None  # as printed: the YJ number, or the centre's key


@dataclass(frozen=True)
class Shelf:
    """Where one entity is kept: our tables and the mirror's."""

    entity: str
    table: Table
    lines: Table
    parent: str  # column of `lines`
    code: str  # column of the item's code, here and in the mirror
    open: str  # dataset
    key: str  # its key column

    @property
    def mirrored(self) -> Table:
        return mirror.datasets[self.open]

    @property
    def mirrored_lines(self) -> Table:
        return mirror.datasets[f"{self.open}_line"]

    @property
    def missing(self) -> str:
        return "prescription_not_found" if self.entity == "prescription" else "order_not_found"


PRESCRIPTIONS = Shelf(
    "prescription", visits.prescription, visits.prescription_line, "prescription_id", "drug_code",
    "open_prescription", "prescription_key",
)  # fmt: skip
ORDERS = Shelf("order", visits.order, visits.order_line, "order_id", "item_code", "open_order", "order_key")


def get(tx: Tx, shelf: Shelf, billable_id: str) -> Billable:
    """The document with this id and its lines; raises prescription_not_found or order_not_found."""
    if is_ulid(billable_id):
        found = _load_ours(tx, shelf, shelf.table.c.id == billable_id)
    else:
        found = _load_centre(tx, shelf, shelf.mirrored.c.id == billable_id)
    if not found:
        raise YjError(shelf.missing)
    return found[0]


def many(tx: Tx, shelf: Shelf, ids: Sequence[str]) -> list[Billable]:
    """Those of `ids` that exist, with their lines; the newest `LIST_LIMIT` of ours and of the centre's."""
    own = [billable_id for billable_id in ids if is_ulid(billable_id)]
    theirs = [billable_id for billable_id in ids if not is_ulid(billable_id)]
    found = _load_ours(tx, shelf, shelf.table.c.id.in_(own)) if own else []
    return found + (_load_centre(tx, shelf, shelf.mirrored.c.id.in_(theirs)) if theirs else [])


def find(tx: Tx, shelf: Shelf, wanted: Filter) -> list[Billable]:
    """Ours and the centre's that fit, newest first, at most `LIST_LIMIT`; drill documents only in a drill."""
    ours = and_(shelf.table.c.drill == tx.mode.drill, shelf.table.c.incident_no.in_(open_work.unclosed()))
    found = _load_ours(tx, shelf, and_(ours, *_ours_conditions(tx, shelf, wanted)))
    theirs = open_work.not_ours(tx, shelf.mirrored.c[shelf.key], shelf.entity)
    found += _load_centre(tx, shelf, and_(theirs, *_centre_conditions(tx, shelf, wanted)))
    fitting = [billable for billable in found if wanted.status in (None, billable.status)]
    return sorted(fitting, key=lambda billable: billable.written_at, reverse=True)[:LIST_LIMIT]


def hold_names(entity: str, billable_id: str) -> str:
    """The name under which acts hold one prescription or order still (acts.locks)."""
    return f"{entity}:{billable_id}"


def _ours_conditions(tx: Tx, shelf: Shelf, wanted: Filter) -> list[ColumnElement[bool]]:
    table = shelf.table
    conditions: list[ColumnElement[bool]] = []
    if wanted.patient_id is not None:
        conditions.append(table.c.patient_id.in_(patients.aliases(tx, wanted.patient_id)))
    if wanted.registration_id is not None:
        conditions.append(table.c.registration_id == wanted.registration_id)
    if wanted.pharmacy_code is not None:
        conditions.append(table.c.pharmacy_code == wanted.pharmacy_code)
    if wanted.number is not None:
        conditions.append(table.c.yj_no == wanted.number.upper())
    elif wanted.patient_id is None and wanted.registration_id is None:
        conditions.append(table.c.business_date >= (tx.today - timedelta(days=1)).isoformat())
    settled = _settled_here(shelf, table.c.id)
    if wanted.status in ("unpaid", "cancelled"):
        conditions += [
            ~settled,
            table.c.cancelled_at.is_(None) if wanted.status == "unpaid" else table.c.cancelled_at.is_not(None),
        ]
    elif wanted.status is not None:
        conditions.append(settled)
    return conditions


def _centre_conditions(tx: Tx, shelf: Shelf, wanted: Filter) -> list[ColumnElement[bool]]:
    table = shelf.mirrored
    conditions: list[ColumnElement[bool]] = []
    if wanted.patient_id is not None:
        conditions.append(_patient.c.id.in_(patients.aliases(tx, wanted.patient_id)))
    if wanted.registration_id is not None:
        conditions.append(_visit.c.id == wanted.registration_id)
    if wanted.pharmacy_code is not None:
        conditions.append(table.c.pharmacy_code == wanted.pharmacy_code)
    if wanted.number is not None:
        conditions.append(table.c[shelf.key] == wanted.number)
    settled = _settled_here(shelf, table.c.id)
    if wanted.status in ("paid", "refunded"):
        conditions.append(settled | (table.c.status == wanted.status))
    elif wanted.status is not None:
        conditions.append(and_(~settled, table.c.status == wanted.status))
    return conditions


def _settled_here(shelf: Shelf, column: ColumnElement[Any]) -> ColumnElement[bool]:
    return (
        select(settlement.c.charge_id)
        .where(settlement.c.entity == shelf.entity, settlement.c.target_id == column)
        .exists()
    )


# --- ours ------------------------------------------------------------------------------------------------------------


def _load_ours(tx: Tx, shelf: Shelf, condition: ColumnElement[bool]) -> list[Billable]:
    table = shelf.table
    statement = (
        select(table, outbox.c.central_key)
        .select_from(table.outerjoin(outbox, outbox.c.yj_id == table.c.id))
        .where(condition)
        .order_by(table.c.created_at.desc(), table.c.id.desc())
        .limit(LIST_LIMIT)
    )
    rows = tx.conn.execute(statement).mappings().all()
    ids = [row["id"] for row in rows]
    paid = charges.settled(tx, shelf.entity, ids)
    lines = _lines_of(tx, shelf.lines, shelf.lines.c[shelf.parent], ids)
    return [_ours(shelf, row, paid, lines.get(row["id"], [])) for row in rows]


def _ours(shelf: Shelf, row: RowMapping, paid: Mapping[str, str], lines: Sequence[RowMapping]) -> Billable:
    status = "cancelled" if row["cancelled_at"] else paid.get(row["id"], "unpaid")
    common = Billable(
        entity=shelf.entity,
        id=row["id"],
        origin="yj",
        central_key=row["central_key"],
        number=row["yj_no"],
        status=status,
        patient_id=row["patient_id"],
        patient_origin=row["patient_origin"],
        patient_name=row["patient_name"],
        registration_id=row["registration_id"],
        registration_origin=row["registration_origin"],
        department_code=row["department_code"],
        staff_code=row["staff_code"],
        staff_name=row["staff_name"],
        written_at=row["written_at"] if "written_at" in row else row["created_at"],
        total=row["total"],
        drill=row["drill"],
        incident_no=row["incident_no"],
        lines=tuple(_line(line, line["line_id"], line[shelf.code], line["receipt_category"]) for line in lines),
    )
    if shelf is not PRESCRIPTIONS:
        return common
    return replace(
        common,
        kind=row["kind"],
        diagnoses=tuple((item["code"], item["name"]) for item in row["diagnoses"]),
        pharmacy_code=row["pharmacy_code"],
        paper=row["paper"],
    )


# --- the centre's ----------------------------------------------------------------------------------------------------


def _load_centre(tx: Tx, shelf: Shelf, condition: ColumnElement[bool]) -> list[Billable]:
    rows = tx.conn.execute(_centre_statement(shelf).where(condition)).mappings().all()
    if not rows:
        return []
    keys = [row[shelf.key] for row in rows]
    paid = charges.settled(tx, shelf.entity, [row["id"] for row in rows])
    lines = _lines_of(tx, shelf.mirrored_lines, shelf.mirrored_lines.c[shelf.key], keys)
    names = _diagnosis_names(tx, rows) if shelf is PRESCRIPTIONS else {}
    return [_centre(tx, shelf, row, paid, lines.get(row[shelf.key], []), names) for row in rows]


def _centre_statement(shelf: Shelf) -> Select[Any]:
    table = shelf.mirrored
    return (
        select(
            table,
            _patient.c.name.label("patient_name"),
            _visit.c.id.label("visit_id"),
            _visit.c.department_code.label("visit_department"),
            _staff.c.name.label("staff_name"),
        )
        .select_from(
            table.outerjoin(_patient, _patient.c.patient_no == table.c.patient_no)
            .outerjoin(_visit, _visit.c.registration_key == table.c.registration_key)
            .outerjoin(_staff, _staff.c.staff_code == table.c.staff_code)
        )
        .order_by(table.c.written_at.desc(), table.c[shelf.key].desc())
        .limit(LIST_LIMIT)
    )


def _centre(
    tx: Tx,
    shelf: Shelf,
    row: RowMapping,
    paid: Mapping[str, str],
    lines: Sequence[RowMapping],
    names: Mapping[str, str],
) -> Billable:
    kind = row["kind"] if shelf is PRESCRIPTIONS else None
    codes = [code for code in (row.get("diagnosis_codes") or "").split(",") if code]
    return Billable(
        entity=shelf.entity,
        id=row["id"],
        origin="centre",
        central_key=row[shelf.key],
        number=row[shelf.key],
        status=paid.get(row["id"], row["status"]),
        patient_id=mirrored_id("patient", row["patient_no"]),
        patient_origin="centre",
        patient_name=row["patient_name"] or row["patient_no"],
        registration_id=row["visit_id"],
        registration_origin="centre" if row["visit_id"] else None,
        department_code=row["department_code"] or row["visit_department"],
        staff_code=row["staff_code"],
        staff_name=row["staff_name"],
        written_at=open_work.moment(tx, row["written_at"]),
        total=row["total"],
        drill=False,
        incident_no=None,
        kind=kind,
        diagnoses=tuple((code, names.get(code, code)) for code in codes),
        pharmacy_code=row.get("pharmacy_code"),
        lines=tuple(
            _line(line, line["id"], line[shelf.code], str(line.get("receipt_category") or kind)) for line in lines
        ),
    )


def _diagnosis_names(tx: Tx, rows: Sequence[RowMapping]) -> dict[str, str]:
    codes = {code for row in rows for code in (row["diagnosis_codes"] or "").split(",") if code}
    found = tx.conn.execute(
        select(_diagnosis.c.diagnosis_code, _diagnosis.c.name).where(_diagnosis.c.diagnosis_code.in_(codes))
    )
    return {row.diagnosis_code: row.name for row in found}


def _lines_of(tx: Tx, table: Table, parent: ColumnElement[Any], ids: Sequence[str]) -> dict[str, list[RowMapping]]:
    grouped: dict[str, list[RowMapping]] = {}
    condition = parent.in_(ids) if ids else false()
    for row in tx.conn.execute(select(table).where(condition).order_by(table.c.line_no)).mappings():
        grouped.setdefault(row[parent.key or ""], []).append(row)
    return grouped


def _line(row: RowMapping, line_id: str, code: str, category: str) -> BillableLine:
    return BillableLine(
        line_id=line_id,
        line_no=row["line_no"],
        item_code=code,
        name=row["name"],
        unit=row["unit"],
        unit_price=row["unit_price"],
        quantity=row["quantity"],
        amount=row["amount"],
        receipt_category=category,
        **{"spec": None, **{name: row[name] for name in _LINE_DETAILS if name in row}},
    )
