"""`yj incident note | told | untold | heard | notice | timeline | record | analysis | measure | measure-move |
measure-done | report`: what people keep of an outage. The verbs join those of incidents.py."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clients.console.checked import checked
from clients.console.context import Misuse, instance
from clients.console.incidents import DECIDE, Incident, Json, chosen
from clients.console.incidents import group as group
from clients.console.output import Output
from clients.console.people import Operator, PasswordFile, Passwords, acting

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_server.domain.policy import Policy
    from fallback_server.store.session import Tx

When = Annotated[
    str | None, typer.Option("--at", help="when it was: the last HH:MM, or a time with offset; default now")
]
Text = Annotated[str, typer.Argument(help="what happened or was said, in words")]
Whom = Annotated[str, typer.Argument(help="who was told, or who told us")]
Means = Annotated[str, typer.Option(help="phone, in_person, message, radio, written or other")]
Answer = Annotated[str | None, typer.Option(help="what they said")]
Timer = Annotated[str | None, typer.Option(help="which of [incident] tell it ticks off; default the one named WHOM")]
MeasureNumber = Annotated[int, typer.Argument(min=1, help="its id in `yj incident record`")]
SWITCH = ("admin", "duty")
_MEASURE = {"text": "TEXT", "due_on": "--due", "": "--due, --responsible"}


@group.command()
def note(
    ctx: typer.Context, text: Text, operator: Operator, at: When = None, incident: Incident = None,
    amends: Annotated[str | None, typer.Option(help="id of the note that this one puts right")] = None,
    password_file: PasswordFile = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Key in what happened. Nothing is ever changed: a wrong note is amended by another."""
    kept = {"kind": None if amends else "note", "text": text, "amends": amends}
    _noted(ctx, operator, password_file, incident, at, kept, as_json)


@group.command()
def told(
    ctx: typer.Context, whom: Whom, text: Text, operator: Operator, means: Means = "phone", answer: Answer = None,
    timer: Timer = None,
    at: When = None, incident: Incident = None, password_file: PasswordFile = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Somebody was told: who, when, by which means, what, and the answer."""
    known = {one.zh: one.zh for one in instance(ctx).policy.tell} | {
        one.en: one.zh for one in instance(ctx).policy.tell
    }
    kept = {
        "kind": "told", "text": text, "whom": whom, "means": means, "answer": answer,
        "timer": known.get(timer, timer) if timer else known.get(whom),
    }  # fmt: skip
    _noted(ctx, operator, password_file, incident, at, kept, as_json)


@group.command()
def untold(
    ctx: typer.Context, timer: Annotated[str, typer.Argument(help="the line of [incident] tell, in either language")],
    operator: Operator, reason: Annotated[str, typer.Option(help="why the tick was wrong")],
    incident: Incident = None, password_file: PasswordFile = None,
) -> None:  # fmt: skip
    """Take back that somebody was told: the line was ticked off wrongly. The notes stay as they are."""
    from fallback_server.acts import incident_record
    from fallback_server.windows.console.api.record import UntickRequest

    english = {one.en: one.zh for one in instance(ctx).policy.tell}
    body = checked(UntickRequest, {"timer": english.get(timer, timer), "reason": reason}, {"timer": "TIMER"})
    _writing(
        ctx, operator, password_file, DECIDE,
        lambda tx, policy: incident_record.untick(tx, policy, _of(tx, incident), body.timer, body.reason),
    )  # fmt: skip
    Output(False).say(f"{body.timer}: not told")


@group.command()
def heard(
    ctx: typer.Context, whom: Whom, text: Text, operator: Operator, means: Means = "phone", answer: Answer = None,
    at: When = None, incident: Incident = None, password_file: PasswordFile = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Somebody told us: the DBA, the vendor, the leaders."""
    kept = {"kind": "heard", "text": text, "whom": whom, "means": means, "answer": answer}
    _noted(ctx, operator, password_file, incident, at, kept, as_json)


@group.command()
def notice(
    ctx: typer.Context, operator: Operator,
    text: Annotated[str | None, typer.Argument(help="what is shown; without it the notice is taken down")] = None,
    password_file: PasswordFile = None,
) -> None:  # fmt: skip
    """What the band of every window and the halls' screens say; nothing about patients."""
    from fallback_server.store.mode_switch import announce
    from fallback_server.windows.console.api.record import NoticeRequest

    body = checked(NoticeRequest, {"text": text}, {"text": "TEXT"})
    _writing(ctx, operator, password_file, SWITCH, lambda tx, _policy: announce(tx, body.text))
    Output(False).say(f"notice: {body.text}" if body.text else "notice: taken down")


@group.command()
def timeline(
    ctx: typer.Context, incident: Incident = None,
    only: Annotated[str | None, typer.Option(help="people, switch, windows, centre or return")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="lines")] = 100,
    cursor: Annotated[str, typer.Option(help="next_cursor of the page before")] = "", as_json: Json = False,
) -> None:  # fmt: skip
    """What happened, newest first."""
    from fallback_server.acts import timeline as lines
    from fallback_server.domain.timeline import GROUPS

    if only is not None and only not in GROUPS:
        raise Misuse(f"--only {only}: must be one of {', '.join(GROUPS)}")
    out, found = Output(as_json), instance(ctx)
    with found.store() as store, store.reading() as tx:
        number = chosen(tx.conn, incident or tx.mode.incident_no)
        page = lines.page(tx, found.policy, number, only=only, cursor=cursor, limit=limit)
    rows = [[one["at"][5:19].replace("T", " "), one["zh"], one["operator_code"]] for one in page["items"]]
    out.table(f"经过 · timeline {number}", ["at", "what", "by"], rows)
    if page["next_cursor"]:
        out.say(f"more: --cursor {page['next_cursor']}")
    out.document(page)


