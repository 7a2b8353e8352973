"""Routes of the triage desk: the two lanes of the hall."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import request
from pydantic import Field

from fallback_server.acts import marks, masters
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.web.behind import asked_by_door
from fallback_server.web.routes import PUBLIC, Api, Body, Call
from fallback_server.windows.triage import queries, usecases

api = Api("triage")

Text64 = Annotated[str, Field(min_length=1, max_length=64)]
Status = Literal["waiting", "paused", "called", "seen", "absent"]


class QueueQuery(Body):
    """Whose queue."""

    department_code: Text64 | None = None
    staff_code: Text64 | None = None
    status: Status | None = None


class MoveRequest(Body):
    """The state a visit gets; the nurse may send it to another door or doctor with it."""

    status: Status
    department_code: Text64 | None = None
    staff_code: Text64 | None = None


class HallQuery(Body):
    """Whose waiting hall."""

    department_code: Text64


class ResumeRequest(Body):
    """Whose paused patients may wait now."""

    department_code: Text64


@api.get("/triage/queue", summary="Two lanes: the centre's patients and YJ patients", query=QueueQuery)
def show_queue(call: Call) -> Any:
    return queries.lanes(call.tx, call.query.department_code, call.query.staff_code, call.query.status)


# A screen on a wall logs nobody in: numbers and masked names, nothing that is not called out in the hall anyway.
@api.get("/triage/display", summary="The waiting hall's screen", roles=PUBLIC, query=HallQuery)
def show_hall(call: Call) -> Any:
    return queries.hall(call.tx, call.query.department_code)


@api.get("/triage/marks", summary="For the front door: departments with a mark of their queue", roles=PUBLIC)
def show_marks(call: Call) -> Any:
    if not asked_by_door(request.environ):
        raise YjError("not_found")
    return marks.of_halls(call.tx)


@api.get("/departments/{department_code}/doctors", summary="The doctors of a department")
def show_doctors(call: Call) -> Any:
    return {"items": masters.doctors(call.tx, call.path["department_code"])}


@api.post(
    "/triage/queue/resume-all", summary="Resume all paused patients of a department", roles=("triage",),
    permit=Permit.AFTERCARE, body=ResumeRequest,
)  # fmt: skip
def resume_all(call: Call) -> Any:
    return usecases.resume_all(call.tx, call.body.department_code)


# The doctor calls and dismisses his own patients where no nurse sits before the door.
@api.post(
    "/triage/queue/{registration_id}", summary="Move a visit in the queue", roles=("triage", "doctor"),
    permit=Permit.AFTERCARE, body=MoveRequest,
)  # fmt: skip
def move(call: Call) -> Any:
    body: MoveRequest = call.body
    return usecases.move(call.tx, call.path["registration_id"], body.status, body.department_code, body.staff_code)
