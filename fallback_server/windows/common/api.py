"""Routes that every window page uses."""

from __future__ import annotations

from typing import Annotated, Any

from flask import g
from pydantic import Field, StrictBool, StrictInt, StringConstraints

from fallback_server.acts import roll_call, standing
from fallback_server.acts.searching import LIMIT_DEFAULT, LIMIT_MAX
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import WORKSTATION_CODE
from fallback_server.web import agents, login
from fallback_server.web.routes import EVERYONE, PUBLIC, Api, Body, Call, FreeCall, Route
from fallback_server.windows.common import queries, usecases

api = Api("common")
Station = Annotated[str, Field(pattern=f"^{WORKSTATION_CODE.pattern}$")]

# Blanks at the ends of a password are part of it, whatever the other fields do.
Password = Annotated[str, StringConstraints(strip_whitespace=False, min_length=1, max_length=256)]


class SessionRequest(Body):
    """Log-in."""

    operator: Annotated[str, Field(min_length=1, max_length=64)]
    password: Password
    workstation: Station
    take_over: StrictBool = False
    new_password: Password | None = None


class PasswordRequest(Body):
    """Somebody chooses another password."""

    password: Password
    new_password: Password


class EnrolRequest(Body):
    """The code that an administrator gave."""

    code: Annotated[str, Field(min_length=1, max_length=64)]


class ListQuery(Body):
    """Search text and paging."""

    q: str = ""
    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT
    cursor: str | None = None


class HeartbeatRequest(Body):
    """What a workstation says of itself every few seconds. `locked`: nobody works at it, its session has ended."""

    workstation: Station
    role: Annotated[str, Field(max_length=16)] | None = None
    epoch: Annotated[StrictInt, Field(ge=0, le=2_147_483_647)]
    central_ok: StrictBool | None = None
    clock: str | None = None
    version: Annotated[str, Field(max_length=32)] | None = None
    locked: StrictBool = False


@api.free(
    "/session", summary="Log in", roles=PUBLIC, body=SessionRequest,
    reason="a log-in hashes the password outside any transaction, and each one makes a new token",
)  # fmt: skip
def log_in(call: FreeCall) -> Any:
    body: SessionRequest = call.body
    return login.open_session(
        call.store,
        call.policy,
        login.Attempt(body.operator, body.password, body.workstation, call.address, body.take_over, body.new_password),
    )


@api.free(
    "/session/password", summary="Choose another password", roles=EVERYONE, body=PasswordRequest,
    reason="the second time it is refused as used before; hashing holds no lock",
)  # fmt: skip
def change_password(call: FreeCall) -> Any:
    return login.change_password(call.store, call.policy, call.who, call.body.password, call.body.new_password)


@api.post(
    "/session/end",
    summary="Log out",
    roles=EVERYONE,
    permit=Permit.HOUSEKEEPING,
    keyed=False,
    reason="ending an ended session changes nothing",
)
def log_out(call: Call) -> Any:
    login.close_session(call.tx, g.token)
    return {"ended": True}


@api.get("/mode", summary="Mode, epoch, scope and age of the data", roles=PUBLIC)
def show_mode(call: Call) -> Any:
    return standing.shown_mode(call.tx, call.policy)


def _mode_events(call: Call) -> Any:
    """The front door answers this itself; who reaches the server without it is told that there is none."""
    raise YjError("not_available")


api.add(
    Route(
        "GET",
        "/mode/events",
        _mode_events,
        "Server-sent stream of what GET /mode says, held by the front door: at once, at every change and every 15 s;"
        " `event: away` while the server behind it does not answer. 501 without the door",
        roles=PUBLIC,
        produces="text/event-stream",
    )
)


def _declare_list(path: str, dataset: str) -> None:
    @api.get(path, summary=f"Search the {dataset} list", query=ListQuery)
    def show(call: Call) -> Any:
        return queries.master_list(call.tx, dataset, call.query.q, call.query.limit, call.query.cursor)


for _path, _dataset in {
    "/drugs": "drug",
    "/fee-items": "fee_item",
    "/diagnoses": "diagnosis",
    "/staff": "staff",
    "/departments": "department",
    "/register-types": "register_type",
    "/schedules": "schedule",
}.items():
    _declare_list(_path, _dataset)


@api.get("/dictionaries/{name}", summary="All codes of a dictionary")
def show_dictionary(call: Call) -> Any:
    return queries.dictionary(call.tx, call.path["name"])


@api.post(
    "/workstations/heartbeat",
    summary="A workstation acknowledges the epoch",
    roles=EVERYONE,
    permit=Permit.HOUSEKEEPING,
    body=HeartbeatRequest,
    keyed=False,
    reason="a heartbeat replaces the one before",
    resting=True,
    agents=True,
)
def heartbeat(call: Call) -> Any:
    body: HeartbeatRequest = call.body
    return usecases.heartbeat(
        call.tx,
        code=body.workstation,
        role=body.role,
        epoch=body.epoch,
        central_ok=body.central_ok,
        clock=body.clock,
        version=body.version,
        locked=body.locked,
    )


@api.free(
    "/workstations/enrol", summary="An agent's token for its workstation, for a one-time code", roles=PUBLIC,
    body=EnrolRequest, status=201,
    reason="each code gives one token, once; an answer that is kept would keep the token",
)  # fmt: skip
def enrol(call: FreeCall) -> Any:
    return agents.enrol(call.store, call.body.code, call.address)


@api.get("/workstations", summary="Roll call", roles=("admin", "duty", "supervisor"))
def show_roll_call(call: Call) -> Any:
    return {"items": roll_call.workstations(call.tx)}
