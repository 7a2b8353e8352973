"""Routes of the console about the standby itself: would it work, and who must look at what."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from fallback_server.acts import trial
from fallback_server.domain import readiness as judge
from fallback_server.domain.modes import Permit
from fallback_server.store import alarm_channels, alarms, readiness
from fallback_server.web.routes import Api, Body, Call, FreeCall
from fallback_server.windows.console import rules
from fallback_server.windows.console.queries import standby

api = Api("console")
CONSOLE = ("admin", "duty", "supervisor", "auditor")
DECIDERS = ("admin", "duty", "supervisor")


class AlarmQuery(Body):
    """How many of those that are over, and those before which one."""

    limit: Annotated[int, Field(ge=0, le=500)] = 50
    cursor: Annotated[int, Field(ge=1, le=2**53)] | None = None


class TrialRequest(Body):
    """There is nothing to say."""


class AcknowledgeRequest(Body):
    """Somebody is at it; the note says how."""

    note: Annotated[str, Field(min_length=1, max_length=500)]


@api.get("/readiness", summary="Would the standby work now", roles=CONSOLE)
def show_readiness(call: Call) -> Any:
    found = readiness.findings(call.tx, call.policy)
    both = [{**one.view("zh"), "detail_en": one.sentence("en"), "cure_en": one.cure("en")} for one in found]
    return {"ready": judge.ready(found), "score": judge.score(found), "checks": both}


@api.free(
    "/readiness/trial", summary="Write a test document and roll it back", roles=DECIDERS, body=TrialRequest,
    reason="nothing stays of it but when it was tried and how it ended",
)  # fmt: skip
def try_document(call: FreeCall) -> Any:
    done = trial.run(call.store, call.policy)
    return {"ok": done.ok, "code": done.code, "seconds": round(done.seconds, 4)}


@api.get(
    "/alarms", summary="Alarms that are on, those that are over, and the channels", roles=CONSOLE, query=AlarmQuery
)
def show_alarms(call: Call) -> Any:
    over = alarms.history(call.tx.conn, call.query.limit, call.query.cursor)
    return {
        "items": [standby.alarm_view(row) for row in alarms.on(call.tx.conn)],
        "over": [standby.alarm_view(row) for row in over],
        "next_cursor": over[-1]["id"] if over and len(over) == call.query.limit else None,
        "channels": [standby.channel_view(row) for row in alarm_channels.listed(call.tx.conn)],
    }


@api.post(
    "/alarms/{alarm}/acknowledge", summary="Somebody is at it", roles=DECIDERS, permit=Permit.HOUSEKEEPING,
    body=AcknowledgeRequest,
)  # fmt: skip
def acknowledge(call: Call) -> Any:
    return standby.alarm_view(alarms.acknowledge(call.tx, rules.require_number(call.path["alarm"]), call.body.note))
