"""The switch: entering YJ, its scope, the return, the release. Each is a row with its letter, person and reason.

The caller opens the transaction (Permit.HOUSEKEEPING) and has checked role and second person.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select, update

from fallback_server.domain.clock import to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import IncidentState, Mode, ModeState, Permit, incident_arrow, mode_arrow
from fallback_server.store import alarms, backup_rows, cash, drill_rows, jobs
from fallback_server.store.credentials import SEALED
from fallback_server.store.mode import SYSTEM_OPERATOR, incident, incident_event, mode, mode_change
from fallback_server.store.outbox import outbox
from fallback_server.store.people import workstation
from fallback_server.store.record import announcement
from fallback_server.store.returns_queries import clean_left
from fallback_server.store.session import Actor, Store, Tx, mirror_as_of, read_mode

LIVE_SECONDS = 45  # a workstation that was heard of within this time counts as live


def enter_emergency(
    tx: Tx, *, cause: str, reason: str, departments: Sequence[str] | None, drill: bool,
    plan: int | None = None,
) -> int:  # fmt: skip
    """Arrow a: open a new incident, pin the mirror generation, count the epoch. Returns the incident number.

    Possible in normal and returning, and over a running drill, which a real outage ends. A drill only in normal, and
    not between a restore and `yj upload recover`.
    `plan` is the drill that begins. Raises mirror_missing without any mirror, drill_not_waiting, wrong_state otherwise.
    """
    before = _locked(tx)
    if before.drill and not drill and before.mode is not Mode.NORMAL:
        before = _end_drill(tx, before)
    if drill and before.mode is not Mode.NORMAL:
        raise YjError("wrong_state", current=before.mode.value, wanted="drill")  # a drill never gets in a return's way
    if drill and backup_rows.unrecovered(tx.conn) is not None:
        raise YjError("wrong_state", current="restored", wanted="drill")  # nor takes the number of a lost incident
    arrow = mode_arrow(before.mode, Mode.EMERGENCY)
    number = int(tx.conn.execute(select(func.coalesce(func.max(incident.c.incident_no), 0))).scalar_one()) + 1
    as_of = mirror_as_of(tx.conn)
    tx.conn.execute(
        incident.insert().values(
            incident_no=number,
            state=IncidentState.OPEN.value,
            drill=drill,
            cause=cause,
            reason=reason,
            epoch=before.epoch + 1,
            generation=tx.generation,
            generation_as_of=min(as_of.values(), default=tx.at),
            opened_at=tx.at,
            opened_by=tx.who.operator_code,
            upload_wanted=False,
        )
    )
    scope = sorted(set(departments)) if departments else None
    if drill:
        _begin_drill(tx, number, plan, reason, scope)
    _change(
        tx, before, Mode.EMERGENCY, arrow, number, reason, cause=cause, scope=scope,
        values={"drill": drill, "grace_until": None, "hold_until": None},
    )  # fmt: skip
    note_event(
        tx, number, "opened", arrow, cause=cause, reason=reason, scope=scope, drill=drill, generation=tx.generation
    )
    changed: dict[str, Any] = {
        "before": {"mode": before.mode.value},
        "after": {"mode": Mode.EMERGENCY.value, "scope": scope},
    }
    tx.audit("mode.emergency", subject=str(number), cause=cause, reason=reason, drill=drill, **changed)
    return number


def set_scope(tx: Tx, departments: Sequence[str] | None, reason: str) -> None:
    """Change which departments are in YJ; None is the whole hospital. Counts the epoch, so that windows notice."""
    state = _locked(tx)
    if state.mode is not Mode.EMERGENCY:
        raise YjError("wrong_state", current=state.mode.value, wanted="scope")
    scope = sorted(set(departments)) if departments else None
    number = tx.incident_no
    _change(tx, state, Mode.EMERGENCY, "scope", number, reason, scope=scope, values={})
    note_event(tx, number, "scope", None, reason=reason, scope=scope)
    if scope is None and state.scope is not None:
        _recheck_books(tx, number)
    was = list(state.scope) if state.scope is not None else None
    tx.audit("mode.scope", subject=str(number), reason=reason, before={"scope": was}, after={"scope": scope})


def _recheck_books(tx: Tx, number: int) -> None:
    """The HIS has printed beside us until now: books of the HIS that are in use here ask for their paper first."""
    table = cash.receipt_book
    theirs = (table.c.source == "mirror", table.c.incident_no == number)
    tx.conn.execute(update(table).where(*theirs).values(recheck_since=tx.at))


def begin_return(tx: Tx, *, upload: bool, grace_seconds: int, hold_seconds: int, reason: str = "") -> int:
    """Arrow b for mode and incident: grace for the document in hand, then nothing new. Returns the incident number.

    With `upload` a job is asked of the worker. A drill never uploads.
    """
    state = _locked(tx)
    arrow = mode_arrow(state.mode, Mode.RETURNING)
    number = tx.incident_no
    upload = upload and not state.drill
    grace = tx.now + timedelta(seconds=grace_seconds)
    hold = max(grace, tx.now + timedelta(seconds=hold_seconds)) if upload else grace
    set_incident_state(
        tx, number, IncidentState.CLOSING,
        ended_at=tx.at, ended_by=tx.who.operator_code, ended_approver=tx.who.approver_code, upload_wanted=upload,
    )  # fmt: skip
    _change(
        tx, state, Mode.RETURNING, arrow, number, reason or "return to the HIS", scope=state.scope,
        values={"grace_until": to_text(grace), "hold_until": to_text(hold)},
    )  # fmt: skip
    if upload:
        jobs.enqueue(tx, jobs.UPLOAD, {"incident_no": number}, tx.who.operator_code)
    changed: dict[str, Any] = {"before": {"mode": state.mode.value}, "after": {"mode": Mode.RETURNING.value}}
    tx.audit("mode.normal", subject=str(number), upload=upload, **changed)
    return number


def release(tx: Tx, reason: str) -> None:
    """Arrow c: windows go back to the HIS. What was not uploaded yet stays in the outbox."""
    state = _locked(tx)
    arrow = mode_arrow(state.mode, Mode.NORMAL)
    number = tx.incident_no
    _change(
        tx, state, Mode.NORMAL, arrow, None, reason, scope=None,
        values={"drill": False, "grace_until": None, "hold_until": None},
    )  # fmt: skip
    if state.notice is not None:
        announce(tx, None, number)  # it spoke of the outage
    tx.conn.execute(update(incident).where(incident.c.incident_no == number).values(released_at=tx.at))
    note_event(tx, number, "released", arrow, reason=reason)
    if state.drill or not has_documents(tx.conn, number):
        close_incident_without_upload(tx, number)
    changed: dict[str, Any] = {"before": {"mode": state.mode.value}, "after": {"mode": Mode.NORMAL.value}}
    tx.audit("mode.release", subject=str(number), reason=reason, **changed)


def confirm_incident(tx: Tx, number: int) -> None:
    """The second person's confirmation afterwards. Raises approver_rejected for the person who switched on, and for the
    sealed account."""
    row = incident_row(tx.conn, number)
    if tx.who.operator_code in (row["opened_by"], SEALED):
        raise YjError("approver_rejected")
    if row["confirmed_at"] is not None:
        raise YjError("wrong_state", current="confirmed", wanted="confirmed")
    tx.conn.execute(
        update(incident)
        .where(incident.c.incident_no == number)
        .values(confirmed_at=tx.at, confirmed_by=tx.who.operator_code)
    )
    note_event(tx, number, "confirmed", None)
    tx.audit("incident.confirm", subject=str(number))
    alarms.turn_off(tx, alarms.SWITCH)  # on where the standby switched by itself


def set_insurance_down(tx: Tx, down: bool, reason: str) -> None:
    """The switch of its own for the insurance platform; it changes no mode and no epoch."""
    was = {"insurance_down": tx.mode.insurance_down}
    tx.conn.execute(update(mode).values(insurance_down=down))
    if tx.mode.incident_no is not None:
        note_event(tx, tx.mode.incident_no, "insurance_down" if down else "insurance_up", None, reason=reason)
    tx.audit("mode.insurance", reason=reason, before=was, after={"insurance_down": down})


def announce(tx: Tx, text: str | None, number: int | None = None) -> None:
    """What the band of every window and the halls' screens say from now on; None takes it down.

    It changes no mode and no epoch. `number`: the incident it belongs to, by default the one that is on.
    """
    tx.conn.execute(update(mode).values(notice=text))
    who = {"operator_code": tx.who.operator_code, "operator_name": tx.who.operator_name}
    number = tx.mode.incident_no if number is None else number
    tx.conn.execute(announcement.insert().values(incident_no=number, at=tx.at, text=text, **who))
    tx.audit("mode.notice", subject=str(number) if number is not None else None, text=text)


def advance(store: Store) -> str | None:
    """What time does by itself: end the grace early, and arrow c when it is due. Called every second by the worker.

    Returns a word for what it did, None for nothing. Cheap when nothing is due: one read.
    """
    with store.reading() as tx:
        due = _due(tx.conn, tx.mode, tx.now)
    if due is None:
        return None
    with store.writing(Permit.HOUSEKEEPING, Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)) as tx:
        due = _due(tx.conn, tx.mode, tx.now)  # again, now that nobody else can change it
        if due == "grace_over":
            tx.conn.execute(update(mode).values(grace_until=tx.at))
        elif due is not None:
            release(tx, due)
    return due


def _due(conn: Connection, state: ModeState, now: datetime) -> str | None:
    if state.mode is not Mode.RETURNING or state.incident_no is None:
        return None
    if state.in_grace(now):
        return "grace_over" if everyone_acknowledged(conn, state.epoch, now) else None
    wanted = conn.execute(
        select(incident.c.upload_wanted).where(incident.c.incident_no == state.incident_no)
    ).scalar_one()
    if not wanted:
        return "grace_over_no_upload"
    if not state.held(now):
        return "hold_over"
    return None if clean_left(conn, state.incident_no) else "all_arrived"


def everyone_acknowledged(conn: Connection, epoch: int, now: datetime) -> bool:
    """Whether every live workstation knows the epoch; False while nobody is live, for then nobody can have said so."""
    since = to_text(now - timedelta(seconds=LIVE_SECONDS))
    live = (
        conn.execute(
            select(workstation.c.epoch).where(workstation.c.last_seen_at >= since, workstation.c.epoch.is_not(None))
        )
        .scalars()
        .all()
    )
    return bool(live) and all(seen is not None and seen >= epoch for seen in live)


def has_documents(conn: Connection, incident_no: int) -> bool:
    """Whether anything of this incident is in the outbox."""
    return conn.execute(select(outbox.c.yj_id).where(outbox.c.incident_no == incident_no).limit(1)).first() is not None


def incident_row(conn: Connection, number: int) -> dict[str, Any]:
    """The incident; raises incident_not_found."""
    row = conn.execute(select(incident).where(incident.c.incident_no == number)).mappings().first()
    if row is None:
        raise YjError("incident_not_found")
    return dict(row)


def set_incident_state(tx: Tx, number: int, wanted: IncidentState, **values: Any) -> None:
    """Move an incident along a lettered arrow and put it on its timeline. Raises wrong_state."""
    current = IncidentState(incident_row(tx.conn, number)["state"])
    arrow = incident_arrow(current, wanted)
    tx.conn.execute(update(incident).where(incident.c.incident_no == number).values(state=wanted.value, **values))
    note_event(tx, number, wanted.value, arrow)


def close_incident_without_upload(tx: Tx, number: int) -> None:
    """Arrow f for a drill, or for an incident in which nothing was done."""
    set_incident_state(tx, number, IncidentState.CLOSED, closed_at=tx.at)


def note_event(tx: Tx, number: int, kind: str, arrow: str | None, **detail: Any) -> None:
    """Append to the incident's timeline."""
    actor = tx.actor
    tx.conn.execute(
        incident_event.insert().values(
            incident_no=number,
            at=tx.at,
            kind=kind,
            arrow=arrow,
            operator_code=actor.operator_code if actor else SYSTEM_OPERATOR,
            approver_code=actor.approver_code if actor else None,
            detail=detail,
        )
    )


