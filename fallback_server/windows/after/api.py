"""Routes of the time after a return: what is left to do in the HIS, and the word of a person that it is done."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictStr

from fallback_server.acts import aftercare
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.web.routes import Api, Body, Call

api = Api("after")

LOOKERS = ("duty", "auditor")
Note = Annotated[StrictStr, Field(min_length=1, max_length=500)]


class ListQuery(Body):
    """What is open, or what is done; of one incident or of all."""

    state: Literal["open", "done"] = "open"
    incident_no: Annotated[int, Field(ge=1, le=999_999_999)] | None = None
    pharmacy_code: Annotated[str, Field(max_length=64)] | None = None
    department_code: Annotated[str, Field(max_length=64)] | None = None
    q: Annotated[str, Field(max_length=64)] = ""
    limit: Annotated[int, Field(ge=1, le=500)] = 200


class DoneRequest(Body):
    """How it was done."""

    note: Note


class KeyedRequest(Body):
    """Something to remember, if there is anything."""

    note: Note | None = None


class ExchangeRequest(Body):
    """The number of the formal receipt."""

    formal_no: Annotated[StrictStr, Field(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]
    note: Note | None = None


class WishDoneRequest(Body):
    """What was done about it in the HIS."""

    how: Note


@api.get(
    "/after/dispensing", summary="Prescriptions handed over here, to be dispensed in the HIS", query=ListQuery,
    roles=("pharmacist", *LOOKERS),
)  # fmt: skip
def show_dispensing(call: Call) -> Any:
    query: ListQuery = call.query
    items = aftercare.dispensing(
        call.tx, incident_no=query.incident_no, done=query.state == "done", pharmacy_code=query.pharmacy_code,
        limit=query.limit,
    )  # fmt: skip
    return {"items": items}


@api.post(
    "/prescriptions/{prescription_id}/dispensed", summary="Say that it is dispensed in the HIS, or needs not be",
    roles=("pharmacist",), permit=Permit.HOUSEKEEPING, body=DoneRequest,
)  # fmt: skip
def mark_dispensed(call: Call) -> Any:
    return aftercare.mark_dispensed(call.tx, call.path["prescription_id"], call.body.note)


@api.get(
    "/after/receipts", summary="Temporary receipts to be exchanged for formal ones", query=ListQuery,
    roles=("cashier", "registrar", *LOOKERS),
)  # fmt: skip
def show_receipts(call: Call) -> Any:
    query: ListQuery = call.query
    done = query.state == "done"
    items = aftercare.receipts(call.tx, incident_no=query.incident_no, done=done, q=query.q, limit=query.limit)
    return {"items": items}


@api.post(
    "/charges/{charge_id}/exchange", summary="The temporary receipt was exchanged for a formal one",
    roles=("cashier", "registrar"), permit=Permit.HOUSEKEEPING, body=ExchangeRequest, status=201,
)  # fmt: skip
def exchange(call: Call) -> Any:
    return aftercare.exchange(call.tx, call.path["charge_id"], call.body.formal_no, call.body.note)


@api.get(
    "/after/queue", summary="Visits whose state the HIS does not know yet", query=ListQuery, roles=("triage", *LOOKERS)
)
def show_hall(call: Call) -> Any:
    query: ListQuery = call.query
    return {"items": aftercare.hall(call.tx, incident_no=query.incident_no, department_code=query.department_code)}


@api.post(
    "/triage/queue/{registration_id}/keyed", summary="The state of a visit was keyed in at the HIS", roles=("triage",),
    permit=Permit.HOUSEKEEPING, body=KeyedRequest,
)  # fmt: skip
def mark_keyed(call: Call) -> Any:
    return aftercare.mark_keyed(call.tx, call.path["registration_id"], call.body.note)


@api.get(
    "/after/refund-wishes", summary="Refunds that patients asked for and only the HIS can make", query=ListQuery,
    roles=("cashier", *LOOKERS),
)  # fmt: skip
def show_wishes(call: Call) -> Any:
    query: ListQuery = call.query
    done = query.state == "done"
    return {"items": aftercare.wishes(call.tx, incident_no=query.incident_no, done=done, limit=query.limit)}


@api.post(
    "/refund-wishes/{wish_id}/done", summary="A wish was dealt with in the HIS", roles=("cashier",),
    permit=Permit.HOUSEKEEPING, body=WishDoneRequest,
)  # fmt: skip
def mark_refunded(call: Call) -> Any:
    wish = call.path["wish_id"]
    if not wish.isascii() or not wish.isdigit() or len(wish) > 9:
        raise YjError("not_found")
    return aftercare.mark_refunded(call.tx, int(wish), call.body.how)


@api.get("/after/counts", summary="How much of each is open and done", query=ListQuery)
def show_counts(call: Call) -> Any:
    return aftercare.counts(call.tx, call.query.incident_no)
