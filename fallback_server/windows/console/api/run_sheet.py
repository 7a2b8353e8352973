"""Routes of the run-sheet: the return step by step, and the ticks of named people."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StrictStr

from fallback_server.acts import run_sheet
from fallback_server.domain.modes import Permit
from fallback_server.web.routes import Api, Body, Call
from fallback_server.windows.console import rules, usecases

api = Api("console")
CONSOLE = ("admin", "duty", "supervisor", "auditor")
DECIDE = ("admin", "duty", "supervisor")


class TickRequest(Body):
    """What was seen or said; it stands on the sheet beside the name."""

    note: Annotated[StrictStr, Field(min_length=1, max_length=500)]


@api.get("/incidents/{number}/run-sheet", summary="The return step by step", roles=CONSOLE)
def show_run_sheet(call: Call) -> Any:
    number = rules.require_number(call.path["number"])
    return {"incident_no": number, "steps": run_sheet.shown(call.tx, number)}


@api.post(
    "/incidents/{number}/run-sheet/{step}", summary="Tick a step that the system cannot see", roles=DECIDE,
    permit=Permit.HOUSEKEEPING, body=TickRequest, status=201,
)  # fmt: skip
def tick(call: Call) -> Any:
    number = rules.require_number(call.path["number"])
    usecases.tick(call.tx, number, call.path["step"], call.body.note)
    return {"incident_no": number, "steps": run_sheet.shown(call.tx, number)}


@api.post(
    "/incidents/{number}/run-sheet/{step}/undo", summary="Take a tick back", roles=DECIDE,
    permit=Permit.HOUSEKEEPING, body=TickRequest,
)  # fmt: skip
def take_tick_back(call: Call) -> Any:
    number = rules.require_number(call.path["number"])
    usecases.take_tick_back(call.tx, number, call.path["step"], call.body.note)
    return {"incident_no": number, "steps": run_sheet.shown(call.tx, number)}
