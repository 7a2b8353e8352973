"""Routes of the doctor's window: prescriptions and orders."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StrictInt, WithJsonSchema

from fallback_server.acts.billables import ORDERS, PRESCRIPTIONS
from fallback_server.domain.clock import from_text
from fallback_server.domain.modes import Permit
from fallback_server.web.routes import Api, Body, Call
from fallback_server.windows.doctor import queries, usecases

api = Api("doctor")

MAX_LINES, MAX_QUANTITY = 50, 99_999
Text64 = Annotated[str, Field(min_length=1, max_length=64)]
Text32 = Annotated[str, Field(min_length=1, max_length=32)]
Text500 = Annotated[str, Field(min_length=1, max_length=500)]
Quantity = Annotated[StrictInt, Field(ge=1, le=MAX_QUANTITY)]


def _number_as_text(value: object) -> object:
    # A dose is printed as it was written: 0.5 and "0.5" are the same words on the form.
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _aware(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("RFC 3339")
    return from_text(value)


Dose = Annotated[Text32, BeforeValidator(_number_as_text), WithJsonSchema({"type": ["string", "number"]})]
Kind = Literal["western", "patent", "herbal"]
# Codes of the warnings that the writer was shown and went on after; kept in the audit.
Acknowledged = Annotated[list[Text64], Field(max_length=20, default_factory=list)]
Moment = Annotated[datetime, BeforeValidator(_aware)]


class DrugLine(Body):
    """One drug of a prescription."""

    drug_code: Text64
    quantity: Quantity
    dose: Dose | None = None
    dose_unit: Text32 | None = None
    usage: Text32 | None = None
    frequency: Text32 | None = None
    days: Annotated[StrictInt, Field(ge=1, le=365)] | None = None
    note: Annotated[str, Field(max_length=200)] | None = None


class PaperForm(Body):
    """The paper prescription that is keyed in: whose, and written when."""

    staff_code: Text64
    written_at: Moment


class PrescriptionRequest(Body):
    """A prescription; prices and the total are the server's."""

    registration_id: Text64
    kind: Kind
    diagnoses: Annotated[list[Text64], Field(max_length=20, default_factory=list)]
    lines: Annotated[list[DrugLine], Field(min_length=1, max_length=MAX_LINES)]
    paper: PaperForm | None = None
    acknowledged: Acknowledged


class PrescriptionQuote(Body):
    """The same before it is written."""

    registration_id: Text64
    kind: Kind
    diagnoses: Annotated[list[Text64], Field(max_length=20, default_factory=list)]
    lines: Annotated[list[DrugLine], Field(min_length=1, max_length=MAX_LINES)]


class OrderLine(Body):
    """One item of an order."""

    item_code: Text64
    quantity: Quantity


class OrderRequest(Body):
    """An order; prices and the total are the server's."""

    registration_id: Text64
    lines: Annotated[list[OrderLine], Field(min_length=1, max_length=MAX_LINES)]
    acknowledged: Acknowledged


class OrderQuote(Body):
    """The same before it is written."""

    registration_id: Text64
    lines: Annotated[list[OrderLine], Field(min_length=1, max_length=MAX_LINES)]


class DrugQuery(Body):
    """What was typed, and on which form it shall stand."""

    q: Annotated[str, Field(max_length=128)] = ""
    kind: Kind = "western"
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class NoBody(Body):
    """Nothing to say."""


class CancelRequest(Body):
    """Why it is cancelled."""

    reason: Text500


class PrescriptionQuery(Body):
    """Which prescriptions; without patient, visit or number those of today and yesterday."""

    registration_id: Text64 | None = None
    patient_id: Text64 | None = None
    number: Text64 | None = None
    pharmacy_code: Text64 | None = None
    status: Literal["unpaid", "paid", "dispensed", "refunded", "cancelled"] | None = None


class OrderQuery(Body):
    """Which orders; without patient, visit or number those of today and yesterday."""

    registration_id: Text64 | None = None
    patient_id: Text64 | None = None
    number: Text64 | None = None
    status: Literal["unpaid", "paid", "executed", "refunded", "cancelled"] | None = None


