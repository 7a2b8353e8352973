"""What is paid, and whether it adds up: pure rules over the payments of one charge or refund."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from fallback_server.domain import money
from fallback_server.domain.categories import ADJUSTING_METHODS, METHOD_NAMES, PAYMENT_METHODS, SCAN_METHODS
from fallback_server.domain.errors import Named, YjError
from fallback_server.domain.policy import Policy

# A platform that does not answer leaves a payment in doubt; cash never is.
DOUBTABLE: Final = ("bank_card", "wechat", "alipay")
ROUNDING_BELOW: Final = Decimal("1.00")  # rounding drops the small change of a bill, never a bill

Method = Literal["cash", "bank_card", "wechat", "alipay", "other", "rounding", "arrears"]


def _exact(value: object) -> Decimal:
    # Money travels as text: a JSON number has been through a float in somebody's hands.
    if not isinstance(value, (str, Decimal)):
        raise ValueError("money is text with two decimals")
    return money.amount(value)


def _unsigned(value: object) -> Decimal:
    return abs(_exact(value))


_SCHEMA = WithJsonSchema({"type": "string", "pattern": r"^-?\d{1,10}(\.\d{1,2})?$"})
Amount = Annotated[Decimal, BeforeValidator(_exact), Field(ge=0), _SCHEMA]
Positive = Annotated[Decimal, BeforeValidator(_exact), Field(gt=0), _SCHEMA]


class PaymentIn(BaseModel):
    """One payment as a window sends it. `tendered` is the cash put on the counter."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    method: Method
    amount: Positive
    tendered: Positive | None = None
    reference: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    state: Literal["received", "in_doubt"] = "received"


class GivenBack(BaseModel):
    """One payment of a refund as a window sends it; the sign is understood."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    method: Method
    amount: Annotated[Decimal, BeforeValidator(_unsigned), Field(gt=0), _SCHEMA]
    reference: Annotated[str, Field(min_length=1, max_length=64)] | None = None


@dataclass(frozen=True)
class Paid:
    """One payment as the document stores it: `amount` is net of change."""

    payment_no: int
    method: str
    amount: Decimal
    tendered: Decimal | None = None
    reference: str | None = None
    state: str = "received"

    def payload(self) -> dict[str, Any]:
        """As the frozen document carries it."""
        return {
            "payment_no": self.payment_no,
            "method": self.method,
            "amount": money.to_text(self.amount),
            "tendered": None if self.tendered is None else money.to_text(self.tendered),
            "reference": self.reference,
            "state": self.state,
        }


def offered(policy: Policy) -> list[str]:
    """The methods this hospital takes now, in the order in which windows show them."""
    return [method for method in (*PAYMENT_METHODS, *ADJUSTING_METHODS) if method in policy.payment_methods]


def settle(policy: Policy, total: Decimal, payments: Sequence[PaymentIn]) -> tuple[list[Paid], Decimal]:
    """The payments as stored, equal to `total` to the cent, and the change to hand out.

    Only cash may exceed what is due. Raises method_off, invalid_request, payments_mismatch.
    """
    for number, payment in enumerate(payments):
        _check(policy, number, payment)
    excess = money.total(p.amount for p in payments) - total
    last_cash = max((n for n, p in enumerate(payments) if p.method == "cash"), default=None)
    if excess < 0 or (excess > 0 and (last_cash is None or payments[last_cash].amount <= excess)):
        raise _mismatch(total + excess, total)
    paid = [_paid(n, p, excess if n == last_cash else money.ZERO) for n, p in enumerate(payments)]
    return paid, money.total((p.tendered or p.amount) - p.amount for p in paid)


def _check(policy: Policy, number: int, payment: PaymentIn) -> None:
    if payment.method not in policy.payment_methods:
        raise _off(payment.method)
    if payment.method in SCAN_METHODS and payment.reference is None and payment.state == "received":
        raise YjError("invalid_request", field=f"payments.{number}.reference", problem="请填凭证号 / voucher number")
    if payment.state == "in_doubt" and payment.method not in DOUBTABLE:
        raise YjError("invalid_request", field=f"payments.{number}.state", problem="现金不能存疑 / never in doubt")
    if payment.tendered is not None and (payment.method != "cash" or payment.tendered < payment.amount):
        raise YjError("invalid_request", field=f"payments.{number}.tendered", problem="实收小于应收 / less than due")
    if payment.method == "rounding" and payment.amount >= ROUNDING_BELOW:
        raise YjError("invalid_request", field=f"payments.{number}.amount", problem="抹零过大 / too much to round off")


def _paid(number: int, payment: PaymentIn, excess: Decimal) -> Paid:
    tendered = payment.tendered
    if tendered is None and payment.method == "cash":
        tendered = payment.amount
    return Paid(number + 1, payment.method, payment.amount - excess, tendered, payment.reference, payment.state)


def _off(method: str) -> YjError:
    return YjError("method_off", method=Named(method, *METHOD_NAMES[method]))


def _mismatch(paid: Decimal, total: Decimal) -> YjError:
    return YjError("payments_mismatch", paid=money.to_text(paid), total=money.to_text(total))


def give_back(policy: Policy, due: Decimal, held: Sequence[Paid], wanted: Sequence[GivenBack] | None) -> list[Paid]:
    """The negative payments of a refund of `due` (positive or zero).

    `held` is what each method of the original still holds. By default the money goes back the way it came, last way
    first; what a person decides otherwise must add up. Raises payments_mismatch, method_off.
    """
    doubtful = {p.method for p in held if p.state == "in_doubt"}
    if wanted is None:
        parts = money.give_back(due, [(p.method, p.amount) for p in held if p.amount > 0])
        chosen: list[tuple[str, Decimal, str | None]] = [(method, amount, None) for method, amount in parts]
    else:
        for payment in wanted:
            if payment.method not in policy.payment_methods and payment.method not in {p.method for p in held}:
                raise _off(payment.method)
        chosen = [(p.method, p.amount, p.reference) for p in wanted]
        if (given := money.total(amount for _, amount, _ in chosen)) != due:
            raise _mismatch(given, due)
    return [
        Paid(n, method, -amount, None, reference, "in_doubt" if method in doubtful else "received")
        for n, (method, amount, reference) in enumerate(chosen, start=1)
    ]
