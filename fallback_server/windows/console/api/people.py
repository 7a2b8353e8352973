"""Routes of the console about people: who could log in, codes for those who cannot, approvals, what was done alone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, model_validator

from fallback_server.domain.categories import SECOND_PERSON_ROLES
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store import second_person, staffing
from fallback_server.store.people import operator
from fallback_server.web import codes
from fallback_server.web.people import find_person
from fallback_server.web.routes import Api, Approver, Body, Call, FreeCall
from fallback_server.windows.console import rules
from fallback_server.windows.console.queries import people as queries

api = Api("console")
CONSOLE = ("admin", "duty", "supervisor", "auditor")
LEADS = ("admin", "supervisor")
ADMIN = ("admin",)
SHOWN_ONCE = "the code is shown once and kept as a hash: asked again, another one takes its place"

Code = Annotated[str, Field(min_length=1, max_length=64)]
Words = Annotated[str, Field(min_length=1, max_length=500)]
Role = Literal["registrar", "cashier", "doctor", "pharmacist", "triage", "supervisor", "duty", "admin", "auditor"]
Act = Literal[
    "mode_normal", "drill_end", "upload", "refund", "void", "conflict", "price_override", "rewound",
    "wipe", "restore", "seal",
]  # fmt: skip


class OperatorQuery(Body):
    """Which operators."""

    q: str = ""
    department: Annotated[str, Field(max_length=64)] = ""
    state: Literal["all", "cannot", "code", "disabled", "weak"] = "all"
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    cursor: Annotated[str, Field(max_length=64)] = ""


class NewOperatorRequest(Body):
    """An operator of the standby's own; they log in with the code of the answer and choose a password."""

    operator: Code
    name: Annotated[str, Field(min_length=1, max_length=128)]
    roles: Annotated[list[Role], Field(min_length=1, max_length=9)]


class CodesRequest(Body):
    """Who gets a code to log in: named people, or all of a department who have no password."""

    operators: Annotated[list[Code], Field(min_length=1, max_length=100)] | None = None
    department_code: Code | None = None
    log_out: StrictBool = False

    @model_validator(mode="after")
    def _one_way(self) -> CodesRequest:
        if (self.operators is None) == (self.department_code is None):
            raise ValueError("operators, department_code: one of the two")
        return self


class WhyRequest(Body):
    """An act that needs a reason."""

    reason: Words


class ApprovalRequest(Body):
    """Leave for `operator` to do `act` once; with `count` so many on a sheet for later."""

    act: Act
    operator: Code
    count: Annotated[int, Field(ge=1, le=codes.SHEET_MOST)] | None = None


class AloneQuery(Body):
    """Only what waits for a signature, or all of it."""

    only_open: bool = True


class SignAloneRequest(Body):
    """What the second person finds of what was done alone."""

    note: Words


class SealRequest(Body):
    """Seal the break-glass account afresh."""

    approver: Approver | None = None


@api.get("/operators", summary="Who works here, and whether they could log in", roles=CONSOLE, query=OperatorQuery)
def show_operators(call: Call) -> Any:
    asked: OperatorQuery = call.query
    found = queries.operators(call.tx, q=asked.q, department=asked.department, state=asked.state)
    rest = [one for one in found if one.code > asked.cursor]
    page = rest[: asked.limit]
    return {
        "items": [one.view() for one in page],
        "next_cursor": page[-1].code if len(rest) > len(page) else None,
    }


@api.free(
    "/operators", summary="Add an operator of the standby's own", roles=ADMIN, body=NewOperatorRequest, status=201,
    reason="a second request finds the operator there; " + SHOWN_ONCE,
)  # fmt: skip
def add_operator(call: FreeCall) -> Any:
    body: NewOperatorRequest = call.body
    with call.store.writing(Permit.HOUSEKEEPING, call.who) as tx:
        if find_person(tx, body.operator) is not None or body.operator == "system":
            raise YjError("operator_exists", code=body.operator)
        row = {"operator_code": body.operator, "name": body.name, "roles": list(dict.fromkeys(body.roles))}
        tx.conn.execute(operator.insert().values(**row, created_at=tx.at, must_change=False))
        tx.audit("operator.add", subject=body.operator, roles=row["roles"])
    return codes.hand_out(call.store, call.policy, call.who, [body.operator])[0].view()


@api.free(
    "/operators/codes", summary="Codes to log in for people without a password", roles=LEADS, body=CodesRequest,
    reason=SHOWN_ONCE,
)  # fmt: skip
def hand_out_codes(call: FreeCall) -> Any:
    body: CodesRequest = call.body
    wanted = body.operators
    if wanted is None:
        with call.store.reading() as tx:
            wanted = queries.without_password(tx, body.department_code or "")[:100]
    given = codes.hand_out(call.store, call.policy, call.who, wanted, log_out=body.log_out)
    return {"items": [one.view() for one in given]}


@api.post(
    "/operators/{operator}/disable", summary="Lock somebody out at once", roles=ADMIN, permit=Permit.HOUSEKEEPING,
    body=WhyRequest,
)  # fmt: skip
def disable_operator(call: Call) -> Any:
    ended = staffing.disable(call.tx, call.path["operator"], call.body.reason)
    return {"operator": call.path["operator"], "sessions_ended": ended}


@api.post(
    "/operators/{operator}/enable", summary="Let somebody in again", roles=ADMIN, permit=Permit.HOUSEKEEPING,
    body=WhyRequest,
)  # fmt: skip
def enable_operator(call: Call) -> Any:
    staffing.enable(call.tx, call.path["operator"], call.body.reason)
    return {"operator": call.path["operator"]}


@api.free(
    "/approvals", summary="One-time approvals to read out, or a sheet of them", roles=SECOND_PERSON_ROLES,
    body=ApprovalRequest, reason=SHOWN_ONCE,
)  # fmt: skip
def give_approvals(call: FreeCall) -> Any:
    body: ApprovalRequest = call.body
    given = codes.approvals(call.store, call.policy, call.who, body.act, body.operator, body.count)
    return {"approver": call.who.operator_code, "act": body.act, "items": [one.view() for one in given]}


@api.get("/alone-acts", summary="What one person did alone", roles=CONSOLE, query=AloneQuery)
def show_alone(call: Call) -> Any:
    return {"items": second_person.listed(call.tx, only_open=call.query.only_open)}


@api.post(
    "/alone-acts/{number}/sign", summary="Counter-sign what another did alone", roles=SECOND_PERSON_ROLES,
    permit=Permit.HOUSEKEEPING, body=SignAloneRequest,
)  # fmt: skip
def sign_alone(call: Call) -> Any:
    return second_person.countersign(call.tx, rules.require_number(call.path["number"]), call.body.note)


@api.free(
    "/seal", summary="Seal the break-glass account (two people)", roles=ADMIN, body=SealRequest, acts=("seal",),
    reason=SHOWN_ONCE,
)  # fmt: skip
def seal_account(call: FreeCall) -> Any:
    return codes.seal(call.store, call.policy, call.who)
