"""The timeline while an outage lasts: what people keyed in, the mode, the windows, the centre.

A source that reads rows asks for the newest ones before the cursor. One that counts (grades, windows) has few lines by
its nature, and the cursor cuts them afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select

from fallback_server.acts import masters
from fallback_server.acts.roll_call import CONSOLE
from fallback_server.acts.timeline_lines import Asked, Line, Source, cut, rows
from fallback_server.domain import grades
from fallback_server.domain import timeline as words
from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.incident_record import MEANS
from fallback_server.domain.policy import Policy
from fallback_server.store import record
from fallback_server.store.alarms import alarm
from fallback_server.store.credentials import alone_act
from fallback_server.store.mirror import run as mirror_run
from fallback_server.store.mode import incident_event, mode_change
from fallback_server.store.outbox import window_first
from fallback_server.store.people import workstation, workstation_epoch
from fallback_server.store.session import Tx

LATE_SECONDS: Final = 60  # a window that took longer to hear of a switch is named
ABSENT_SECONDS: Final = 3600  # one that took longer than that was not there, and came later
EARLIER_HOURS: Final = 24  # an alarm that was on at the switch is told with its beginning, unless that is longer ago


# --- people ----------------------------------------------------------------------------------------------------------


def _notes(asked: Asked) -> Iterable[Line]:
    table, later = record.incident_note, record.incident_note.alias()
    amended = select(later.c.id).where(later.c.amends == table.c.id).exists()
    statement = select(table, amended.label("amended")).where(table.c.incident_no == asked.number)
    for row in rows(asked, 1, statement, table.c.happened_at, table.c.id):
        values = {"text": row["text"], "whom": row["whom"], "means": words.pair(MEANS, row["means"])}
        more = {
            "answer": row["answer"], "keyed_at": row["at"], "note": str(row["id"]), "amended": bool(row["amended"]),
            "amends": str(row["amends"]) if row["amends"] else None,
        }  # fmt: skip
        yield Line(row["happened_at"], 1, row["id"], "note", row["kind"], values, row["operator_code"], more=more)


def _announcements(asked: Asked) -> Iterable[Line]:
    table = record.announcement
    for row in rows(asked, 2, select(table).where(table.c.incident_no == asked.number), table.c.at, table.c.id):
        kind = "announced" if row["text"] else "taken_down"
        yield Line(row["at"], 2, row["id"], "announcement", kind, {"text": row["text"]}, row["operator_code"])


def _analyses(asked: Asked) -> Iterable[Line]:
    table = record.incident_analysis
    for row in rows(asked, 3, select(table).where(table.c.incident_no == asked.number), table.c.at, table.c.id):
        yield Line(row["at"], 3, row["id"], "analysis", "analysed", {"cause": row["cause"]}, row["operator_code"])


def _measures(asked: Asked) -> Iterable[Line]:
    table = record.incident_measure
    mine = select(table).where(table.c.incident_no == asked.number)
    for row in rows(asked, 4, mine, table.c.at, table.c.id):
        yield Line(row["at"], 4, row["id"], "measure", "measure", row, row["operator_code"])
    for row in rows(asked, 5, mine, table.c.done_at, table.c.id):
        values = {"text": row["text"], "note": row["done_note"]}
        yield Line(row["done_at"], 5, row["id"], "measure-done", "measure_done", values, row["done_by"])


def _reports(asked: Asked) -> Iterable[Line]:
    table = record.incident_report
    wanted = select(table.c.number, table.c.stage, table.c.at, table.c.operator_code)
    for row in rows(asked, 6, wanted.where(table.c.incident_no == asked.number), table.c.at, table.c.number):
        kind = f"report_{row['stage']}"
        yield Line(row["at"], 6, row["number"], "report", kind, {"number": row["number"]}, row["operator_code"])


def _countersigned(asked: Asked) -> Iterable[Line]:
    table = alone_act
    for row in rows(asked, 7, select(table).where(table.c.incident_no == asked.number), table.c.signed_at, table.c.id):
        yield Line(row["signed_at"], 7, row["id"], "alone", "countersigned", {"note": row["note"]}, row["signed_by"])


# --- the mode and the windows ----------------------------------------------------------------------------------------


def _events(asked: Asked) -> Iterable[Line]:
    table = incident_event
    mine = select(table).where(table.c.incident_no == asked.number)
    if asked.only is not None:
        mine = mine.where(table.c.kind.in_([kind for kind, of in words.KINDS.items() if of.group == asked.only]))
    for row in rows(asked, 8, mine, table.c.at, table.c.id):
        values = dict(row["detail"])
        values["reason"] = words.pair(words.REASONS, values.get("reason"))
        if row["kind"] in ("opened", "scope"):
            names = masters.department_names(asked.tx, values["scope"]) if values.get("scope") else None
            values["scope"] = list(names.values()) if names else words.WORDS["whole"]
        more = {"scope": values["scope"]} if isinstance(values.get("scope"), list) else {}
        yield Line(
            row["at"], 8, row["id"], "event", row["kind"], values, row["operator_code"], row["approver_code"], more
        )


def _grades(asked: Asked) -> Iterable[Line]:
    lines = [
        Line(to_text(one.at), 9, index, "grade", "grade", {"grade": (one.name("zh"), one.name("en"))})
        for index, one in enumerate(grades_of(asked.tx, asked.policy, asked.row))
    ]
    return cut(asked, lines)


def grades_of(tx: Tx, policy: Policy, row: Mapping[str, Any]) -> list[grades.Grade]:
    """Every grade the incident had, from its switch and its changes of scope."""
    table = mode_change
    changes = tx.conn.execute(
        select(table.c.at, table.c.scope)
        .where(table.c.incident_no == row["incident_no"], table.c.arrow.in_(["a", "scope"]))
        .order_by(table.c.epoch)
    )
    scopes = [(from_text(one.at), grades.scope_class(one.scope)) for one in changes]
    until = from_text(row["ended_at"]) if row["ended_at"] else tx.now
    return grades.history(from_text(row["opened_at"]), until, scopes, policy.grade_minutes)


def _heard(asked: Asked) -> Iterable[Line]:
    """Per switch how soon the windows knew of it, and those by name that were slow."""
    lines: list[Line] = []
    for epoch, since, heard in epochs(asked.tx, asked.number):
        took = [(seconds, code, at) for seconds, code, at in heard if seconds <= ABSENT_SECONDS]
        if not took:
            continue
        (least, _, _), (most, last, at) = min(took), max(took)
        values = {"n": len(took), "least": least, "most": most, "last": last}
        lines.append(Line(max(at, since), 10, epoch, "windows", "windows_know", values))
        late = sorted(one for one in took if one[0] > LATE_SECONDS)
        lines += [
            Line(at, 11, epoch * 1000 + index, "late", "window_late", {"code": code, "seconds": seconds})
            for index, (seconds, code, at) in enumerate(late)
        ]
    return cut(asked, lines)


def epochs(tx: Tx, number: int) -> Iterable[tuple[int, str, list[tuple[int, str, str]]]]:
    """Per epoch of the incident: since when, and (seconds, window, at) of each window that heard of it."""
    change, seen = mode_change, workstation_epoch
    listed = tx.conn.execute(
        select(change.c.epoch, change.c.at.label("since"), seen.c.code, seen.c.at)
        .select_from(
            change.join(seen, seen.c.epoch == change.c.epoch).join(workstation, workstation.c.code == seen.c.code)
        )
        .where(change.c.incident_no == number, workstation.c.role.is_distinct_from(CONSOLE))
        .order_by(change.c.epoch, seen.c.at)
    )
    found: dict[tuple[int, str], list[tuple[int, str, str]]] = {}
    for row in listed:
        took = max(0, round((from_text(row.at) - from_text(row.since)).total_seconds()))
        found.setdefault((row.epoch, row.since), []).append((took, row.code, row.at))
    return [(epoch, since, heard) for (epoch, since), heard in found.items()]


def _firsts(asked: Asked) -> Iterable[Line]:
    table = window_first
    found = asked.tx.conn.execute(
        select(table).where(table.c.incident_no == asked.number).order_by(table.c.at, table.c.workstation)
    ).mappings()
    lines = [
        Line(
            row["at"], 12, index, "first", "window_first",
            {"code": row["workstation"], "entity": words.pair(words.ENTITIES, row["entity"]), "yj_no": row["yj_no"]},
            row["operator_code"],
        )
        for index, row in enumerate(found)
    ]  # fmt: skip
    return cut(asked, lines)


# --- the centre ------------------------------------------------------------------------------------------------------


def _alarms(asked: Asked) -> Iterable[Line]:
    table, begin = alarm, str(asked.row["opened_at"])
    early = to_text(from_text(begin) - timedelta(hours=EARLIER_HOURS))
    on = select(table).where(table.c.opened_at >= early, table.c.opened_at <= asked.end)
    then = table.c.closed_at.is_(None) | (table.c.closed_at >= begin)
    for row in rows(asked, 13, on.where(then), table.c.opened_at, table.c.id):
        yield Line(row["opened_at"], 13, row["id"], "alarm", "alarm_on", {"text": (row["zh"], row["en"])})
    off = on.where(table.c.closed_at >= begin, table.c.closed_at <= asked.end)
    for row in rows(asked, 14, off, table.c.closed_at, table.c.id):
        yield Line(row["closed_at"], 14, row["id"], "alarm-off", "alarm_off", {"text": (row["zh"], row["en"])})


def _mirror(asked: Asked) -> Iterable[Line]:
    table = mirror_run
    wanted = select(table.c.run_id, table.c.started_at, table.c.state).where(
        table.c.started_at >= asked.row["opened_at"], table.c.started_at <= asked.end,
        table.c.state.in_(["held", "failed"]),
    )  # fmt: skip
    for row in rows(asked, 15, wanted, table.c.started_at, table.c.run_id):
        yield Line(row["started_at"], 15, row["run_id"], "mirror", f"mirror_{row['state']}", {"run": row["run_id"]})


SOURCES: Final = (
    *(Source((words.PEOPLE,), one) for one in (_notes, _announcements, _analyses, _measures, _reports, _countersigned)),
    Source((words.PEOPLE, words.SWITCH, words.RETURN), _events),
    Source((words.SWITCH,), _grades),
    Source((words.WINDOWS,), _heard),
    Source((words.WINDOWS,), _firsts),
    Source((words.CENTRE,), _alarms),
    Source((words.CENTRE,), _mirror),
)
