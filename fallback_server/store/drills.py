"""What is done about drills: planned, begun, called off, findings keyed in, rehearsals and self-tests noted, all shown.

The caller opens the transaction (Permit.HOUSEKEEPING) and has checked the role.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, func, select, update

from fallback_server.domain import drills
from fallback_server.domain.clock import from_text
from fallback_server.domain.errors import YjError
from fallback_server.store import alarms, drill_rows, mode_switch
from fallback_server.store.drill_rows import drill, drill_finding, drill_rehearsal, self_test
from fallback_server.store.mode import incident, installation
from fallback_server.store.session import Tx

CAUSE: Final = "other"
ALARM: Final = "drill.selftest"
SELF_TEST_LOCK: Final = "self_test"
SELF_TEST_FOLDER: Final = "self-test-work"  # beside the store, while one runs
KILLED: Final = "interrupted: killed, or it took too long"


def plan(
    tx: Tx, *, title: str, objectives: str = "", departments: Sequence[str] | None = None,
    workstations: Sequence[str] = (), people: Sequence[str] = (), observers: Sequence[str] = (),
    planned_for: str | None = None,
) -> int:  # fmt: skip
    """Write a plan down; returns the drill's number."""
    row: dict[str, Any] = {
        "title": title, "objectives": objectives, "departments": sorted(set(departments)) if departments else None,
        "workstations": _once(workstations), "people": _once(people), "observers": _once(observers),
        "planned_for": planned_for, "created_at": tx.at, "created_by": tx.who.operator_code,
    }  # fmt: skip
    number = int(tx.conn.execute(drill.insert().values(row).returning(drill.c.id)).scalar_one())
    tx.audit("drill.plan", subject=str(number), title=title)
    return number


def start(tx: Tx, number: int) -> int:
    """Switch on as this drill; returns the incident. Raises drill_not_found, drill_not_waiting, wrong_state."""
    row = _row(tx.conn, number)
    return mode_switch.enter_emergency(
        tx, cause=CAUSE, reason=row["title"], departments=row["departments"], drill=True, plan=number
    )


def call_off(tx: Tx, number: int, reason: str) -> None:
    """A drill that will not take place stays on record. Raises drill_not_found, drill_not_waiting."""
    _row(tx.conn, number)
    waiting = (drill.c.id == number, drill.c.incident_no.is_(None), drill.c.called_off_at.is_(None))
    values = {"called_off_at": tx.at, "called_off_by": tx.who.operator_code, "called_off_reason": reason}
    if not tx.conn.execute(update(drill).where(*waiting).values(values)).rowcount:
        raise YjError("drill_not_waiting")
    tx.audit("drill.call_off", subject=str(number), reason=reason)


def add_finding(
    tx: Tx, number: int, *, kind: str, text: str, owner: str | None = None, due_on: str | None = None
) -> int:
    """Key in what was found, during a drill or after it; returns its id. Raises drill_not_found, drill_not_waiting."""
    if _row(tx.conn, number)["called_off_at"] is not None:
        raise YjError("drill_not_waiting")
    row = {
        "drill_id": number, "at": tx.at, "operator_code": tx.who.operator_code,
        "operator_name": tx.who.operator_name, "kind": kind, "text": text, "owner": owner or None,
        "due_on": due_on or None,
    }  # fmt: skip
    found = tx.conn.execute(drill_finding.insert().values(row).returning(drill_finding.c.id)).scalar_one()
    tx.audit("drill.finding", subject=str(number), finding=int(found), kind=kind)
    return int(found)


def finding_done(tx: Tx, finding: int, note: str) -> int:
    """Somebody says how it was mended; returns the number of the drill. Raises finding_not_found, already_done."""
    table = drill_finding
    row = tx.conn.execute(select(table).where(table.c.id == finding)).mappings().first()
    if row is None:
        raise YjError("finding_not_found")
    values = {"done_at": tx.at, "done_by": tx.who.operator_code, "done_note": note}
    still_open = (table.c.id == finding, table.c.done_at.is_(None))
    if not tx.conn.execute(update(table).where(*still_open).values(values)).rowcount:
        row = tx.conn.execute(select(table).where(table.c.id == finding)).mappings().one()
        raise YjError("already_done", by=row["done_by"], at=row["done_at"])
    tx.audit("drill.finding_done", subject=str(row["drill_id"]), finding=finding)
    return int(row["drill_id"])