@group.command(name="record")
def show_record(ctx: typer.Context, incident: Incident = None, as_json: Json = False) -> None:
    """Grade, who must be told by when, calls, measures, stored reports."""
    from fallback_server.windows.console.queries.record import record

    out, found = Output(as_json), instance(ctx)
    with found.store() as store, store.reading() as tx:
        kept = record(tx, found.policy, chosen(tx.conn, incident or tx.mode.incident_no))
    out.say(f"incident {kept['incident_no']}: {kept['grade']['zh']} · {kept['grade']['en']}")
    rows = [[one["minutes"], one["due_at"][11:16], one["zh"], one["state"], one["told_at"]] for one in kept["timers"]]
    out.table("须告知 · to be told", ["minutes", "by", "whom", "state", "told at"], rows, right=[0])
    rows = [[one["id"], one["text"], one["responsible"], one["due_on"], one["done_at"]] for one in kept["measures"]]
    out.table("措施 · measures", ["id", "measure", "responsible", "due", "done"], rows)
    rows = [[one["number"], one["stage"], one["at"], one["content_hash"][:12]] for one in kept["reports"]]
    out.table("报告 · reports", ["number", "stage", "made", "hash"], rows, right=[0])
    if kept["report_due"] and not kept["final"]:
        out.say(f"report due by {kept['report_due'][:16]}{' (overdue)' if kept['report_overdue'] else ''}")
    out.document(kept)


@group.command()
def analysis(
    ctx: typer.Context, operator: Operator, cause: Annotated[str, typer.Option(help="why it happened")],
    lessons: Annotated[str, typer.Option(help="what was learned")], incident: Incident = None,
    password_file: PasswordFile = None,
) -> None:  # fmt: skip
    """Cause and lessons; written again, the last one counts."""
    from fallback_server.acts import incident_record
    from fallback_server.windows.console.api.record import AnalysisRequest

    given = {"cause_analysis": cause, "lessons": lessons}
    body = checked(AnalysisRequest, given, {"cause_analysis": "--cause"})
    number = _writing(
        ctx, operator, password_file, DECIDE,
        lambda tx, _policy: incident_record.analyse(
            tx, _of(tx, incident), body.cause_analysis, body.lessons
        )["incident_no"],
    )  # fmt: skip
    Output(False).say(f"incident {number}: cause and lessons written down by {operator}")


@group.command()
def measure(
    ctx: typer.Context, text: Text, operator: Operator,
    responsible: Annotated[str, typer.Option(help="who does it")],
    due: Annotated[str, typer.Option(help="by when, YYYY-MM-DD")], incident: Incident = None,
    password_file: PasswordFile = None, as_json: Json = False,
) -> None:  # fmt: skip
    """What will be done so that it does not happen again."""
    from fallback_server.acts import incident_record
    from fallback_server.windows.console.api.record import MeasureRequest

    given = {"text": text, "responsible": responsible, "due_on": due}
    body, out = checked(MeasureRequest, given, _MEASURE), Output(as_json)
    made = _writing(
        ctx, operator, password_file, DECIDE,
        lambda tx, _policy: incident_record.measure(tx, _of(tx, incident), body.text, body.responsible, body.due_on),
    )  # fmt: skip
    out.say(f"measure {made['id']}: {made['responsible']}, by {made['due_on']}")
    out.document(made)