def _begin_drill(tx: Tx, number: int, plan: int | None, reason: str, scope: Sequence[str] | None) -> None:
    by = tx.who.operator_code
    if not drill_rows.begun(tx.conn, number, plan=plan, title=reason, departments=scope, at=tx.at, by=by):
        raise YjError("drill_not_waiting")


def _end_drill(tx: Tx, state: ModeState) -> ModeState:
    """A real outage ends a drill at once: its documents are fenced, so nothing waits."""
    number = tx.incident_no
    if incident_row(tx.conn, number)["state"] == IncidentState.OPEN.value:
        set_incident_state(tx, number, IncidentState.CLOSING, ended_at=tx.at, ended_by=tx.who.operator_code)
    close_incident_without_upload(tx, number)
    _change(
        tx, state, Mode.NORMAL, "c", None, "a real outage ends the drill", scope=None,
        values={"drill": False, "grace_until": None, "hold_until": None},
    )  # fmt: skip
    if state.notice is not None:
        announce(tx, None, number)
    return tx.mode


def _locked(tx: Tx) -> ModeState:
    """The mode, locked against every window's document until this transaction ends."""
    if tx.conn.dialect.name == "postgresql":
        tx.conn.execute(select(mode).with_for_update())
    tx.mode = read_mode(tx.conn)
    return tx.mode


def _change(
    tx: Tx,
    before: ModeState,
    wanted: Mode,
    arrow: str,
    incident_no: int | None,
    reason: str,
    *,
    scope: Sequence[str] | None,
    values: dict[str, Any],
    cause: str | None = None,
) -> None:
    epoch = before.epoch + 1
    stored = list(scope) if scope is not None else None
    tx.conn.execute(
        update(mode).values(
            mode=wanted.value, epoch=epoch, incident_no=incident_no, scope=stored, since=tx.at, **values
        )
    )
    tx.conn.execute(
        mode_change.insert().values(
            epoch=epoch,
            arrow=arrow,
            from_mode=before.mode.value,
            to_mode=wanted.value,
            at=tx.at,
            incident_no=incident_no if incident_no is not None else before.incident_no,
            operator_code=tx.who.operator_code,
            approver_code=tx.who.approver_code,
            cause=cause,
            reason=reason,
            scope=stored,
        )
    )
    tx.mode = read_mode(tx.conn)