@api.post(
    "/prescriptions", summary="Write a prescription, or key in a paper one", roles=("doctor", "cashier"),
    permit=Permit.DOCUMENT, body=PrescriptionRequest, status=201,
)  # fmt: skip
def write_prescription(call: Call) -> Any:
    body: PrescriptionRequest = call.body
    lines = _drug_lines(body.lines)
    paper = usecases.Paper(body.paper.staff_code, body.paper.written_at) if body.paper else None
    return usecases.prescribe(
        call.tx, call.policy, call.key, body.registration_id, body.kind, body.diagnoses, lines, paper, body.acknowledged
    )


def _drug_lines(lines: list[DrugLine]) -> list[usecases.NewLine]:
    return [
        usecases.NewLine(line.drug_code, line.quantity, line.model_dump(exclude={"drug_code", "quantity"}))
        for line in lines
    ]


@api.ask(
    "/prescriptions/quote", summary="What a prescription would cost and be warned of", roles=("doctor",),
    body=PrescriptionQuote,
)  # fmt: skip
def quote_prescription(call: Call) -> Any:
    body: PrescriptionQuote = call.body
    return usecases.quote_prescription(
        call.tx, call.policy, body.registration_id, body.kind, body.diagnoses, _drug_lines(body.lines)
    )


@api.get("/doctor/drugs", summary="Drugs for a form, with stock, stopped ones too", roles=("doctor",), query=DrugQuery)
def find_drugs(call: Call) -> Any:
    return queries.find_drugs(call.tx, call.query.q, call.query.kind, call.query.limit)


@api.get("/prescriptions", summary="Prescriptions, ours and the centre's open ones", query=PrescriptionQuery)
def list_prescriptions(call: Call) -> Any:
    return queries.list_prescriptions(call.tx, call.query.model_dump())


@api.get("/prescriptions/{prescription_id}", summary="One prescription", looks="look.prescription")
def show_prescription(call: Call) -> Any:
    return queries.one(call.tx, PRESCRIPTIONS, call.path["prescription_id"])


@api.post(
    "/prescriptions/{prescription_id}/cancel", summary="Cancel an unpaid prescription", roles=("doctor", "cashier"),
    permit=Permit.DOCUMENT, body=CancelRequest,
)  # fmt: skip
def cancel_prescription(call: Call) -> Any:
    return usecases.cancel_prescription(call.tx, call.key, call.path["prescription_id"], call.body.reason)


@api.post("/orders", summary="Write an order", roles=("doctor",), permit=Permit.DOCUMENT, body=OrderRequest, status=201)
def write_order(call: Call) -> Any:
    body: OrderRequest = call.body
    return usecases.order(call.tx, call.key, body.registration_id, _order_lines(body.lines), body.acknowledged)


def _order_lines(lines: list[OrderLine]) -> list[usecases.NewLine]:
    return [usecases.NewLine(line.item_code, line.quantity) for line in lines]


@api.ask("/orders/quote", summary="What an order would cost and be warned of", roles=("doctor",), body=OrderQuote)
def quote_order(call: Call) -> Any:
    body: OrderQuote = call.body
    return usecases.quote_order(call.tx, call.key, body.registration_id, _order_lines(body.lines))


@api.post(
    "/orders/{order_id}/prints", summary="Count a print of an order", roles=("doctor", "cashier"),
    permit=Permit.AFTERCARE, body=NoBody, status=201,
)  # fmt: skip
def print_order(call: Call) -> Any:
    return usecases.print_order(call.tx, call.policy, call.path["order_id"])


@api.get("/orders", summary="Orders, ours and the centre's open ones", query=OrderQuery)
def list_orders(call: Call) -> Any:
    return queries.list_orders(call.tx, call.query.model_dump())


@api.get("/orders/{order_id}", summary="One order", looks="look.order")
def show_order(call: Call) -> Any:
    return queries.one(call.tx, ORDERS, call.path["order_id"])


@api.post(
    "/orders/{order_id}/cancel", summary="Cancel an unpaid order", roles=("doctor",), permit=Permit.DOCUMENT,
    body=CancelRequest,
)  # fmt: skip
def cancel_order(call: Call) -> Any:
    return usecases.cancel_order(call.tx, call.key, call.path["order_id"], call.body.reason)
