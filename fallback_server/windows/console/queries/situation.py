"""Where the standby stands, gathered for the rules that say what to do next, and for the pages that show it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import exists, func, select

from fallback_server.acts import aftercare, incident_record, roll_call
from fallback_server.domain.clock import to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import IncidentState, Mode, ModeState
from fallback_server.domain.outbox import FINAL
from fallback_server.domain.policy import Policy
from fallback_server.domain.readiness import Finding
from fallback_server.store import (
    centre_look,
    credentials,
    detection,
    jobs,
    mirror_status,
    sign_off,
    stop_orders,
)
from fallback_server.store.cash import settlement
from fallback_server.store.mode import incident
from fallback_server.store.outbox import outbox
from fallback_server.store.returning import job
from fallback_server.store.returns_queries import upload_progress
from fallback_server.store.session import Tx
from fallback_server.windows.console import rules


def situation(tx: Tx, policy: Policy, checks: Iterable[Finding]) -> rules.Situation:
    """What the next steps depend on; `checks` is what store.readiness found."""
    state, look = tx.mode, centre_look.last(tx.conn, tx.now)
    on = _incident(tx, state.incident_no)
    wait = rules.confirmation(on, policy.confirm_within_minutes, tx.now) if on is not None else {}
    failing = [one.check for one in checks if one.ok is False]
    unsigned = credentials.unsigned(tx.conn)
    late = [one for one in incident_record.measures(tx) if one["overdue"]]
    told = detection.counted(detection.windows_say(tx.conn, tx.now))
    return rules.Situation(
        mode=state.mode.value,
        drill=state.drill,
        incident_no=state.incident_no,
        grace_until=to_text(state.grace_until) if state.grace_until else None,
        grace_over=state.grace_until is not None and not state.in_grace(tx.now),
        hold_until=to_text(state.hold_until) if state.hold_until else None,
        upload_wanted=bool(on and on["upload_wanted"]),
        confirm_by=wait.get("confirm_by"),
        confirm_overdue=bool(wait.get("confirm_overdue")),
        centre=look["verdict"],
        centre_since=look["verdict_since"],
        windows_cut=told.no,
        windows_known=told.known,
        switching_stopped=policy.switching.by_itself
        and stop_orders.stopped(tx.conn, stop_orders.DETECTION) is not None,
        missed=_missed(tx, state),
        failing=tuple(dict.fromkeys(failing)),
        held_runs=tuple(one["run_id"] for one in mirror_status.overview(tx.conn, tx.now, policy)["held"]),
        returns=tuple(returns(tx)),
        unsigned=len(unsigned),
        unsigned_by=min((row["due_at"] for row in unsigned), default=None),
        tells=tuple(_tells(tx, policy, on)) if on is not None else (),
        reports=tuple(rules.Unreported(one["incident_no"], one["due_at"], one["overdue"])
                      for one in incident_record.unreported(tx, policy)),
        measures=len(late),
        measures_of=late[0]["incident_no"] if late else None,
    )  # fmt: skip


def _tells(tx: Tx, policy: Policy, row: dict[str, Any]) -> list[rules.Tell]:
    """Those of the outage that is on who were not told yet."""
    return [
        rules.Tell(one.timer.zh, one.timer.en, one.timer.minutes, to_text(one.at), one.state == "late")
        for one in incident_record.timers(tx, policy, row)
        if one.state in ("late", "next")
    ]


def _incident(tx: Tx, number: int | None) -> dict[str, Any] | None:
    if number is None:
        return None
    row = tx.conn.execute(select(incident).where(incident.c.incident_no == number)).mappings().first()
    return dict(row) if row is not None else None


def _missed(tx: Tx, state: ModeState) -> int:
    # At epoch 0 nobody has switched anything yet, so nobody can have missed it.
    return sum(one["missed"] for one in roll_call.windows(tx)) if state.epoch else 0


def returns(tx: Tx) -> list[rules.Return]:
    """Outages that are over and not closed, the oldest first; drills have no way back."""
    rows = tx.conn.execute(
        select(incident)
        .where(
            incident.c.drill.is_(False),
            incident.c.state.not_in([IncidentState.OPEN.value, IncidentState.CLOSED.value]),
        )
        .order_by(incident.c.incident_no)
    ).mappings()
    paused = stop_orders.stopped(tx.conn, stop_orders.UPLOAD) is not None
    return [_return(tx, dict(row), paused) for row in rows]


def _return(tx: Tx, row: dict[str, Any], paused: bool) -> rules.Return:
    number = row["incident_no"]
    progress = upload_progress(tx.conn, number)
    run = progress["run"] if progress["run"] and not progress["run"]["dry_run"] else None
    report = sign_off.current_report(tx.conn, number)
    open_ones = [one for one in report["differences"] if not one["explained_by"]] if report else []
    stale = sum(one["kind"] in sign_off.NOT_EXPLAINABLE for one in open_ones)
    return rules.Return(
        incident_no=number,
        state=row["state"],
        documents=progress["documents"],
        clean=progress["clean"],
        conflicts=progress["open_conflicts"],
        at_work=at_work(tx, jobs.UPLOAD, number) is not None or bool(run and run["state"] == "running"),
        paused=paused,
        run_code=(run["report"] or {}).get("code", "") if run else "",
        run_state=run["state"] if run else "",
        account=report["balanced"] if report else None,
        explainable=len(open_ones) - stale,
        stale=stale,
        signed=frozenset(one["signed_as"] for one in report["signatures"]) if report else frozenset(),
        left=_left(tx, number) if row["state"] == "reconciling" else 0,
    )


def _left(tx: Tx, number: int) -> int:
    """What windows still have to do in the HIS; papers to exchange come when their patients come."""
    counted = aftercare.counts(tx, number)
    return sum(counted[name]["open"] for name in ("dispensing", "hall", "wishes"))


def outage(tx: Tx) -> bool:
    """Whether windows take documents here that will go to the centre."""
    return tx.mode.mode is Mode.EMERGENCY and not tx.mode.drill


def at_work(tx: Tx, kind: str, incident_no: int | None = None) -> dict[str, Any] | None:
    """The newest job of this kind that waits or runs (for this incident), or None."""
    rows = tx.conn.execute(
        select(job).where(job.c.kind == kind, job.c.state.in_(["queued", "running"])).order_by(job.c.id.desc())
    ).mappings()
    return next(
        (dict(row) for row in rows if incident_no is None or row["arguments"].get("incident_no") == incident_no), None
    )


def last_job(tx: Tx, kind: str, incident_no: int | None = None) -> dict[str, Any] | None:
    """The newest job of this kind (for this incident), whatever became of it."""
    rows = tx.conn.execute(select(job).where(job.c.kind == kind).order_by(job.c.id.desc()).limit(50)).mappings()
    return next(
        (dict(row) for row in rows if incident_no is None or row["arguments"].get("incident_no") == incident_no), None
    )


def unpaid_there(tx: Tx, incident_no: int) -> int:
    """What a release costs: the centre's own prescriptions and orders paid here whose charge has not reached it."""
    done = [state.value for state in FINAL]
    return int(
        tx.conn.execute(
            select(func.count())
            .select_from(settlement)
            .where(
                settlement.c.target_origin == "centre",
                exists(
                    select(outbox.c.yj_id).where(
                        outbox.c.yj_id == settlement.c.charge_id,
                        outbox.c.incident_no == incident_no,
                        outbox.c.state.not_in(done),
                    )
                ),
            )
        ).scalar_one()
    )


def chosen_incident(tx: Tx, wanted: str | None) -> int | None:
    """The incident a page is about: the one asked for, the one that is on, the oldest with work left, else the newest.

    Raises incident_not_found for a number that is none.
    """
    if wanted:
        number = rules.require_number(wanted)
        if _incident(tx, number) is None:
            raise YjError("incident_not_found")
        return number
    if tx.mode.incident_no is not None:
        return tx.mode.incident_no
    open_ones = [one.incident_no for one in returns(tx)]
    if open_ones:
        return open_ones[0]
    newest = tx.conn.execute(select(func.max(incident.c.incident_no))).scalar()
    return None if newest is None else int(newest)
