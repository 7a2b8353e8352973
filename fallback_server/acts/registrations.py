"""Visits, ours and the centre's open ones, with their place in the queue.

A visit's department, doctor and state are those of its place in the queue once it has one; the registration itself
keeps what was printed on the slip.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.engine import RowMapping

from fallback_server.acts import masters, open_work, patients
from fallback_server.acts.views import VisitView
from fallback_server.domain.errors import YjError
from fallback_server.domain.numbers import is_ulid, mirrored_id
from fallback_server.store import mirror
from fallback_server.store.outbox import outbox
from fallback_server.store.session import Tx
from fallback_server.store.visits import queue_place, registration

LIST_LIMIT = 1000
CANCELLED, SEEN = "cancelled", "seen"
# Named rather than told by what they are not: so an index leaves out all those of a long outage who have gone home.
IN_HALL = ("waiting", "paused", "called", "absent")
SELLING_KINDS = ("outpatient", "emergency", "exam", "other")

_open = mirror.datasets["open_registration"]
_patient = mirror.datasets["patient"]
_department = mirror.datasets["department"]
_staff = mirror.datasets["staff"]


@dataclass(frozen=True)
class Filter:
    """What a list is asked for; without a person or a slip it shows today and yesterday."""

    patient_id: str | None = None
    slip_no: str | None = None
    department_code: str | None = None
    staff_code: str | None = None
    status: str | None = None
    in_hall: bool = False  # leaves out the seen and the cancelled


def get(tx: Tx, registration_id: str) -> VisitView:
    """The visit with this id; raises registration_not_found."""
    if is_ulid(registration_id):
        row = tx.conn.execute(_ours().where(registration.c.id == registration_id)).mappings().first()
        view = _of_ours(row) if row is not None else None
    else:
        row = tx.conn.execute(_centre().where(_open.c.id == registration_id)).mappings().first()
        view = _of_centre(tx, row) if row is not None else None
    if view is None:
        raise YjError("registration_not_found")
    return view


def find(tx: Tx, wanted: Filter) -> list[VisitView]:
    """Visits that fit, ours and the centre's, by time of registration; drill visits only in a drill."""
    ours = _ours().where(
        registration.c.drill == tx.mode.drill,
        registration.c.incident_no.in_(open_work.unclosed()),
        *_ours_conditions(tx, wanted),
    )
    theirs = _centre().where(
        open_work.not_ours(tx, _open.c.registration_key, "registration"), *_centre_conditions(tx, wanted)
    )
    found = [_of_ours(row) for row in tx.conn.execute(ours.limit(LIST_LIMIT)).mappings()]
    found += [_of_centre(tx, row) for row in tx.conn.execute(theirs.limit(LIST_LIMIT)).mappings()]
    return sorted(found, key=lambda visit: visit.registered_at)


def hold_name(registration_id: str) -> str:
    """The name under which acts hold one visit still (acts.locks)."""
    return f"registration:{registration_id}"


def _ours_conditions(tx: Tx, wanted: Filter) -> list[ColumnElement[bool]]:
    table = registration
    conditions: list[ColumnElement[bool]] = []
    if wanted.patient_id is not None:
        conditions.append(table.c.patient_id.in_(patients.aliases(tx, wanted.patient_id)))
    if wanted.slip_no is not None:
        conditions.append((table.c.yj_no == wanted.slip_no.upper()) | (table.c.centre_slip_no == wanted.slip_no))
    if wanted.patient_id is None and wanted.slip_no is None:
        conditions.append(table.c.business_date >= (tx.today - timedelta(days=1)).isoformat())
    if wanted.department_code is not None:
        conditions.append(queue_place.c.department_code == wanted.department_code)
    if wanted.staff_code is not None:
        conditions.append(queue_place.c.staff_code == wanted.staff_code)
    if wanted.in_hall:
        conditions.append(and_(table.c.cancelled_at.is_(None), queue_place.c.status.in_(IN_HALL)))
    if wanted.status == CANCELLED:
        conditions.append(table.c.cancelled_at.is_not(None))
    elif wanted.status is not None:
        conditions.append(and_(table.c.cancelled_at.is_(None), queue_place.c.status == wanted.status))
    return conditions


def _placed(name: str) -> ColumnElement[Any]:
    """A column of the queue place where there is one, else of the mirrored row."""
    return case((queue_place.c.registration_id.is_not(None), queue_place.c[name]), else_=_open.c[name])