def overdue_findings(conn: Connection, today: date) -> int:
    """How many findings were to be mended by a day that is past, and nobody said that they are."""
    table = drill_finding
    late = (table.c.done_at.is_(None), table.c.due_on < today.isoformat())
    return int(conn.execute(select(func.count()).select_from(table).where(*late)).scalar_one())


def note_rehearsal(tx: Tx, number: int, started_at: str, target: str, ok: bool, code: str | None,
                   report: Mapping[str, Any]) -> None:  # fmt: skip
    """Write down how the return went against the copy of the centre, or why it was refused."""
    row = {
        "drill_id": number, "requested_by": tx.who.operator_code, "started_at": started_at, "finished_at": tx.at,
        "target": target[:255], "ok": ok, "code": code, "report": dict(report),
    }  # fmt: skip
    tx.conn.execute(drill_rehearsal.insert().values(row))
    tx.audit("drill.rehearsal", subject=str(number), ok=ok, code=code, target=target)


def begin_self_test(tx: Tx) -> int:
    """A self-test begins; returns its id. One that is killed keeps its row without an end. Raises self_test_mode."""
    if tx.mode.mode.value != "normal":
        raise YjError("self_test_mode", mode=tx.mode.mode.value)
    row = {"requested_by": tx.who.operator_code, "started_at": tx.at, "steps": []}
    return int(tx.conn.execute(self_test.insert().values(row).returning(self_test.c.id)).scalar_one())


def end_self_test(tx: Tx, number: int, *, ok: bool, source: str | None, steps: Sequence[Mapping[str, Any]],
                  problem: str | None) -> None:  # fmt: skip
    """What came of it."""
    values = {"finished_at": tx.at, "ok": ok, "source": source, "steps": [dict(one) for one in steps],
              "problem": problem}  # fmt: skip
    tx.conn.execute(update(self_test).where(self_test.c.id == number).values(values))
    tx.audit("drill.selftest", subject=str(number), ok=ok, source=source)
    if ok:
        alarms.turn_off(tx, ALARM)
    else:
        alarms.turn_on(
            tx, ALARM, "failed", "每周自检没有通过。", "The weekly self-test was not passed.", problem=problem
        )


def abandon_self_tests(tx: Tx) -> int:
    """Close the rows of self-tests that were killed; under the lock of self-tests only. Returns how many."""
    killed = tx.conn.execute(select(self_test).where(self_test.c.finished_at.is_(None))).mappings().all()
    for row in killed:
        end_self_test(tx, row["id"], ok=False, source=row["source"], steps=row["steps"], problem=KILLED)
    return len(killed)


def self_tests(conn: Connection, most: int = 10) -> list[dict[str, Any]]:
    """The newest self-tests, newest first."""
    rows = conn.execute(select(self_test).order_by(self_test.c.id.desc()).limit(most)).mappings()
    return [dict(row) for row in rows]


def self_tested_since(conn: Connection, at: str) -> bool:
    """Whether a self-test began or ended at that time or after it."""
    table = self_test
    since = (table.c.started_at >= at) | (table.c.finished_at >= at)
    return conn.execute(select(table.c.id).where(since).limit(1)).first() is not None


def last_self_test_began(conn: Connection) -> datetime:
    """When the last one began; before the first, when this store was made: a fresh one is not tested at once."""
    last = conn.execute(select(func.max(self_test.c.started_at))).scalar()
    return from_text(last or conn.execute(select(installation.c.created_at)).scalar_one())


def last_ended(conn: Connection) -> dict[str, Any] | None:
    """The newest drill that was carried out to its end, with `ended_at` and the incident's number; None before one.

    One that a real outage cut off never released the windows: it tried nothing of the way back.
    """
    row = (
        conn.execute(
            select(drill.c.id, drill.c.title, incident.c.incident_no, incident.c.ended_at)
            .join(incident, incident.c.incident_no == drill.c.incident_no)
            .where(incident.c.state == "closed", incident.c.ended_at.is_not(None), incident.c.released_at.is_not(None))
            .order_by(incident.c.ended_at.desc())
            .limit(1)
        )
        .mappings()
        .first()
    )
    return dict(row) if row is not None else None


