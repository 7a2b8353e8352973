"""What the console does: the switch, and jobs asked of the worker, who alone speaks to the centre."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, update

from fallback_server.acts import masters, partial, prints, run_sheet
from fallback_server.domain import backups
from fallback_server.domain.datasets import DATASETS
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Mode
from fallback_server.domain.policy import Policy
from fallback_server.domain.run_sheet import STEPS, StepKind
from fallback_server.store import drills, jobs, mode_switch, second_person, sign_off, stop_orders
from fallback_server.store.after import run_sheet_tick
from fallback_server.store.session import Tx
from fallback_server.windows.console import queries, rules
from fallback_server.windows.console.queries.drills import certificate_number


def switch_on(tx: Tx, *, cause: str, reason: str, departments: Sequence[str] | None, drill: bool) -> int:
    """Arrow a, for departments that exist. Returns the incident number."""
    _require_departments(tx, departments)
    return mode_switch.enter_emergency(tx, cause=cause, reason=reason, departments=departments, drill=drill)


def plan_drill(tx: Tx, *, departments: Sequence[str] | None, **wanted: Any) -> int:
    """Write a drill down, for departments that exist. Returns its number."""
    _require_departments(tx, departments)
    return drills.plan(tx, departments=departments, **wanted)


def ask_rehearsal(tx: Tx, number: int) -> dict[str, Any]:
    """Queue a rehearsal of the return against the copy of the centre, of a drill that is over."""
    drills.require_over(tx.conn, number)
    return _ask(tx, jobs.REHEARSE, {"drill": number})


def ask_self_test(tx: Tx) -> dict[str, Any]:
    """Queue the self-test; in normal mode only."""
    if tx.mode.mode is not Mode.NORMAL:
        raise YjError("self_test_mode", mode=tx.mode.mode.value)
    return _ask(tx, jobs.SELF_TEST, {})


def print_certificate(tx: Tx, number: int) -> dict[str, Any]:
    """Count a copy of a drill's certificate; raises drill_not_found, drill_not_over."""
    drills.require_over(tx.conn, number)
    return prints.record(tx, certificate_number(number), "drill")


def change_scope(tx: Tx, departments: Sequence[str] | None, reason: str) -> None:
    """Let the scope grow or shrink, to departments that exist."""
    _require_departments(tx, departments)
    mode_switch.set_scope(tx, departments, reason)


def coverage(tx: Tx, departments: Sequence[str]) -> dict[str, Any]:
    """Who is there to serve these departments, and what is lacking; asked before the switch. Raises unknown_…"""
    _require_departments(tx, departments)
    return {"windows": partial.windows_alive(tx), "warnings": partial.warnings(tx, departments)}


def switch_off(tx: Tx, policy: Policy, *, upload: bool) -> int:
    """Arrow b. The second person was checked before. Returns the incident number."""
    return mode_switch.begin_return(
        tx, upload=upload, grace_seconds=policy.grace_seconds, hold_seconds=policy.return_hold_seconds
    )


def two_left_yj(tx: Tx, number: int) -> bool:
    """Whether the return was decided by two: the approver at switch-off, or a counter-signature since."""
    return second_person.two_ended(tx.conn, mode_switch.incident_row(tx.conn, number))


def ask_upload(tx: Tx, number: int, *, dry_run: bool) -> dict[str, Any]:
    """Queue an upload of an ended incident; one that is queued already is enough."""
    row = mode_switch.incident_row(tx.conn, number)
    rules.require_returnable(row["state"], row["drill"])
    return _ask(tx, jobs.UPLOAD, {"incident_no": number, "dry_run": dry_run})


def ask_reconciliation(tx: Tx, number: int) -> dict[str, Any]:
    """Queue a fresh account of an ended incident."""
    row = mode_switch.incident_row(tx.conn, number)
    rules.require_returnable(row["state"], row["drill"])
    return _ask(tx, jobs.RECONCILE, {"incident_no": number})


def ask_mirror(tx: Tx, datasets: Sequence[str] | None) -> dict[str, Any]:
    """Queue a mirror run: one running and one queued at most."""
    for name in datasets or ():
        if name not in DATASETS:
            raise YjError("invalid_request", field="datasets", problem=f"没有 {name} / no {name}")
    number = jobs.enqueue_refresh(tx, datasets or None, tx.who.operator_code)
    tx.audit("mirror.ask", subject=str(number), datasets=sorted(datasets) if datasets else None)
    return queries.job_view(tx, number)


def approve_run(tx: Tx, run_id: int, content_hash: str, reason: str) -> dict[str, Any]:
    """Let the worker publish a held run, by the hash of what the person saw."""
    if queries.held_run(tx, run_id)["content_hash"] != content_hash:
        raise YjError("run_hash_mismatch")
    tx.audit("mirror.approve", subject=str(run_id), hash=content_hash, reason=reason)
    return _ask(tx, jobs.MIRROR, {"approve": run_id, "reason": reason})


