"""Routes of the console: the switch, incidents and jobs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool

from fallback_server.acts import partial, standing
from fallback_server.domain.modes import Permit
from fallback_server.store import mode_switch
from fallback_server.web.routes import Api, Approver, Body, Call
from fallback_server.windows.console import queries, rules, usecases

api = Api("console")
SWITCH = ("admin", "duty")
CONSOLE = ("admin", "duty", "supervisor", "auditor")
Reason = Annotated[str, Field(min_length=1, max_length=500)]
Codes = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(min_length=1, max_length=500)]


class EmergencyRequest(Body):
    """Switch on: cause, reason, whole hospital or departments, drill or not."""

    cause: Literal["server", "storage", "network", "software", "database", "maintenance", "other"]
    reason: Reason
    departments: Codes | None = None
    drill: StrictBool = False


class ScopeRequest(Body):
    """The departments in YJ; null is the whole hospital."""

    departments: Codes | None
    reason: Reason


class CoverageQuery(Body):
    """Codes of departments, with commas between them."""

    departments: Annotated[str, Field(min_length=1, max_length=8000)]


class ReturnRequest(Body):
    """Switch off, with or without the upload at once. Needs a second person."""

    upload: StrictBool
    approver: Approver | None = None


class ReasonRequest(Body):
    """An act that needs a reason."""

    reason: Reason


class InsuranceRequest(Body):
    """The insurance platform is down, or up again."""

    down: StrictBool
    reason: Reason


@api.post("/mode/emergency", summary="Switch on", roles=SWITCH, permit=Permit.HOUSEKEEPING, body=EmergencyRequest)
def switch_on(call: Call) -> Any:
    body: EmergencyRequest = call.body
    usecases.switch_on(call.tx, cause=body.cause, reason=body.reason, departments=body.departments, drill=body.drill)
    return _with_warnings(call)


@api.post("/mode/scope", summary="Change the scope", roles=SWITCH, permit=Permit.HOUSEKEEPING, body=ScopeRequest)
def change_scope(call: Call) -> Any:
    usecases.change_scope(call.tx, call.body.departments, call.body.reason)
    return _with_warnings(call)


def _with_warnings(call: Call) -> dict[str, Any]:
    """The mode, and where only some departments are in YJ, or were until now, what is to be done."""
    shown = standing.shown_mode(call.tx, call.policy)
    scope = call.tx.mode.scope
    found = partial.warnings(call.tx, scope)
    return {**shown, "warnings": found} if found or scope is not None else shown


@api.get(
    "/mode/coverage", summary="Would these departments find a cashier and a pharmacy", roles=CONSOLE,
    query=CoverageQuery,
)  # fmt: skip
def coverage(call: Call) -> Any:
    return usecases.coverage(call.tx, [code for code in call.query.departments.split(",") if code])


@api.post(
    "/mode/normal", summary="Switch off (two people)", roles=SWITCH, permit=Permit.HOUSEKEEPING, body=ReturnRequest,
    acts=("mode_normal", "drill_end"),
)  # fmt: skip
def switch_off(call: Call) -> Any:
    call.second_person("drill_end" if call.tx.mode.drill else "mode_normal", str(call.tx.mode.incident_no or ""))
    usecases.switch_off(call.tx, call.policy, upload=call.body.upload)
    return standing.shown_mode(call.tx, call.policy)


@api.post(
    "/mode/release",
    summary="Give the windows back to the HIS",
    roles=SWITCH,
    permit=Permit.HOUSEKEEPING,
    body=ReasonRequest,
)
def release(call: Call) -> Any:
    mode_switch.release(call.tx, call.body.reason)
    return standing.shown_mode(call.tx, call.policy)


@api.post(
    "/mode/insurance",
    summary="Insurance platform down or up",
    roles=SWITCH,
    permit=Permit.HOUSEKEEPING,
    body=InsuranceRequest,
)
def insurance(call: Call) -> Any:
    mode_switch.set_insurance_down(call.tx, call.body.down, call.body.reason)
    return {"insurance_down": call.body.down}


@api.post(
    "/incidents/{number}/confirm",
    summary="The second person's confirmation",
    roles=("admin", "duty", "supervisor"),
    permit=Permit.HOUSEKEEPING,
)
def confirm(call: Call) -> Any:
    number = rules.require_number(call.path["number"])
    mode_switch.confirm_incident(call.tx, number)
    return queries.incident_detail(call.tx, call.policy, number)


@api.get("/incidents", summary="All incidents", roles=CONSOLE)
def show_incidents(call: Call) -> Any:
    return {"items": queries.incidents(call.tx, call.policy)}


@api.get("/incidents/{number}", summary="One incident with its timeline", roles=CONSOLE)
def show_incident(call: Call) -> Any:
    return queries.incident_detail(call.tx, call.policy, rules.require_number(call.path["number"]))


@api.get("/jobs/{job}", summary="What became of a job", roles=CONSOLE)
def show_job(call: Call) -> Any:
    return queries.job_view(call.tx, rules.require_number(call.path["job"]))
