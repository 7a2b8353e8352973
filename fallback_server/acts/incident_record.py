"""The record of an incident that people keep: notes and calls, who must be told by when, analysis and measures.

Nothing is edited: a wrong note is amended by another that names it. People go on keeping it when all is closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import RowMapping, Table, select, update

from fallback_server.domain import incident_record as rules
from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.policy import Policy
from fallback_server.store import record
from fallback_server.store.mode import incident
from fallback_server.store.mode_switch import incident_row, note_event
from fallback_server.store.session import Tx

NOTES_SHOWN: Final = 500


def note(
    tx: Tx, policy: Policy, number: int, *, kind: str | None, text: str, whom: str | None = None,
    means: str | None = None, answer: str | None = None, happened_at: str | None = None, timer: str | None = None,
    amends: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Key in a note, somebody who was told, or what somebody told us; returns it as `notes` shows it.

    `timer` names who must be told (Timer.zh); `happened_at` is now where it is not given. With `amends` everything but
    the text and the answer is that of the note amended, unless it is given anew. Raises incident_not_found,
    note_not_found for an `amends` of another incident, invalid_request.
    """
    incident_row(tx.conn, number)
    given = {"kind": kind, "whom": whom, "means": means, "timer": timer}
    values = given if amends is None else _amended(tx, number, amends, {**given, "happened_at": happened_at})
    happened_at = values.pop("happened_at", happened_at)
    if values["kind"] == rules.NOTE:
        values |= {"whom": None, "means": None}
    if values["kind"] != rules.TOLD:
        values["timer"] = timer  # what is no telling any more ticks nothing off
    _check(policy, values, timer)
    values |= {"text": text, "answer": answer, "amends": amends, "happened_at": _moment(tx, happened_at)}
    key = _add(tx, record.incident_note, {"incident_no": number, **values})
    tx.audit(
        "incident.note", subject=str(number), note=key, kind=values["kind"], whom=values["whom"],
        timer=values["timer"], amends=amends,
    )  # fmt: skip
    table = record.incident_note
    return _as_shown(tx, number, tx.conn.execute(select(table).where(table.c.id == key)).mappings())[0]


