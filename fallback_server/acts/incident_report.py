"""The report of an incident: everything a hospital must be able to say about it, as one canonical piece.

Before the end it is a draft, computed when it is looked at. When the incident is closed the worker stores it within a
minute; when a person has added cause and measures they make it final. What is stored stays, under its hash and with the
head of the audit log: page, PDF and command line print the stored piece, in either language.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select

from fallback_server.acts import (
    account_sheet,
    incident_record,
    locks,
    masters,
    operators,
    roll_call,
    run_sheet,
    timeline,
)
from fallback_server.acts.timeline_outage import ABSENT_SECONDS, LATE_SECONDS, epochs, grades_of
from fallback_server.domain import grades, money
from fallback_server.domain.documents import canonical
from fallback_server.domain.errors import YjError
from fallback_server.domain.incident_record import Due
from fallback_server.domain.modes import IncidentState
from fallback_server.domain.policy import Policy
from fallback_server.store import alarms, audit, record
from fallback_server.store.cash import charge, payment
from fallback_server.store.conflicts import list_conflicts
from fallback_server.store.mode import SYSTEM_OPERATOR, incident, incident_event, mode_change
from fallback_server.store.mode_switch import incident_row
from fallback_server.store.outbox import window_first
from fallback_server.store.session import Tx

CLOSED, FINAL, DRAFT = "closed", "final", "draft"
ITEMS: Final = 200  # of differences and decisions; the account has them all
_OF_THE_INCIDENT: Final = (
    "incident_no", "drill", "state", "cause", "reason", "epoch", "generation_as_of", "opened_at", "opened_by",
    "confirmed_at", "confirmed_by", "ended_at", "ended_by", "ended_approver", "released_at", "closed_at",
)  # fmt: skip


def content(tx: Tx, policy: Policy, number: int) -> dict[str, Any]:
    """What the report says as of now. Codes are left as they are, names are those of today."""
    row, sheet = incident_row(tx.conn, number), account_sheet.sheet(tx, number)
    lines, more = timeline.whole(tx, policy, number)
    found = {
        "incident": {name: row[name] for name in _OF_THE_INCIDENT},
        "grades": _grades(tx, policy, row),
        "scopes": _scopes(tx, number),
        "told": incident_record.notes(tx, number, calls_only=True),
        "timers": [timer_view(one) for one in incident_record.timers(tx, policy, row)],
        "announcements": announcements(tx, number),
        "windows": _windows(tx, number),
        "money": _money(tx, number, sheet),
        "documents": sheet["documents"],
        "late": sheet["late"],
        "differences": _listed(sheet["differences"]),
        "decisions": _decisions(tx, number),
        "sheet": [_step(one) for one in run_sheet.shown(tx, number)],
        "signatures": sheet["signatures"],
        "analysis": incident_record.analysis(tx, number),
        "measures": incident_record.measures(tx, number),
        "timeline": {"items": lines, "more": more},
    }
    return {**found, "people": _people(tx, found)}


def _grades(tx: Tx, policy: Policy, row: Mapping[str, Any]) -> dict[str, Any]:
    every = grades_of(tx, policy, row)
    return {"history": [grade_view(one) for one in every], "worst": grade_view(grades.worst(every))}


def grade_view(one: grades.Grade) -> dict[str, Any]:
    """A grade as it is sent: since when, class, level, and both names."""
    at = one.at.isoformat(timespec="milliseconds")
    return {"at": at, "scope": one.scope, "level": one.level, "zh": one.name("zh"), "en": one.name("en")}


def _scopes(tx: Tx, number: int) -> list[dict[str, Any]]:
    table = mode_change
    rows = tx.conn.execute(
        select(table.c.at, table.c.scope)
        .where(table.c.incident_no == number, table.c.arrow.in_(["a", "scope"]))
        .order_by(table.c.epoch)
    )
    return [
        {"at": row.at, "departments": list(masters.department_names(tx, row.scope).values()) if row.scope else None}
        for row in rows
    ]


def timer_view(one: Due) -> dict[str, Any]:
    """A timer as it is sent: whom, by when, and how it stands."""
    told = one.told or {}
    return {
        "minutes": one.timer.minutes, "zh": one.timer.zh, "en": one.timer.en, "state": one.state,
        "due_at": one.at.isoformat(timespec="milliseconds"), "told_at": told.get("happened_at"),
        "told_by": told.get("operator_code"), "whom": told.get("whom"), "note_id": str(told["id"]) if told else None,
    }  # fmt: skip


def announcements(tx: Tx, number: int) -> list[dict[str, Any]]:
    """What the band and the halls said in this incident, and since when; without a text it was taken down."""
    table = record.announcement
    columns = (table.c.at, table.c.operator_code, table.c.operator_name, table.c.text)
    rows = tx.conn.execute(select(*columns).where(table.c.incident_no == number).order_by(table.c.id).limit(ITEMS))
    return [dict(row) for row in rows.mappings()]


def _windows(tx: Tx, number: int) -> dict[str, Any]:
    """How soon windows heard of each switch, who was late, who has not switched by now, when each began to work.

    A window that heard of it after more than ABSENT_SECONDS was not there: it counts neither as late nor at all.
    """
    switches = []
    for epoch, since, heard in epochs(tx, number):
        took = sorted(one for one in heard if one[0] <= ABSENT_SECONDS)
        if not took:
            continue
        late = [{"code": code, "seconds": seconds} for seconds, code, _ in took if seconds > LATE_SECONDS]
        middle = took[len(took) // 2][0]
        switches.append(
            {"epoch": epoch, "since": since, "n": len(took), "middle": middle, "late": late[:ITEMS]}
        )  # fmt: skip
    on = tx.mode.incident_no == number
    table = window_first
    firsts = tx.conn.execute(select(table).where(table.c.incident_no == number).order_by(table.c.at)).mappings()
    return {
        "switches": switches,
        "missing": [one["code"] for one in roll_call.windows(tx) if one["missed"]] if on else [],
        "first": [{name: row[name] for name in ("workstation", "at", "entity", "yj_no")} for row in firsts],
    }


def _money(tx: Tx, number: int, sheet: Mapping[str, Any]) -> dict[str, Any]:
    """The account's sums; before the first account what was taken here, by method."""
    names = ("balanced", "totals", "by_method", "by_category", "at", "report_hash")
    found = {name: sheet[name] for name in names}
    found["cashiers"] = len(sheet["cashiers"])
    found["totals"] = {**dict.fromkeys(("local", "ledger", "central")), **sheet["totals"]}
    if sheet["at"] is not None:
        return found
    rows = tx.conn.execute(
        select(payment.c.method, func.sum(payment.c.amount).label("amount"))
        .join(charge, charge.c.id == payment.c.charge_id)
        .where(charge.c.incident_no == number)
        .group_by(payment.c.method)
        .order_by(payment.c.method)
    ).all()
    local = money.to_text(sum((row.amount for row in rows), money.ZERO))
    taken = [{"code": row.method, "local": money.to_text(row.amount)} for row in rows]
    return {**found, "totals": {"local": local, "ledger": None, "central": None}, "by_method": taken}