def ask_rollback(tx: Tx, reason: str) -> dict[str, Any]:
    """Queue the way back to the generation before. Raises wrong_state while documents are priced with the newest."""
    if tx.mode.mode is not Mode.NORMAL and not tx.mode.drill:
        raise YjError("wrong_state", current=tx.mode.mode.value, wanted="mirror rollback")
    return _ask(tx, jobs.MIRROR, {"rollback": True, "reason": reason})


def ask_backup(tx: Tx) -> dict[str, Any]:
    """Queue a backup."""
    return _ask(tx, jobs.BACKUP, {})


def ask_to_open(tx: Tx, name: str | None, place: str | None, **rehearsal: str) -> dict[str, Any]:
    """Queue the opening of a backup, the newest without a name. Raises backup_not_found for what is no name of one."""
    if name is not None and backups.made_at(name) is None:
        raise YjError("backup_not_found", name=name)
    return _ask(tx, jobs.BACKUP, {"verify": name, "place": place, **rehearsal})


def ask_proof(tx: Tx, heads: Sequence[tuple[int, str]]) -> dict[str, Any]:
    """Queue a walk along the audit chain, held against heads from paper."""
    return _ask(tx, jobs.AUDIT, {"heads": [list(head) for head in heads]})


def pause_upload(tx: Tx, number: int, reason: str) -> dict[str, Any]:
    """Stop uploading after the document in hand, until `go_on_uploading`; also what would begin by itself."""
    row = mode_switch.incident_row(tx.conn, number)
    rules.require_returnable(row["state"], row["drill"])
    order = stop_orders.stop(tx, reason, stop_orders.UPLOAD)
    mode_switch.note_event(tx, number, "upload_paused", None, reason=reason)
    return {"paused": {name: order[name] for name in ("reason", "stopped_at", "stopped_by")}}


def go_on_uploading(tx: Tx, number: int) -> dict[str, Any]:
    """End the pause and queue the upload."""
    row = mode_switch.incident_row(tx.conn, number)
    rules.require_returnable(row["state"], row["drill"])
    if stop_orders.go(tx, stop_orders.UPLOAD):
        mode_switch.note_event(tx, number, "upload_goes_on", None)
    return _ask(tx, jobs.UPLOAD, {"incident_no": number, "dry_run": False})


def print_report(tx: Tx, number: int, paper: str) -> dict[str, Any]:
    """Count a copy of a report of this incident; its number is what the paper carries."""
    mode_switch.incident_row(tx.conn, number)
    return prints.record(tx, queries.report_number(tx, number, paper), paper)


def tick(tx: Tx, number: int, step: str, note: str) -> None:
    """A named person says that a step of the return is done.

    Raises incident_not_found, not_found, step_automatic, forbidden for another's step, already_done.
    """
    mode_switch.incident_row(tx.conn, number)
    kind = _step_by_hand(step)
    if not tx.who.roles & set(kind.whom):
        raise YjError("forbidden", roles=", ".join(kind.whom))
    known = run_sheet.ticks(tx, number).get(step)
    if known is not None:
        raise YjError("already_done", by=known["operator_code"], at=known["at"])
    who = {"operator_code": tx.who.operator_code, "operator_name": tx.who.operator_name}
    row = {"incident_no": number, "step": step, "at": tx.at, "note": note, **who}
    tx.conn.execute(insert(run_sheet_tick).values(**row))
    tx.audit("incident.tick", subject=str(number), step=step, note=note)


def take_tick_back(tx: Tx, number: int, step: str, note: str) -> None:
    """A tick was wrong: it stays on record, with who took it back. Raises not_found, step_automatic."""
    _step_by_hand(step)
    table = run_sheet_tick
    here = (table.c.incident_no == number, table.c.step == step, table.c.undone_at.is_(None))
    values = {"undone_at": tx.at, "undone_by": tx.who.operator_code}
    if not tx.conn.execute(update(table).where(*here).values(**values)).rowcount:
        raise YjError("not_found")
    tx.audit("incident.untick", subject=str(number), step=step, note=note)


def _step_by_hand(step: str) -> StepKind:
    kind = STEPS.get(step)
    if kind is None:
        raise YjError("not_found")
    if not kind.hand:
        raise YjError("step_automatic", step=step)
    return kind


def explain(tx: Tx, number: int, difference_id: int, note: str) -> dict[str, Any]:
    """Put a name and a reason to a difference of this incident."""
    if difference_id not in {item["id"] for item in sign_off.list_differences(tx.conn, number)}:
        raise YjError("difference_not_found")
    return sign_off.explain_difference(tx, difference_id, note)


def sign(tx: Tx, number: int, signed_as: str) -> dict[str, Any]:
    """Sign as IT (an administrator) or as finance (a supervisor); the second signature closes the incident."""
    rules.require_signer(signed_as, tx.who.roles)
    return sign_off.sign(tx, number, signed_as)


def _ask(tx: Tx, kind: str, arguments: dict[str, Any]) -> dict[str, Any]:
    number = jobs.enqueue(tx, kind, arguments, tx.who.operator_code)
    tx.audit(f"{kind}.ask", subject=str(number), **arguments)
    return queries.job_view(tx, number)


def _require_departments(tx: Tx, departments: Sequence[str] | None) -> None:
    for code in departments or ():
        masters.require(tx, "department", code)
