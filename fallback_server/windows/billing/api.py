"""Routes of the billing window."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StrictInt, StrictStr, model_validator

from fallback_server.acts import charges, receipt_books, receipt_paper, receipts, shifts
from fallback_server.acts.payments import Amount, GivenBack, Method, PaymentIn
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.web.routes import READ_EVERYTHING, Api, Approver, Body, Call
from fallback_server.windows.billing import queries, usecases

api = Api("billing")

CASHIER = ("cashier",)
BOOK_HOLDERS = ("registrar",)  # a cashier and a supervisor are registrars too
LOOKERS = ("registrar", "cashier", "pharmacist")

Id = Annotated[StrictStr, Field(min_length=1, max_length=64)]
Words = Annotated[StrictStr, Field(min_length=1, max_length=200)]
ReceiptNo = Annotated[StrictStr, Field(min_length=1, max_length=40)]
Quantity = Annotated[StrictInt, Field(ge=1, le=9999)]
Number = Annotated[StrictInt, Field(ge=1, le=99_999_999)]


class ItemRequest(Body):
    """A fee item added at the window."""

    item_code: Id
    quantity: Quantity


class QuoteRequest(Body):
    """What is to be charged."""

    registration_id: Id | None = None
    patient_id: Id | None = None
    prescription_ids: Annotated[list[Id], Field(max_length=50, default_factory=list)]
    order_ids: Annotated[list[Id], Field(max_length=50, default_factory=list)]
    lines: Annotated[list[ItemRequest], Field(max_length=100, default_factory=list)]

    def wanted(self) -> queries.Wanted:
        items = [(line.item_code, line.quantity) for line in self.lines]
        return queries.Wanted(self.registration_id, self.patient_id, self.prescription_ids, self.order_ids, items)


class ChargeRequest(QuoteRequest):
    """What is charged, how it is paid, and the total the window showed."""

    payments: Annotated[list[PaymentIn], Field(max_length=10, default_factory=list)]
    expected_total: Amount
    receipt_no: ReceiptNo | None = None


class ChargeQuery(Body):
    """Which charges."""

    registration_id: str | None = None
    patient_id: str | None = None
    receipt_no: str | None = None
    yj_no: str | None = None
    operator: str | None = None
    business_date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class RefundLine(Body):
    """So many pieces of a line."""

    line_id: Id
    quantity: Quantity


class RefundRequest(Body):
    """What is given back; no lines means all that remains, no payments the way it came."""

    lines: Annotated[list[RefundLine], Field(min_length=1, max_length=200)] | None = None
    payments: Annotated[list[GivenBack], Field(max_length=10)] | None = None
    reason: Words
    approver: Approver | None = None


class RefundQuestion(Body):
    """What would be given back."""

    lines: Annotated[list[RefundLine], Field(min_length=1, max_length=200)] | None = None
    payments: Annotated[list[GivenBack], Field(max_length=10)] | None = None


class ReissueRequest(Body):
    """Why the receipt did not come out; the number now in the printer may be sent along."""

    reason: Words
    receipt_no: ReceiptNo | None = None


class NoBody(Body):
    """Nothing to say."""


class ConfirmRequest(Body):
    """The number on the paper in the printer, bare or as printed."""

    next_no: Number | ReceiptNo


class VoidRequest(Body):
    """Sheets that were spoilt before use."""

    from_no: Number | ReceiptNo
    to_no: Number | ReceiptNo
    reason: Words
    approver: Approver | None = None


class BookRequest(Body):
    """A book handed to an operator."""

    operator: Id
    prefix: Annotated[StrictStr, Field(max_length=8, pattern=r"^[A-Za-z0-9-]*$")]
    start_no: Number
    end_no: Number


class ShiftOpenRequest(Body):
    """What is in the drawer and what was in hand when the HIS died."""

    float: Amount
    his_cash_kept_apart: Amount | None = None
    last_his_receipt_no: ReceiptNo | None = None
    act_in_hand: Annotated[StrictStr, Field(max_length=500)] | None = None


class Counted(Body):
    """What was counted of one method."""

    method: Method
    amount: Amount


class ShiftCloseRequest(Body):
    """The count at the end."""

    counted: Annotated[list[Counted], Field(max_length=10)]

    @model_validator(mode="after")
    def _each_method_once(self) -> ShiftCloseRequest:
        if len({one.method for one in self.counted}) != len(self.counted):
            raise ValueError("a method is counted once")
        return self


class ShiftQuery(Body):
    """Whose shifts: one's own, or another's for those who read everything."""

    operator: str | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 20


class WishRequest(Body):
    """A refund that only the HIS can make: the receipt number, or what else names the charge."""

    receipt_no: ReceiptNo | None = None
    charge_id: Id | None = None
    reason: Words

    @model_validator(mode="after")
    def _names_something(self) -> WishRequest:
        if self.receipt_no is None and self.charge_id is None:
            raise ValueError("receipt_no or charge_id")
        return self


# --- charges ---------------------------------------------------------------------------------------------------------
@api.ask("/charges/quote", summary="What a charge would come to", roles=CASHIER, body=QuoteRequest)
def quote(call: Call) -> Any:
    return queries.quote(call.tx, call.policy, call.body.wanted())


@api.post("/charges", summary="Charge", roles=CASHIER, permit=Permit.DOCUMENT, body=ChargeRequest, status=201)
def charge(call: Call) -> Any:
    body: ChargeRequest = call.body
    return usecases.charge(
        call.tx, call.policy, call.key, body.wanted(),
        payments=body.payments, expected_total=body.expected_total, receipt_no=body.receipt_no,
    )  # fmt: skip


@api.get("/charges", summary="Charges and refunds, newest first", roles=LOOKERS, query=ChargeQuery)
def find_charges(call: Call) -> Any:
    return queries.find_charges(call.tx, **call.query.model_dump())


@api.get("/charges/{charge_id}", summary="One charge or refund", roles=LOOKERS, looks="look.charge")
def show_charge(call: Call) -> Any:
    return charges.get(call.tx, call.path["charge_id"])


@api.ask("/charges/{charge_id}/refund/quote", summary="What a refund would come to", roles=CASHIER, body=RefundQuestion)
def quote_refund(call: Call) -> Any:
    body: RefundQuestion = call.body
    lines = None if body.lines is None else [(line.line_id, line.quantity) for line in body.lines]
    return usecases.preview_refund(call.tx, call.policy, call.path["charge_id"], lines=lines, payments=body.payments)


@api.post(
    "/charges/{charge_id}/refund", summary="Refund whole or part", roles=CASHIER, permit=Permit.DOCUMENT,
    body=RefundRequest, status=201, acts=("refund",),
)  # fmt: skip
def refund(call: Call) -> Any:
    body: RefundRequest = call.body
    lines = None if body.lines is None else [(line.line_id, line.quantity) for line in body.lines]
    return usecases.refund(
        call.tx, call.policy, call.key, call.path["charge_id"], lines=lines, payments=body.payments, reason=body.reason
    )


@api.post(
    "/charges/{charge_id}/reissue", summary="A new receipt number after a paper jam", roles=BOOK_HOLDERS,
    permit=Permit.DOCUMENT, body=ReissueRequest, status=201,
)  # fmt: skip
def reissue(call: Call) -> Any:
    body: ReissueRequest = call.body
    return receipts.reissue(call.tx, call.policy, call.key, call.path["charge_id"], body.reason, body.receipt_no)


@api.post(
    "/charges/{charge_id}/prints", summary="Count a print of a receipt or refund slip", roles=BOOK_HOLDERS,
    permit=Permit.AFTERCARE, body=NoBody, status=201,
)  # fmt: skip
def print_charge(call: Call) -> Any:
    return usecases.print_charge(call.tx, call.policy, call.path["charge_id"])


@api.post(
    "/refund-wishes", summary="Record a refund that only the HIS can make", roles=CASHIER, permit=Permit.DOCUMENT,
    body=WishRequest, status=201,
)  # fmt: skip
def wish_refund(call: Call) -> Any:
    body: WishRequest = call.body
    return usecases.wish_refund(call.tx, body.receipt_no or body.charge_id or "", body.reason)


@api.get("/refund-wishes", summary="Refunds to be made in the HIS", roles=CASHIER)
def show_wishes(call: Call) -> Any:
    return {"items": queries.refund_wishes(call.tx)}


# --- receipt books ---------------------------------------------------------------------------------------------------
@api.get("/receipt-book", summary="Own receipt book and next number", roles=BOOK_HOLDERS)
def show_book(call: Call) -> Any:
    return receipt_books.shown(call.tx, call.policy)


@api.post(
    "/receipt-book/confirm", summary="Go forward to the number in the printer", roles=BOOK_HOLDERS,
    permit=Permit.DOCUMENT, body=ConfirmRequest,
)  # fmt: skip
def confirm_book(call: Call) -> Any:
    return receipt_paper.confirm(call.tx, call.policy, call.body.next_no)


@api.post(
    "/receipt-book/leave", summary="Leave the books of the HIS with it: their holder works on both sides",
    roles=BOOK_HOLDERS, permit=Permit.DOCUMENT, body=NoBody,
)  # fmt: skip
def leave_book(call: Call) -> Any:
    return receipt_paper.leave(call.tx, call.policy)


@api.post(
    "/receipt-book/void", summary="Make unused sheets void", roles=BOOK_HOLDERS, permit=Permit.DOCUMENT,
    body=VoidRequest, status=201, acts=("void",),
)  # fmt: skip
def void_sheets(call: Call) -> Any:
    body: VoidRequest = call.body
    return receipt_paper.void(call.tx, call.policy, call.key, body.from_no, body.to_no, body.reason)


@api.post(
    "/receipt-books", summary="Give an operator a receipt book", roles=("supervisor",), permit=Permit.HOUSEKEEPING,
    body=BookRequest, status=201,
)  # fmt: skip
def issue_book(call: Call) -> Any:
    body: BookRequest = call.body
    return receipt_paper.issue(call.tx, call.policy, body.operator, body.prefix, body.start_no, body.end_no)


# --- shifts ----------------------------------------------------------------------------------------------------------
@api.post(
    "/shifts/open", summary="Open one's shift", roles=BOOK_HOLDERS, permit=Permit.DOCUMENT, body=ShiftOpenRequest,
    status=201,
)  # fmt: skip
def open_shift(call: Call) -> Any:
    body: ShiftOpenRequest = call.body
    return shifts.start(
        call.tx,
        call.key,
        float_amount=body.float,
        his_cash_kept_apart=body.his_cash_kept_apart,
        last_his_receipt_no=body.last_his_receipt_no,
        act_in_hand=body.act_in_hand,
    )


@api.post(
    "/shifts/close", summary="Close one's shift: the hand-over sheet", roles=BOOK_HOLDERS, permit=Permit.AFTERCARE,
    body=ShiftCloseRequest,
)  # fmt: skip
def close_shift(call: Call) -> Any:
    return shifts.end(call.tx, [(one.method, one.amount) for one in call.body.counted])


@api.get("/shifts", summary="Shifts, newest first", roles=BOOK_HOLDERS, query=ShiftQuery)
def list_shifts(call: Call) -> Any:
    operator = call.query.operator or call.tx.who.operator_code
    _require_own(call, operator)
    return {"items": queries.shift_list(call.tx, operator, call.query.limit)}


@api.get("/shifts/{shift_id}", summary="A shift with its hand-over sheet", roles=BOOK_HOLDERS)
def show_shift(call: Call) -> Any:
    shift = shifts.get(call.tx, call.path["shift_id"])
    _require_own(call, shift["operator"]["code"])
    return shift


@api.post(
    "/shifts/{shift_id}/prints", summary="Count a print of a hand-over sheet", roles=BOOK_HOLDERS,
    permit=Permit.AFTERCARE, body=NoBody, status=201,
)  # fmt: skip
def print_shift(call: Call) -> Any:
    _require_own(call, shifts.get(call.tx, call.path["shift_id"])["operator"]["code"])
    return usecases.print_shift(call.tx, call.path["shift_id"])


def _require_own(call: Call, operator: str) -> None:
    if operator != call.tx.who.operator_code and not call.tx.who.roles & READ_EVERYTHING:
        raise YjError("forbidden", roles=", ".join(sorted(READ_EVERYTHING)))
