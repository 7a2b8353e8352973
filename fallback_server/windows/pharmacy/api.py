"""Routes of the pharmacy window."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import request
from pydantic import BeforeValidator, Field, StrictInt, StrictStr

from fallback_server.acts import marks
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.web.behind import asked_by_door
from fallback_server.web.routes import PUBLIC, Api, Body, Call
from fallback_server.windows.pharmacy import queries, usecases

api = Api("pharmacy")

PHARMACIST = ("pharmacist",)
Id = Annotated[StrictStr, Field(min_length=1, max_length=64)]


def _line(value: object) -> object:
    return {"line_id": value} if isinstance(value, str) else value


class ListQuery(Body):
    """Which prescriptions; `out`: all of which something is with the patient, whatever else is still to be given."""

    state: Literal["paid", "handed_over", "out", "refunded", "all"] = "paid"
    pharmacy_code: str | None = None
    patient_id: str | None = None
    order: Literal["newest", "queue"] = "newest"
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    q: Annotated[str, Field(max_length=64)] | None = None


class GivenLine(Body):
    """A line handed over: always all of it that is paid and not yet with the patient."""

    line_id: Id


class ReturnedLine(Body):
    """A line taken back, whole or in part."""

    line_id: Id
    quantity: Annotated[StrictInt, Field(ge=1, le=9999)] | None = None


class HandoverRequest(Body):
    """What is given out, and whose second pair of eyes saw it."""

    lines: Annotated[list[Annotated[GivenLine, BeforeValidator(_line)]], Field(min_length=1, max_length=200)] | None = (
        None
    )
    checked_by: Id


class ReturnRequest(Body):
    """What came back, and why."""

    lines: (
        Annotated[list[Annotated[ReturnedLine, BeforeValidator(_line)]], Field(min_length=1, max_length=200)] | None
    ) = None
    reason: Annotated[StrictStr, Field(min_length=1, max_length=200)]


class NoBody(Body):
    """Nothing to say."""


@api.get(
    "/pharmacy/prescriptions", summary="Paid prescriptions, ours and the centre's undispensed ones",
    roles=PHARMACIST, query=ListQuery,
)  # fmt: skip
def show_prescriptions(call: Call) -> Any:
    query: ListQuery = call.query
    wanted = queries.Filter(
        query.state, query.pharmacy_code, query.patient_id, query.order == "queue", query.limit, query.q
    )
    return {"items": queries.listed(call.tx, wanted)}


@api.get("/pharmacy/marks", summary="For the front door: pharmacies with a mark of their list", roles=PUBLIC)
def show_marks(call: Call) -> Any:
    if not asked_by_door(request.environ):
        raise YjError("not_found")
    return marks.of_pharmacies(call.tx)


@api.post(
    "/prescriptions/{prescription_id}/prints", summary="Count a print of a prescription",
    roles=("pharmacist", "doctor", "cashier"), permit=Permit.AFTERCARE, body=NoBody, status=201,
)  # fmt: skip
def print_prescription(call: Call) -> Any:
    return usecases.print_prescription(call.tx, call.policy, call.path["prescription_id"])


@api.post(
    "/prescriptions/{prescription_id}/handover", summary="Drugs were handed over", roles=PHARMACIST,
    permit=Permit.AFTERCARE, body=HandoverRequest, status=201,
)  # fmt: skip
def hand_over(call: Call) -> Any:
    body: HandoverRequest = call.body
    line_ids = None if body.lines is None else [line.line_id for line in body.lines]
    return usecases.hand_over(call.tx, call.key, call.path["prescription_id"], line_ids, body.checked_by)


@api.post(
    "/prescriptions/{prescription_id}/return", summary="Drugs were taken back, so that they can be refunded",
    roles=PHARMACIST, permit=Permit.AFTERCARE, body=ReturnRequest, status=201,
)  # fmt: skip
def take_back(call: Call) -> Any:
    body: ReturnRequest = call.body
    lines = None if body.lines is None else [(line.line_id, line.quantity) for line in body.lines]
    return usecases.take_back(call.tx, call.key, call.path["prescription_id"], lines, body.reason)