def _amended(tx: Tx, number: int, amends: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a note says of the one that it amends, where it says nothing else."""
    table = record.incident_note
    row = tx.conn.execute(select(table).where(table.c.id == amends, table.c.incident_no == number)).mappings().first()
    if row is None:
        raise YjError("note_not_found")
    return {name: row[name] if value is None else value for name, value in given.items()}


def _check(policy: Policy, values: Mapping[str, Any], timer: str | None) -> None:
    """`timer` as it was given anew: one that stands on the note amended may since have left the policy."""
    if values["kind"] not in rules.NOTE_KINDS:
        raise YjError("invalid_request", field="kind", problem="不认识 / unknown")
    if values["kind"] != rules.NOTE and not values["whom"]:
        raise YjError("invalid_request", field="whom", problem="必填 / required")
    if values["kind"] != rules.NOTE and values["means"] not in rules.MEANS:
        raise YjError("invalid_request", field="means", problem="必填 / required")
    if timer is not None and (values["kind"] != rules.TOLD or timer not in {one.zh for one in policy.tell}):
        raise YjError("invalid_request", field="timer", problem="没有这一项 / no such timer")


def _moment(tx: Tx, text: str | None) -> str:
    """When it was: a time with an offset, never ahead of us."""
    if text is None:
        return tx.at
    try:
        moment = from_text(text).astimezone(tx.now.tzinfo)
    except (ValueError, OverflowError):  # the first hours of the year 1 have no time in other zones
        raise YjError("invalid_request", field="happened_at", problem="时间格式不对 / not RFC 3339") from None
    if moment > tx.now + timedelta(seconds=rules.AHEAD_SECONDS):
        raise YjError("invalid_request", field="happened_at", problem="还没有到 / lies ahead")
    return to_text(moment)


def untick(tx: Tx, policy: Policy, number: int, timer: str, reason: str) -> list[rules.Due]:
    """Take back that a timer was ticked off: by the wrong line, or nobody was told after all. Returns the timers.

    The notes stay as they are; each that ticks it is amended by one which says the same and ticks nothing. The reason
    stands on the timeline. Raises incident_not_found, invalid_request for a timer that is not ticked.
    """
    row = incident_row(tx.conn, number)
    ticking = [one for one in _standing(tx, number) if one["timer"] == timer]
    if not ticking:
        raise YjError("invalid_request", field="timer", problem="没有打勾 / is not ticked off")
    kept = ("incident_no", "kind", "happened_at", "text", "whom", "means", "answer")
    for one in ticking:
        _add(tx, record.incident_note, {**{name: one[name] for name in kept}, "timer": None, "amends": one["id"]})
    note_event(tx, number, "timer_unticked", None, whom=timer, reason=reason)
    ids = [one["id"] for one in ticking]
    tx.audit("incident.timer_unticked", subject=str(number), timer=timer, notes=ids, reason=reason)
    return timers(tx, policy, row)


def notes(tx: Tx, number: int, *, calls_only: bool = False) -> list[dict[str, Any]]:
    """The newest notes of an incident in the order of what happened; with `calls_only` who was told and who told us."""
    table = record.incident_note
    wanted = select(table).where(table.c.incident_no == number)
    if calls_only:
        wanted = wanted.where(table.c.kind != rules.NOTE)
    rows = tx.conn.execute(wanted.order_by(table.c.happened_at.desc(), table.c.id.desc()).limit(NOTES_SHOWN)).mappings()
    return _as_shown(tx, number, rows)[::-1]


def _as_shown(tx: Tx, number: int, rows: Iterable[RowMapping]) -> list[dict[str, Any]]:
    """These notes of an incident, with the note that amends each: that may be of a kind which is not among them."""
    table = record.incident_note
    amending = select(table.c.amends, table.c.id).where(table.c.incident_no == number, table.c.amends.is_not(None))
    later = {row.amends: row.id for row in tx.conn.execute(amending.order_by(table.c.id))}
    return [
        {
            **row, "id": str(row["id"]), "amends": str(row["amends"]) if row["amends"] else None,
            "amended_by": str(later[row["id"]]) if row["id"] in later else None,
        }
        for row in rows
    ]  # fmt: skip


def timers(tx: Tx, policy: Policy, row: Mapping[str, Any]) -> list[rules.Due]:
    """Who must be told by when in this incident, and who was."""
    ended = from_text(row["ended_at"]) if row["ended_at"] else None
    standing = _standing(tx, row["incident_no"])
    return rules.due(policy.tell, from_text(row["opened_at"]), ended, tx.now, standing)


def _standing(tx: Tx, number: int) -> list[dict[str, Any]]:
    """The notes of an incident that tick a timer off and were not amended, oldest first."""
    table = record.incident_note
    told = tx.conn.execute(
        select(table).where(table.c.incident_no == number, table.c.timer.is_not(None)).order_by(table.c.id)
    ).mappings()
    amended = select(table.c.amends).where(table.c.incident_no == number, table.c.amends.is_not(None))
    taken_back = set(tx.conn.execute(amended).scalars())
    return [dict(one) for one in told if one["id"] not in taken_back]


def analyse(tx: Tx, number: int, cause: str, lessons: str) -> dict[str, Any]:
    """Write down why it happened and what was learned; the newest one counts, earlier ones stay."""
    incident_row(tx.conn, number)
    key = _add(tx, record.incident_analysis, {"incident_no": number, "cause": cause, "lessons": lessons})
    tx.audit("incident.analysis", subject=str(number), analysis=key)
    return analysis(tx, number) or {}


def analysis(tx: Tx, number: int) -> dict[str, Any] | None:
    """The newest analysis of an incident, None before the first."""
    table = record.incident_analysis
    row = tx.conn.execute(select(table).where(table.c.incident_no == number).order_by(table.c.id.desc()).limit(1))
    found = row.mappings().first()
    return {**found, "id": str(found["id"])} if found is not None else None


def measure(tx: Tx, number: int, text: str, responsible: str, due_on: date) -> dict[str, Any]:
    """Something to be done so that it does not happen again, by whom and by when."""
    incident_row(tx.conn, number)
    _not_past(tx, due_on)
    values = {"incident_no": number, "text": text, "responsible": responsible, "due_on": due_on.isoformat()}
    key = _add(tx, record.incident_measure, values)
    tx.audit("incident.measure", subject=str(number), measure=key, due_on=values["due_on"])
    return _measure(tx, key)


def measure_done(tx: Tx, key: int, note: str) -> dict[str, Any]:
    """A named person says that it is done. Raises measure_not_found, already_done."""
    known = _open_measure(tx, key)
    values = {"done_at": tx.at, "done_by": tx.who.operator_code, "done_note": note}
    _change_open(tx, key, values)
    tx.audit("incident.measure_done", subject=str(known["incident_no"]), measure=key)
    return _measure(tx, key)


def measure_moved(
    tx: Tx, key: int, note: str, *, due_on: date | None = None, responsible: str | None = None
) -> dict[str, Any]:
    """Give a measure another day, or to somebody else, for a reason that stands on the timeline.

    Raises measure_not_found, already_done, invalid_request for a day that is past.
    """
    known = _open_measure(tx, key)
    if due_on is not None:
        _not_past(tx, due_on)
    wanted = {"due_on": due_on.isoformat() if due_on else None, "responsible": responsible}
    changed = {name: value for name, value in wanted.items() if value is not None and value != known[name]}
    if changed:
        _change_open(tx, key, changed)
    for name, kind in (("due_on", "measure_moved"), ("responsible", "measure_given")):
        if name in changed:
            detail = {name: changed[name], "note": note, "text": known["text"]}
            note_event(tx, known["incident_no"], kind, None, **detail)
    before = {name: known[name] for name in changed}
    subject = str(known["incident_no"])
    tx.audit("incident.measure_moved", subject=subject, measure=key, note=note, before=before, after=changed)
    return _measure(tx, key)


def measures(tx: Tx, number: int | None = None) -> list[dict[str, Any]]:
    """The measures of an incident, or of all incidents those not done yet, the one due first on top."""
    table = record.incident_measure
    wanted = table.c.done_at.is_(None) if number is None else table.c.incident_no == number
    rows = tx.conn.execute(select(table).where(wanted).order_by(table.c.due_on, table.c.id)).mappings()
    return [_shown(tx, dict(row)) for row in rows]


def unreported(tx: Tx, policy: Policy) -> list[dict[str, Any]]:
    """Closed outages whose report nobody has made final since: `{incident_no, closed_at, due_at, overdue}`."""
    made = record.incident_report
    final = select(made.c.number).where(
        made.c.incident_no == incident.c.incident_no, made.c.stage == "final", made.c.at >= incident.c.closed_at
    )
    rows = tx.conn.execute(
        select(incident.c.incident_no, incident.c.closed_at)
        .where(incident.c.drill.is_(False), incident.c.closed_at.is_not(None), ~final.exists())
        .order_by(incident.c.incident_no)
    ).mappings()
    found = [{**row, "due_at": rules.report_due(row["closed_at"], policy.report_days)} for row in rows]
    return [{**one, "overdue": one["due_at"] < tx.at} for one in found]


def _open_measure(tx: Tx, key: int) -> dict[str, Any]:
    found = _measure(tx, key)
    if found["done_at"] is not None:
        raise _done(found)
    return found


def _change_open(tx: Tx, key: int, values: Mapping[str, Any]) -> None:
    """Only while nobody has said that it is done, at this very moment. Raises already_done."""
    table = record.incident_measure
    still_open = (table.c.id == key, table.c.done_at.is_(None))
    if not tx.conn.execute(update(table).where(*still_open).values(**values)).rowcount:
        raise _done(_measure(tx, key))


def _done(found: Mapping[str, Any]) -> YjError:
    return YjError("already_done", by=found["done_by"], at=found["done_at"])


def _measure(tx: Tx, key: int) -> dict[str, Any]:
    table = record.incident_measure
    row = tx.conn.execute(select(table).where(table.c.id == key)).mappings().first()
    if row is None:
        raise YjError("measure_not_found")
    return _shown(tx, dict(row))


def _shown(tx: Tx, row: Mapping[str, Any]) -> dict[str, Any]:
    late = row["done_at"] is None and row["due_on"] < tx.today.isoformat()
    return {**row, "id": str(row["id"]), "overdue": late}


def _not_past(tx: Tx, due_on: date) -> None:
    if due_on < tx.today:
        raise YjError("invalid_request", field="due_on", problem="已经过去 / is past")


def _add(tx: Tx, table: Table, values: Mapping[str, Any]) -> int:
    who = {"operator_code": tx.who.operator_code, "operator_name": tx.who.operator_name}
    row = {**values, **who, "at": tx.at}
    return int(tx.conn.execute(table.insert().values(**row).returning(table.c.id)).scalar_one())