def _listed(differences: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("kind", "yj_id", "central_key", "local", "central", "explained_by", "note")
    return {
        "n": len(differences), "open": sum(not one["explained_by"] for one in differences),
        "items": [{name: one[name] for name in names} for one in differences[:ITEMS]],
    }  # fmt: skip


def _decisions(tx: Tx, number: int) -> dict[str, Any]:
    every = list_conflicts(tx.conn, number)
    names = ("kind", "yj_no", "decision", "decided_by", "approver_code", "note")
    decided = [{name: one[name] for name in names} for one in every if one["decision"] is not None]
    return {"n": len(every), "open": len(every) - len(decided), "items": decided[:ITEMS]}


def _step(one: Mapping[str, Any]) -> dict[str, Any]:
    names = ("step", "title", "title_en", "done", "by", "at", "who", "note", "minutes", "evidence", "evidence_en")
    return {name: one[name] for name in names}


def _people(tx: Tx, found: Mapping[str, Any]) -> dict[str, str]:
    """Code → name and code of everybody whom the report names by code."""
    row = found["incident"]
    codes = {row[name] for name in ("opened_by", "confirmed_by", "ended_by", "ended_approver")}
    codes |= {line[name] for line in found["timeline"]["items"] for name in ("operator_code", "approver_code")}
    codes |= {one["operator_code"] for one in (*found["signatures"], *found["told"], *found["announcements"])}
    codes |= {one[name] for one in found["decisions"]["items"] for name in ("decided_by", "approver_code")}
    codes |= {one["explained_by"] for one in found["differences"]["items"]}
    codes |= {one[name] for one in found["measures"] for name in ("operator_code", "done_by")}
    named = sorted(code for code in codes if code and code != SYSTEM_OPERATOR)
    return {code: operators.name_of(tx, code) for code in named}


# --- stored reports --------------------------------------------------------------------------------------------------


def reports(tx: Tx, number: int) -> list[dict[str, Any]]:
    """The stored reports of an incident without what they say, oldest first."""
    table = record.incident_report
    columns = [column for column in table.c if column.name not in ("content", "incident_no")]
    rows = tx.conn.execute(select(*columns).where(table.c.incident_no == number).order_by(table.c.number)).mappings()
    return [dict(row) for row in rows]


def stored(tx: Tx, number: int, report: int | None = None) -> dict[str, Any] | None:
    """A stored report (the newest by default) with its `content`; None where there is none."""
    table = record.incident_report
    wanted = select(table).where(table.c.incident_no == number)
    if report is not None:
        wanted = wanted.where(table.c.number == report)
    row = tx.conn.execute(wanted.order_by(table.c.number.desc()).limit(1)).mappings().first()
    return {**row, "content": json.loads(row["content"])} if row is not None else None


def shown(tx: Tx, policy: Policy, number: int, report: int | None = None, *, draft: bool = False) -> dict[str, Any]:
    """The report to be printed: a stored one, or the draft as of now where none is stored or `draft` is asked for.

    Raises incident_not_found, report_not_found for a number that was never made.
    """
    incident_row(tx.conn, number)
    found = None if draft else stored(tx, number, report)
    if found is not None:
        return found
    if report is not None:
        raise YjError("report_not_found")
    return {
        "incident_no": number, "number": None, "stage": DRAFT, "at": tx.at, "operator_code": None,
        "operator_name": None, "content": content(tx, policy, number), "content_hash": None,
        "audit_sequence": None, "audit_hash": None,
    }  # fmt: skip


@dataclass(frozen=True)
class Ready:
    """A report ready to be stored, computed in a read, while no window waits. `stamp`: what people kept by then."""

    text: str
    digest: str
    stamp: tuple[Any, ...]


def ready(tx: Tx, policy: Policy, number: int) -> Ready:
    """Compute the report as of now. Raises incident_not_found."""
    text = canonical(content(tx, policy, number))
    return Ready(text, hashlib.sha256(text.encode()).hexdigest(), _stamp(tx, number))


def ready_to_finish(tx: Tx, policy: Policy, number: int) -> Ready:
    """The same for `finish`, which refuses it for the same reasons: nothing is computed for nothing."""
    _require_finished(tx, number)
    return ready(tx, policy, number)


def finish(tx: Tx, number: int, made_ready: Ready) -> dict[str, Any]:
    """Make the report final under the acting person's name.

    Raises report_unfinished, drill_fenced; busy where somebody kept more of the incident since it was computed.
    """
    _require_finished(tx, number)
    made = keep(tx, number, FINAL, made_ready)
    alarms.turn_off(tx, subject_of(number))
    return made


def _require_finished(tx: Tx, number: int) -> None:
    row = incident_row(tx.conn, number)
    if row["drill"]:
        raise YjError("drill_fenced")
    if row["state"] != IncidentState.CLOSED.value:
        raise YjError("report_unfinished", problem="事件尚未关闭 / the incident is not closed")
    if incident_record.analysis(tx, number) is None:
        raise YjError("report_unfinished", problem="没有填写原因分析 / there is no analysis of the cause")


def _stamp(tx: Tx, number: int) -> tuple[Any, ...]:
    """Another one wherever a person added to the record, or the incident itself went on."""
    measures, row = record.incident_measure, incident_row(tx.conn, number)
    asked = [
        select(func.max(table.c.id)).where(table.c.incident_no == number).scalar_subquery()
        for table in (record.incident_note, record.incident_analysis, record.announcement, measures, incident_event)
    ]
    done = select(func.count(measures.c.done_at)).where(measures.c.incident_no == number).scalar_subquery()
    return (row["state"], row["closed_at"], *tx.conn.execute(select(*asked, done)).one())


def keep(tx: Tx, number: int, stage: str, made_ready: Ready) -> dict[str, Any]:
    """Store a report computed just before and return it without its contents. Raises busy as `finish` does."""
    locks.hold(tx, f"report:{number}")
    if _stamp(tx, number) != made_ready.stamp:
        raise YjError("busy")
    sequence, head = audit.head(tx.conn)
    table = record.incident_report
    last = tx.conn.execute(select(func.max(table.c.number)).where(table.c.incident_no == number)).scalar() or 0
    row = {
        "incident_no": number, "number": last + 1, "stage": stage, "at": tx.at, "content_hash": made_ready.digest,
        "operator_code": tx.who.operator_code, "operator_name": tx.who.operator_name, "audit_sequence": sequence,
        "audit_hash": head,
    }  # fmt: skip
    tx.conn.execute(table.insert().values(**row, content=made_ready.text))
    tx.audit("incident.report", subject=str(number), number=last + 1, stage=stage, hash=made_ready.digest)
    return row


def unmade(tx: Tx) -> list[int]:
    """Real incidents that were closed after their newest report, or have none."""
    table = record.incident_report
    since = select(table.c.number).where(
        table.c.incident_no == incident.c.incident_no, table.c.at >= incident.c.closed_at
    )
    rows = tx.conn.execute(
        select(incident.c.incident_no)
        .where(incident.c.drill.is_(False), incident.c.closed_at.is_not(None), ~since.exists())
        .order_by(incident.c.incident_no)
    )
    return [int(number) for number in rows.scalars()]


def subject_of(number: int) -> str:
    """Of the alarm about the report of an incident."""
    return f"report.{number}"
