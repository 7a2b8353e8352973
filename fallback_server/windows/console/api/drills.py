"""Routes of the console about drills: plans, findings, the rehearsal of the return, the self-test, certificates."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from fallback_server.domain.modes import Permit
from fallback_server.store import drills
from fallback_server.web.routes import Api, Body, Call
from fallback_server.windows.console import rules, usecases
from fallback_server.windows.console.queries import drills as queries

api = Api("console")
SWITCH = ("admin", "duty")
CONSOLE = ("admin", "duty", "supervisor", "auditor")
FINDERS = ("admin", "duty", "supervisor")
Name = Annotated[str, Field(min_length=1, max_length=64)]
Names = Annotated[list[Name], Field(max_length=200)]
Reason = Annotated[str, Field(min_length=1, max_length=500)]


def _day(text: str) -> str:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError("YYYY-MM-DD")
    date.fromisoformat(text)  # a day that there is
    return text


def _moment(text: str) -> str:
    _day(text[:10])
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text[11:]) or text[10] not in " T":
        raise ValueError("YYYY-MM-DD HH:MM")
    return text


class DrillPlan(Body):
    """A drill to come: what for, where, with whom, who looks on."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    objectives: Annotated[str, Field(max_length=2000)] = ""
    departments: Annotated[list[Name], Field(min_length=1, max_length=500)] | None = None
    workstations: Names = Field(default=[])
    people: Names = Field(default=[])
    observers: Names = Field(default=[])
    planned_for: Annotated[str, Field(min_length=16, max_length=16), AfterValidator(_moment)] | None = None


class FindingRequest(Body):
    """What somebody saw in a drill, and who puts it right by when."""

    kind: Literal["good", "problem", "idea"]
    text: Annotated[str, Field(min_length=1, max_length=2000)]
    owner: Annotated[str, Field(max_length=128)] = ""
    due_on: Annotated[str, AfterValidator(_day)] | None = None


class FindingDoneRequest(Body):
    """How it was mended."""

    note: Reason


class ReasonRequest(Body):
    """An act that needs a reason."""

    reason: Reason


@api.get("/drills", summary="Every drill, and the last self-tests", roles=CONSOLE)
def show_drills(call: Call) -> Any:
    return {
        "items": [queries.brief(one) for one in drills.listed(call.tx.conn)],
        "self_tests": [queries.self_test(one) for one in drills.self_tests(call.tx.conn)],
    }


@api.get("/drills/{drill}", summary="One drill with its figures and findings", roles=CONSOLE)
def show_drill(call: Call) -> Any:
    return queries.detail(call.tx, rules.require_number(call.path["drill"]))


@api.post(
    "/drills", summary="Plan a drill", roles=SWITCH, permit=Permit.HOUSEKEEPING, body=DrillPlan, status=201
)  # fmt: skip
def plan_drill(call: Call) -> Any:
    return queries.detail(call.tx, usecases.plan_drill(call.tx, **call.body.model_dump()))


@api.post("/drills/{drill}/start", summary="Switch on as this drill", roles=SWITCH, permit=Permit.HOUSEKEEPING)
def start_drill(call: Call) -> Any:
    number = rules.require_number(call.path["drill"])
    drills.start(call.tx, number)
    return queries.detail(call.tx, number)


@api.post(
    "/drills/{drill}/call-off", summary="A drill will not take place", roles=SWITCH, permit=Permit.HOUSEKEEPING,
    body=ReasonRequest,
)  # fmt: skip
def call_drill_off(call: Call) -> Any:
    number = rules.require_number(call.path["drill"])
    drills.call_off(call.tx, number, call.body.reason)
    return queries.detail(call.tx, number)


@api.post(
    "/drills/{drill}/findings", summary="Key in what was found", roles=FINDERS, permit=Permit.HOUSEKEEPING,
    body=FindingRequest, status=201,
)  # fmt: skip
def add_finding(call: Call) -> Any:
    number = rules.require_number(call.path["drill"])
    drills.add_finding(call.tx, number, **call.body.model_dump())
    return queries.detail(call.tx, number)


@api.post(
    "/findings/{finding}/done", summary="Say that a finding of a drill is mended", roles=FINDERS,
    permit=Permit.HOUSEKEEPING, body=FindingDoneRequest,
)  # fmt: skip
def end_finding(call: Call) -> Any:
    number = drills.finding_done(call.tx, rules.require_number(call.path["finding"]), call.body.note)
    return queries.detail(call.tx, number)


@api.post(
    "/drills/{drill}/rehearsals", summary="Try the return against the copy of the centre", roles=SWITCH,
    permit=Permit.HOUSEKEEPING, status=202,
)  # fmt: skip
def ask_rehearsal(call: Call) -> Any:
    return usecases.ask_rehearsal(call.tx, rules.require_number(call.path["drill"]))


@api.post("/drills/{drill}/prints", summary="Count a copy of the certificate", roles=CONSOLE[:3],
          permit=Permit.HOUSEKEEPING, status=201)  # fmt: skip
def print_certificate(call: Call) -> Any:
    return usecases.print_certificate(call.tx, rules.require_number(call.path["drill"]))


@api.post("/self-tests", summary="Run the self-test now", roles=SWITCH, permit=Permit.HOUSEKEEPING, status=202)
def ask_self_test(call: Call) -> Any:
    return usecases.ask_self_test(call.tx)