@group.command(name="measure-move")
def measure_move(
    ctx: typer.Context, number: MeasureNumber, operator: Operator,
    note: Annotated[str, typer.Option(help="why")],
    due: Annotated[str | None, typer.Option(help="the new day, YYYY-MM-DD")] = None,
    responsible: Annotated[str | None, typer.Option(help="who does it now")] = None,
    password_file: PasswordFile = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Give a measure another day, or to somebody else."""
    from fallback_server.acts import incident_record
    from fallback_server.windows.console.api.record import MeasureMoveRequest

    given = {"due_on": due, "responsible": responsible, "note": note}
    body, out = checked(MeasureMoveRequest, given, _MEASURE), Output(as_json)
    moved = _writing(
        ctx, operator, password_file, DECIDE,
        lambda tx, _policy: incident_record.measure_moved(
            tx, number, body.note, due_on=body.due_on, responsible=body.responsible
        ),
    )  # fmt: skip
    out.say(f"measure {number}: {moved['responsible']}, by {moved['due_on']}")
    out.document(moved)


@group.command(name="measure-done")
def measure_done(
    ctx: typer.Context, number: MeasureNumber, operator: Operator,
    how: Annotated[str, typer.Option("--note", help="how it was done")],
    password_file: PasswordFile = None,
) -> None:  # fmt: skip
    """A measure is done."""
    from fallback_server.acts import incident_record
    from fallback_server.windows.console.api.record import MeasureDoneRequest

    body = checked(MeasureDoneRequest, {"note": how})
    _writing(
        ctx, operator, password_file, DECIDE, lambda tx, _policy: incident_record.measure_done(tx, number, body.note)
    )  # fmt: skip
    Output(False).say(f"measure {number}: done")


@group.command()
def report(
    ctx: typer.Context, operator: Operator, incident: Incident = None,
    final: Annotated[bool, typer.Option("--final", help="make it final under your name, for ever")] = False,
    out_file: Annotated[Path | None, typer.Option("--out", help="write it to FILE.json, FILE.html or FILE.pdf")] = None,
    language: Annotated[str, typer.Option(help="zh or en, of the page and the PDF")] = "zh",
    password_file: PasswordFile = None, as_json: Json = False,
) -> None:  # fmt: skip
    """The incident report: the newest stored one, or the draft as of now before there is one."""
    from clients.console import report_file
    from fallback_server.acts import incident_report
    from fallback_server.web.routes import READ_EVERYTHING

    if out_file is not None and out_file.suffix not in report_file.KINDS:
        raise Misuse(f"--out {out_file}: must end in {', '.join(report_file.KINDS)}")
    out, found = Output(as_json), instance(ctx)
    with found.store() as store:
        actor = acting(store, operator, DECIDE if final else {*DECIDE, *READ_EVERYTHING}, Passwords(password_file))
        with store.reading(actor) as tx:
            number = _of(tx, incident)
        if final:
            from fallback_server.domain.modes import Permit

            with store.reading(actor) as tx:
                ready = incident_report.ready_to_finish(tx, found.policy, number)
            with store.writing(Permit.HOUSEKEEPING, actor) as tx:
                incident_report.finish(tx, number, ready)
        with store.reading(actor) as tx:
            made = incident_report.shown(tx, found.policy, number)
        if out_file is not None:
            report_file.write(found, store, actor, made, out_file, language)
    what = f"no. {made['number']}, {made['stage']}" if made["number"] else "draft"
    out.say(f"incident {number}: report {what}{f', {out_file}' if out_file else ''}")
    if made["content_hash"]:
        out.say(f"hash {made['content_hash']}; audit head {made['audit_sequence']} {made['audit_hash']}")
    out.document(made)


def _of(tx: Tx, incident: int | None) -> int:
    return chosen(tx.conn, incident or tx.mode.incident_no)


def _noted(
    ctx: typer.Context, operator: str, password_file: Path | None, incident: int | None, at: str | None,
    kept: dict[str, Any], as_json: bool,
) -> None:  # fmt: skip
    from fallback_server.acts import incident_record
    from fallback_server.windows.console.api.record import NoteRequest

    given = {**kept, "happened_at": _moment(instance(ctx).clock.now(), at)}
    body = checked(NoteRequest, given, {"text": "TEXT", "whom": "WHOM", "happened_at": "--at"})
    if body.amends is not None and not re.fullmatch(r"[0-9]{1,9}", body.amends):
        raise Misuse(f"--amends {body.amends}: is not the id of a note")
    said = {**body.model_dump(), "amends": int(body.amends) if body.amends else None}
    made = _writing(
        ctx, operator, password_file, DECIDE,
        lambda tx, policy: incident_record.note(tx, policy, _of(tx, incident), **said),
    )  # fmt: skip
    out = Output(as_json)
    out.say(f"note {made['id']}: {made['happened_at'][11:16]} {made['whom'] or ''} {made['text']}")
    out.document(made)


def _writing(
    ctx: typer.Context, operator: str, password_file: Path | None, roles: tuple[str, ...],
    work: Callable[[Tx, Policy], Any],
) -> Any:  # fmt: skip
    """Do one act as this person, in one transaction."""
    from fallback_server.domain.modes import Permit

    found = instance(ctx)
    with found.store() as store:
        actor = acting(store, operator, roles, Passwords(password_file))
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            return work(tx, found.policy)


def _moment(now: datetime, at: str | None) -> str | None:
    """`HH:MM` is the last one there was at the hospital: just after midnight 23:50 is yesterday's. Anything else is
    handed on as it is."""
    from fallback_server.domain.incident_record import AHEAD_SECONDS

    if at is None or not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", at):
        return at
    hour, minute = map(int, at.split(":"))
    moment = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if moment > now + timedelta(seconds=AHEAD_SECONDS):
        moment -= timedelta(days=1)
    return moment.isoformat(timespec="milliseconds")
