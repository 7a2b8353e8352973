"""Routes of prices and items keyed in during an outage: always by two people, one who types and one who types again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictStr

from fallback_server.acts import keyed_in
from fallback_server.domain import money
from fallback_server.domain.categories import RECEIPT_CATEGORIES
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.web.routes import Api, Approver, Body, Call

api = Api("console")
CONSOLE = ("admin", "duty", "supervisor", "auditor")
KEYING = ("supervisor", "admin")
Code = Annotated[StrictStr, Field(min_length=1, max_length=64)]
Price = Annotated[StrictStr, Field(min_length=1, max_length=16)]
Words = Annotated[StrictStr, Field(min_length=1, max_length=256)]


class ListQuery(Body):
    """What stands, or what is over."""

    state: Literal["standing", "ended"] = "standing"


class NewItem(Body):
    """What a new drug or fee item is; of a drug its category is western, patent or herbal, of an item one of twelve."""

    name: Words
    unit: Annotated[StrictStr, Field(min_length=1, max_length=32)]
    category: Annotated[StrictStr, Field(min_length=1, max_length=16)]
    spec: Annotated[StrictStr, Field(max_length=256)] | None = None
    exec_department_code: Annotated[StrictStr, Field(max_length=64)] | None = None
    input_code: Annotated[StrictStr, Field(max_length=64)] | None = None


class ChangeRequest(Body):
    """A price, or whether it is sold; `unit_price_again` is typed by the second person. `new`: the centre has none."""

    dataset: Literal["drug", "fee_item"]
    code: Code
    unit_price: Price | None = None
    unit_price_again: Price | None = None
    active: StrictBool | None = None
    new: NewItem | None = None
    reason: Words
    approver: Approver | None = None


class WithdrawRequest(Body):
    """Why it no longer holds."""

    reason: Words
    approver: Approver | None = None


@api.get("/price-changes", summary="Prices and items keyed in during an outage", roles=CONSOLE, query=ListQuery)
def show_changes(call: Call) -> Any:
    return {"items": keyed_in.listed(call.tx, ended=call.query.state == "ended")}


@api.post(
    "/price-changes", summary="Key in a price, a stop or a new item, by two people", roles=KEYING,
    permit=Permit.HOUSEKEEPING, body=ChangeRequest, status=201, acts=("price_override",),
)  # fmt: skip
def change(call: Call) -> Any:
    body: ChangeRequest = call.body
    call.second_person("price_override", body.code)
    values: dict[str, Any] = {}
    if body.unit_price is not None or body.new is not None:
        values["unit_price"] = _agreed(body)
    if body.new is not None:
        row = {**values, **_new_row(body.dataset, body.new)}
        return keyed_in.add(call.tx, call.key, body.dataset, body.code, row, body.reason)
    if body.active is not None:
        values["active"] = body.active
    if not values:
        raise YjError("invalid_request", field="unit_price", problem="填写价格或停用 / a price, or whether it is sold")
    return keyed_in.change(call.tx, call.key, body.dataset, body.code, values, body.reason)


@api.post(
    "/price-changes/{change_id}/withdraw", summary="Take a change back, by two people", roles=KEYING,
    permit=Permit.HOUSEKEEPING, body=WithdrawRequest, acts=("price_override",),
)  # fmt: skip
def withdraw(call: Call) -> Any:
    call.second_person("price_override", call.path["change_id"])
    return keyed_in.withdraw(call.tx, call.path["change_id"], call.body.reason)


def _agreed(body: ChangeRequest) -> str:
    """The price both typed, with four decimals."""
    first, again = (_price(name, getattr(body, name)) for name in ("unit_price", "unit_price_again"))
    if first != again:
        raise YjError("invalid_request", field="unit_price_again", problem="两人输入的价格不同 / the two prices differ")
    return first


def _price(name: str, text: str | None) -> str:
    try:
        return money.price_text(money.price(text or ""))
    except ValueError:
        raise YjError("invalid_request", field=name, problem="不是价格 / not a price") from None


def _new_row(dataset: str, new: NewItem) -> dict[str, Any]:
    kinds = ("western", "patent", "herbal") if dataset == "drug" else tuple(RECEIPT_CATEGORIES)
    if new.category not in kinds:
        raise YjError("invalid_request", field="new.category", problem=" | ".join(kinds))
    common = {"name": new.name, "unit": new.unit, "input_code": new.input_code}
    if dataset == "drug":
        return {**common, "spec": new.spec or "", "category": new.category}
    return {**common, "receipt_category": new.category, "exec_department_code": new.exec_department_code}
