"""Routes that every window page uses."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import current_app, g, request
from pydantic import Field, StrictBool, StrictInt, StringConstraints, ValidationError

from fallback_server.acts import roll_call, silent_prints, standing
from fallback_server.acts.searching import LIMIT_DEFAULT, LIMIT_MAX
from fallback_server.domain.categories import ROLES
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import WORKSTATION_CODE
from fallback_server.store import print_jobs
from fallback_server.store.session import Actor
from fallback_server.web import agent_prints, agents, authority, login
from fallback_server.web.behind import asked_by_door
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
    instance: Annotated[str, Field(max_length=32)] | None = None  # of an agent: which running process it is


class AgentBeat(Body):
    """One agent's heartbeat, as the door heard it."""

    token: Annotated[str, Field(max_length=128)]
    address: Annotated[str, Field(max_length=64)]
    body: dict[str, Any]


class HeartbeatsRequest(Body):
    """Heartbeats that came to the door within a moment."""

    beats: Annotated[list[AgentBeat], Field(min_length=1, max_length=200)]


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
        " `event: away` while the server behind it does not answer; with `?hall=DEPARTMENT` `event: queue` when its"
        " queue has moved, with `?pharmacy=PHARMACY` when its list has; `*` for all. 501 without the door",
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
    return usecases.heartbeat(call.tx, **_said(call.body), knock=call.policy.windows_knock)


@api.free(
    "/workstations/heartbeats", summary="For the front door: heartbeats of agents, many at a time", roles=PUBLIC,
    body=HeartbeatsRequest, reason="a heartbeat replaces the one before",
)  # fmt: skip
def heartbeats(call: FreeCall) -> Any:
    if not asked_by_door(request.environ):
        raise YjError("not_found")
    beats = [_beat(one) for one in call.body.beats]
    return {"answers": usecases.heartbeats(call.store, beats, call.policy.windows_knock)}


def _beat(one: AgentBeat) -> usecases.Beat | None:
    """A heartbeat as it would be let in alone; None for one that would be refused."""
    try:
        said = HeartbeatRequest.model_validate(one.body)
    except ValidationError:
        return None
    return usecases.Beat(one.token, one.address, _said(said))


def _said(body: HeartbeatRequest) -> dict[str, Any]:
    return {"code": body.workstation, **body.model_dump(exclude={"workstation"})}


@api.free(
    "/workstations/enrol", summary="An agent's token for its workstation, for a one-time code", roles=PUBLIC,
    body=EnrolRequest, status=201,
    reason="each code gives one token, once; an answer that is kept would keep the token",
)  # fmt: skip
def enrol(call: FreeCall) -> Any:
    return agents.enrol(call.store, call.body.code, call.address)


@api.get("/authority", summary="The certificate of the standby's own authority (PEM); no secret", roles=PUBLIC)
def show_authority(call: Call) -> Any:
    return {"certificate": authority.certificate(current_app)}


@api.get("/workstations", summary="Roll call", roles=("admin", "duty", "supervisor"))
def show_roll_call(call: Call) -> Any:
    return {"items": roll_call.workstations(call.tx)}


# -- printing by the agent ---------------------------------------------------------------------------------------------
PRINTING = tuple(role for role in ROLES if role != "auditor")
OF_AGENTS = ("admin",)  # who is no agent gets no further than its handler


class SilentPrintRequest(Body):
    """The address of a print of this page's workstation."""

    path: Annotated[str, Field(min_length=1, max_length=256)]
    language: Literal["zh", "en"] = "zh"


class TakeRequest(Body):
    """Which running agent asks: it alone gets again what it has taken and not reported."""

    instance: Annotated[str, Field(max_length=32)] | None = None


class PrintedRequest(Body):
    """How a print went at the printer; `ok` null: the command came to no end, it may have come out or not."""

    ok: StrictBool | None
    detail: Annotated[str, Field(max_length=200)] = ""


class TakenPrintRequest(Body):
    """A print that this agent has taken, and in which form it wants it."""

    id: Annotated[str, Field(min_length=1, max_length=26)]
    form: Literal["html", "pdf"] = "html"


@api.post(
    "/prints/silent", summary="Let the agent of this workstation print", roles=PRINTING, permit=Permit.HOUSEKEEPING,
    body=SilentPrintRequest, status=201,
)  # fmt: skip
def ask_silent_print(call: Call) -> Any:
    return silent_prints.ask(call.tx, call.key, call.body.path, call.body.language)


@api.get("/prints/silent/{print_id}", summary="How far a print by the agent is")
def show_silent_print(call: Call) -> Any:
    return silent_prints.state(call.tx, call.path["print_id"])


@api.post(
    "/prints/silent/{print_id}/withdraw", summary="The browser prints it instead, if the agent has not taken it",
    roles=PRINTING, permit=Permit.HOUSEKEEPING, keyed=False, reason="taking back what was taken back changes nothing",
)  # fmt: skip
def withdraw_silent_print(call: Call) -> Any:
    return silent_prints.withdraw(call.tx, call.path["print_id"])


@api.get("/workstations/prints/waiting", summary="For the front door: whose agent has something to print", roles=PUBLIC)
def waiting_prints(call: Call) -> Any:
    if not asked_by_door(request.environ):
        raise YjError("not_found")
    return print_jobs.waiting(call.tx.conn, call.tx.at)


@api.post(
    "/workstations/prints/take", summary="What the calling agent shall print, each handed out to one running agent",
    roles=OF_AGENTS, permit=Permit.HOUSEKEEPING, body=TakeRequest, keyed=False, agents=True,
    reason="what was handed out goes again to the same running agent alone, which knows what it has printed",
)  # fmt: skip
def take_prints(call: Call) -> Any:
    _agent(call.tx.who)
    return {"items": silent_prints.take(call.tx, call.body.instance)}


@api.post(
    "/workstations/prints/{print_id}/done", summary="How a print went, from the agent", roles=OF_AGENTS,
    permit=Permit.HOUSEKEEPING, body=PrintedRequest, keyed=False, agents=True,
    reason="the first word about a print counts, the second changes nothing",
)  # fmt: skip
def finish_print(call: Call) -> Any:
    _agent(call.tx.who)
    return silent_prints.finish(call.tx, call.path["print_id"], ok=call.body.ok, detail=call.body.detail)


@api.free(
    "/workstations/prints/document", summary="The print itself, for the agent that has taken it", roles=OF_AGENTS,
    body=TakenPrintRequest, agents=True, reason="it only reads: asked twice, it answers twice",
)  # fmt: skip
def print_document(call: FreeCall) -> Any:
    _agent(call.who)
    return agent_prints.document(current_app, call.store, call.who, call.body.id, call.body.form)


@api.post(
    "/workstations/prints/tests", summary="An agent asks for a test page on each of its printers", roles=OF_AGENTS,
    permit=Permit.HOUSEKEEPING, keyed=False, agents=True, reason="asked twice, two test pages come out and say so",
)  # fmt: skip
def own_test_pages(call: Call) -> Any:
    _agent(call.tx.who)
    return {"items": silent_prints.ask_own_tests(call.tx)}


def _agent(who: Actor) -> None:
    """An agent's own routes are nobody else's."""
    if who.operator_code != login.AGENT:
        raise YjError("not_found")