def listed(conn: Connection, most: int = 100) -> list[dict[str, Any]]:
    """Every drill, newest first, with how many findings it has."""
    counts = select(drill_finding.c.drill_id, func.count().label("n")).group_by(drill_finding.c.drill_id).subquery()
    rows = conn.execute(
        _with_incident()
        .add_columns(func.coalesce(counts.c.n, 0).label("findings"))
        .outerjoin(counts, counts.c.drill_id == drill.c.id)
        .order_by(drill.c.id.desc())
        .limit(most)
    ).mappings()
    return [_view(dict(row)) for row in rows]


def one(conn: Connection, number: int) -> dict[str, Any]:
    """A drill with its findings and rehearsals; raises drill_not_found."""
    row = conn.execute(_with_incident().where(drill.c.id == number)).mappings().first()
    if row is None:
        raise YjError("drill_not_found")
    kept = {"findings": findings(conn, number), "rehearsals": rehearsals(conn, number)}
    return {**_view(dict(row)), "cut_off_by": _cut_off_by(conn, dict(row)), **kept}


def _cut_off_by(conn: Connection, row: Mapping[str, Any]) -> int | None:
    """The real outage that ended a drill in the same act: the windows were never given back. None for any other."""
    if row["incident_state"] != "closed" or row["released_at"] is not None:
        return None
    real = (incident.c.drill.is_(False), incident.c.incident_no > row["incident_no"])
    began = select(func.min(incident.c.incident_no)).where(*real, incident.c.opened_at >= row["closed_at"])
    return conn.execute(began).scalar()


def running(conn: Connection) -> int | None:
    """The number of the drill that is on, or not yet released; None without one."""
    found = conn.execute(
        select(drill.c.id)
        .join(incident, incident.c.incident_no == drill.c.incident_no)
        .where(incident.c.state != "closed")
        .order_by(drill.c.id.desc())
    ).scalar()
    return None if found is None else int(found)


def of_incident(conn: Connection, incident_no: int) -> int | None:
    """The drill that an incident was."""
    found = conn.execute(select(drill.c.id).where(drill.c.incident_no == incident_no)).scalar()
    return None if found is None else int(found)


def findings(conn: Connection, number: int) -> list[dict[str, Any]]:
    """What was found, in the order in which it was keyed in."""
    table = drill_finding
    rows = conn.execute(select(table).where(table.c.drill_id == number).order_by(table.c.id)).mappings()
    return [{**row, "id": str(row["id"]), "operator": row["operator_code"]} for row in map(dict, rows)]


def rehearsals(conn: Connection, number: int) -> list[dict[str, Any]]:
    """The rehearsals of the return, newest first."""
    table = drill_rehearsal
    rows = conn.execute(select(table).where(table.c.drill_id == number).order_by(table.c.id.desc())).mappings()
    return [{**row, "id": str(row["id"])} for row in map(dict, rows)]


def require_over(conn: Connection, number: int) -> dict[str, Any]:
    """The drill, if it was carried out and is over; raises drill_not_found, drill_not_over."""
    found = one(conn, number)
    if found["state"] != drills.ENDED or found["incident_state"] != "closed":
        raise YjError("drill_not_over")
    return found


def _with_incident() -> Any:
    names = ("opened_at", "opened_by", "ended_at", "ended_by", "ended_approver", "released_at", "closed_at")
    mine = [incident.c[name] for name in names]
    return select(drill, incident.c.state.label("incident_state"), *mine).outerjoin(
        incident, incident.c.incident_no == drill.c.incident_no
    )


def _view(row: dict[str, Any]) -> dict[str, Any]:
    state = drills.state_of(row["incident_state"], row["released_at"] is not None, row["called_off_at"] is not None)
    return {**row, "id": str(row["id"]), "state": state}


def _row(conn: Connection, number: int) -> dict[str, Any]:
    row = drill_rows.row_of(conn, number)
    if row is None:
        raise YjError("drill_not_found")
    return row


def _once(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in names if name.strip()))
