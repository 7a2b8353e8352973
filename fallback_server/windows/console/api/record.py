"""Routes of the incident's record: its timeline, notes and calls, announcements, analysis, measures, reports."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, StrictStr, model_validator

from fallback_server.acts import incident_record, incident_report, timeline
from fallback_server.domain.modes import Permit
from fallback_server.store import mode_switch
from fallback_server.web.routes import Api, Body, Call
from fallback_server.windows.console import rules
from fallback_server.windows.console.queries import record

api = Api("console")
CONSOLE = ("admin", "duty", "supervisor", "auditor")
DECIDE = ("admin", "duty", "supervisor")
SWITCH = ("admin", "duty")
Words = Annotated[StrictStr, Field(min_length=1, max_length=2000)]
Short = Annotated[StrictStr, Field(min_length=1, max_length=500)]
Name = Annotated[StrictStr, Field(min_length=1, max_length=64)]


class TimelineQuery(Body):
    """Which lines: of one group, and the page of the list."""

    only: Literal["people", "switch", "windows", "centre", "return"] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = timeline.PAGE
    cursor: Annotated[str, Field(max_length=200)] = ""


class NoteRequest(Body):
    """What happened, who was told, or who told us; with `amends` what of another note was wrong."""

    kind: Literal["note", "told", "heard"] | None = None
    text: Words
    whom: Name | None = None
    means: Literal["phone", "in_person", "message", "radio", "written", "other"] | None = None
    answer: Short | None = None
    happened_at: Annotated[StrictStr, Field(max_length=35)] | None = None
    timer: Name | None = None
    amends: Annotated[StrictStr, Field(max_length=20)] | None = None


class NoticeRequest(Body):
    """What the band and the halls' screens say; null takes it down."""

    text: Annotated[StrictStr, Field(min_length=1, max_length=200)] | None = None


class AnalysisRequest(Body):
    """Why it happened, and what was learned."""

    cause_analysis: Words
    lessons: Words


class MeasureRequest(Body):
    """What will be done so that it does not happen again, by whom and by when."""

    text: Short
    responsible: Name
    due_on: date


class MeasureDoneRequest(Body):
    """How it was done."""

    note: Short


class MeasureMoveRequest(Body):
    """The new day or who does it now, and why."""

    due_on: date | None = None
    responsible: Name | None = None
    note: Short

    @model_validator(mode="after")
    def _something(self) -> MeasureMoveRequest:
        if self.due_on is None and self.responsible is None:
            raise ValueError("one of them is needed: the new day, or who does it now")
        return self


class UntickRequest(Body):
    """Which timer was ticked off wrongly, by its Chinese name, and why."""

    timer: Name
    reason: Short


class ReportQuery(Body):
    """Which report: a stored one by its number, the newest, or the draft as of now."""

    report: Annotated[int, Field(ge=1, le=9999)] | None = None
    draft: bool = False


@api.get("/incidents/{number}/timeline", summary="The timeline, newest first", roles=CONSOLE, query=TimelineQuery)
def show_timeline(call: Call) -> Any:
    number, asked = rules.require_number(call.path["number"]), call.query
    return timeline.page(
        call.tx, call.policy, number, only=asked.only, cursor=asked.cursor, limit=asked.limit
    )  # fmt: skip


@api.get("/incidents/{number}/record", summary="Grades, timers, calls, measures, reports", roles=CONSOLE)
def show_record(call: Call) -> Any:
    return record.record(call.tx, call.policy, rules.require_number(call.path["number"]))


@api.post(
    "/incidents/{number}/notes", summary="Key in a note or a call; it is never changed, only amended", roles=DECIDE,
    permit=Permit.HOUSEKEEPING, body=NoteRequest, status=201,
)  # fmt: skip
def add_note(call: Call) -> Any:
    number, body = rules.require_number(call.path["number"]), call.body
    return incident_record.note(
        call.tx, call.policy, number, kind=body.kind or (None if body.amends else "note"), text=body.text,
        whom=body.whom, means=body.means, answer=body.answer, happened_at=body.happened_at, timer=body.timer,
        amends=rules.require_number(body.amends) if body.amends else None,
    )  # fmt: skip


@api.post(
    "/incidents/{number}/untick", summary="Take back that somebody was told", roles=DECIDE,
    permit=Permit.HOUSEKEEPING, body=UntickRequest,
)  # fmt: skip
def untick(call: Call) -> Any:
    number, body = rules.require_number(call.path["number"]), call.body
    due = incident_record.untick(call.tx, call.policy, number, body.timer, body.reason)
    return {"timers": [incident_report.timer_view(one) for one in due]}


@api.post(
    "/mode/notice", summary="What the band and the halls say", roles=SWITCH, permit=Permit.HOUSEKEEPING,
    body=NoticeRequest,
)  # fmt: skip
def announce(call: Call) -> Any:
    mode_switch.announce(call.tx, call.body.text)
    return {"notice": call.body.text}


@api.post(
    "/incidents/{number}/analysis", summary="Write down the cause and the lessons", roles=DECIDE,
    permit=Permit.HOUSEKEEPING, body=AnalysisRequest, status=201,
)  # fmt: skip
def analyse(call: Call) -> Any:
    number = rules.require_number(call.path["number"])
    return incident_record.analyse(call.tx, number, call.body.cause_analysis, call.body.lessons)


@api.post(
    "/incidents/{number}/measures", summary="Promise a measure, with a name and a day", roles=DECIDE,
    permit=Permit.HOUSEKEEPING, body=MeasureRequest, status=201,
)  # fmt: skip
def add_measure(call: Call) -> Any:
    number, body = rules.require_number(call.path["number"]), call.body
    return incident_record.measure(call.tx, number, body.text, body.responsible, body.due_on)


@api.post(
    "/measures/{measure}/done", summary="Say that a measure is done", roles=DECIDE, permit=Permit.HOUSEKEEPING,
    body=MeasureDoneRequest,
)  # fmt: skip
def end_measure(call: Call) -> Any:
    return incident_record.measure_done(call.tx, rules.require_number(call.path["measure"]), call.body.note)


@api.post(
    "/measures/{measure}/move", summary="Give a measure another day, or to somebody else", roles=DECIDE,
    permit=Permit.HOUSEKEEPING, body=MeasureMoveRequest,
)  # fmt: skip
def move_measure(call: Call) -> Any:
    key, body = rules.require_number(call.path["measure"]), call.body
    return incident_record.measure_moved(call.tx, key, body.note, due_on=body.due_on, responsible=body.responsible)


@api.get("/incidents/{number}/report", summary="The incident report, or its draft", roles=CONSOLE, query=ReportQuery)
def show_report(call: Call) -> Any:
    number = rules.require_number(call.path["number"])
    return incident_report.shown(call.tx, call.policy, number, call.query.report, draft=call.query.draft)


def _compute_report(call: Call) -> Any:
    return incident_report.ready_to_finish(call.tx, call.policy, rules.require_number(call.path["number"]))


@api.post(
    "/incidents/{number}/report", summary="Make the report final; it stays as it is", roles=DECIDE,
    permit=Permit.HOUSEKEEPING, status=201, before=_compute_report,
)  # fmt: skip
def finish_report(call: Call) -> Any:
    return incident_report.finish(call.tx, rules.require_number(call.path["number"]), call.ready)