def _centre_conditions(tx: Tx, wanted: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.patient_id is not None:
        conditions.append(_patient.c.id.in_(patients.aliases(tx, wanted.patient_id)))
    if wanted.slip_no is not None:
        conditions.append(_open.c.slip_no == wanted.slip_no)
    if wanted.department_code is not None:
        conditions.append(_placed("department_code") == wanted.department_code)
    if wanted.staff_code is not None:
        conditions.append(_placed("staff_code") == wanted.staff_code)
    if wanted.in_hall:
        conditions.append(_placed("status") != SEEN)
    if wanted.status is not None:
        conditions.append(_placed("status") == wanted.status)
    return conditions


def _ours() -> Select[Any]:
    return (
        select(
            registration,
            outbox.c.central_key,
            queue_place.c.status,
            queue_place.c.department_code.label("present_department"),
            queue_place.c.staff_code.label("present_staff"),
            func.coalesce(_department.c.name, registration.c.department_name).label("present_department_name"),
            _staff.c.name.label("present_staff_name"),
        )
        .select_from(
            registration.join(queue_place, queue_place.c.registration_id == registration.c.id)
            .outerjoin(outbox, outbox.c.yj_id == registration.c.id)
            .outerjoin(_department, _department.c.department_code == queue_place.c.department_code)
            .outerjoin(_staff, _staff.c.staff_code == queue_place.c.staff_code)
        )
        .order_by(registration.c.created_at.desc(), registration.c.id.desc())
    )


def _centre() -> Select[Any]:
    return (
        select(
            _open,
            _patient.c.name.label("patient_name"),
            _placed("status").label("present_status"),
            _placed("department_code").label("present_department"),
            _placed("staff_code").label("present_staff"),
            queue_place.c.incident_no,
            _department.c.name.label("present_department_name"),
            _staff.c.name.label("present_staff_name"),
        )
        .select_from(
            # A place from an incident signed off long ago says nothing about today's hall.
            _open.outerjoin(
                queue_place,
                and_(queue_place.c.registration_id == _open.c.id, queue_place.c.incident_no.in_(open_work.unclosed())),
            )
            .outerjoin(_patient, _patient.c.patient_no == _open.c.patient_no)
            .outerjoin(_department, _department.c.department_code == _placed("department_code"))
            .outerjoin(_staff, _staff.c.staff_code == _placed("staff_code"))
        )
        .order_by(_open.c.registered_at.desc(), _open.c.registration_key.desc())
    )


def _of_ours(row: RowMapping) -> VisitView:
    return VisitView(
        id=row["id"],
        origin="yj",
        central_key=row["central_key"],
        patient_id=row["patient_id"],
        patient_origin=row["patient_origin"],
        patient_name=row["patient_name"],
        department_code=row["present_department"],
        department_name=row["present_department_name"],
        staff_code=row["present_staff"],
        staff_name=row["present_staff_name"],
        type_code=row["type_code"],
        session=row["session"],
        visit_kind=row["visit_kind"],
        queue_no=row["queue_no"],
        slip_no=row["yj_no"],
        registered_at=row["created_at"],
        status=row["status"],
        cancelled=row["cancelled_at"] is not None,
        drill=row["drill"],
        incident_no=row["incident_no"],
        weight_kg=row["weight_kg"],
        triage_level=row["triage_level"],
    )


def _of_centre(tx: Tx, row: RowMapping) -> VisitView:
    return VisitView(
        id=row["id"],
        origin="centre",
        central_key=row["registration_key"],
        patient_id=mirrored_id("patient", row["patient_no"]),
        patient_origin="centre",
        patient_name=row["patient_name"] or row["patient_no"],
        department_code=row["present_department"],
        department_name=row["present_department_name"] or row["present_department"],
        staff_code=row["present_staff"],
        staff_name=row["present_staff_name"],
        type_code=row["type_code"],
        session=row["session"],
        visit_kind=row["visit_kind"] or "outpatient",
        queue_no=row["queue_no"],
        slip_no=row["slip_no"],
        registered_at=open_work.moment(tx, row["registered_at"]),
        status=row["present_status"],
        cancelled=False,
        drill=False,
        incident_no=row["incident_no"],
    )


def slip_known(tx: Tx, centre_slip_no: str) -> bool:
    """Whether a slip of the centre is in the mirror's open work or was taken in here and not cancelled."""
    taken = select(registration.c.id).where(
        registration.c.centre_slip_no == centre_slip_no,
        registration.c.cancelled_at.is_(None),
        registration.c.drill == tx.mode.drill,
    )
    mirrored = select(_open.c.id).where(_open.c.slip_no == centre_slip_no)
    return any(tx.conn.execute(statement.limit(1)).first() is not None for statement in (mirrored, taken))


def selling_department(tx: Tx, code: str) -> dict[str, Any]:
    """A department that takes patients; raises unknown_department, inactive, invalid_request."""
    department = masters.require(tx, "department", code)
    if department["kind"] not in SELLING_KINDS:
        raise YjError("invalid_request", field="department_code", problem="该科室不挂号 / takes no patients")
    return department
