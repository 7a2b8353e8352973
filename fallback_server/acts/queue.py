"""The queue in the hall: places and moves. Every move leaves a row; a place is where somebody stands now."""

from __future__ import annotations

from sqlalchemy import update

from fallback_server.acts.views import VisitView
from fallback_server.store import counters
from fallback_server.store.session import Tx
from fallback_server.store.visits import queue_move, queue_place


def take_number(tx: Tx, department_code: str) -> int:
    """The next number of the department's YJ lane today."""
    return counters.take_queue_number(tx.conn, department_code, tx.today, tx.mode.drill)


def enter(tx: Tx, registration_id: str, status: str, department_code: str, staff_code: str | None) -> None:
    """Give a new visit of ours its place."""
    _insert(tx, registration_id, "yj", status, department_code, staff_code)


def move(
    tx: Tx,
    view: VisitView,
    status: str,
    *,
    department_code: str | None = None,
    staff_code: str | None = None,
    keep_staff: bool = True,
) -> bool:
    """Change state, department or doctor of a visit's place; False if it stands there already.

    A visit of the centre gets its place here at its first move, in the incident that `tx` works for. The caller holds
    the visit still (acts.locks).
    """
    department = department_code or view.department_code
    staff = staff_code or (view.staff_code if keep_staff else None)
    if (status, department, staff) == (view.status, view.department_code, view.staff_code):
        return False
    changed = tx.conn.execute(
        update(queue_place)
        .where(queue_place.c.registration_id == view.id)
        .values(
            status=status,
            department_code=department,
            staff_code=staff,
            changed_at=tx.at,
            changed_by=tx.who.operator_code,
            **({"incident_no": tx.incident_no} if view.origin == "centre" else {}),
        )
    )
    if not changed.rowcount:
        _insert(tx, view.id, view.origin, status, department, staff)
    tx.conn.execute(
        queue_move.insert().values(
            registration_id=view.id,
            at=tx.at,
            operator_code=tx.who.operator_code,
            from_status=view.status,
            to_status=status,
        )
    )
    return True


def _insert(
    tx: Tx, registration_id: str, origin: str, status: str, department_code: str, staff_code: str | None
) -> None:
    tx.conn.execute(
        queue_place.insert().values(
            registration_id=registration_id,
            origin=origin,
            status=status,
            department_code=department_code,
            staff_code=staff_code,
            incident_no=tx.incident_no,
            changed_at=tx.at,
            changed_by=tx.who.operator_code,
        )
    )
