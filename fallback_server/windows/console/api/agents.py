"""Routes of the console about workstation agents: a code to enrol one, and taking its token back."""

from __future__ import annotations

from typing import Annotated, Any

from flask import current_app
from pydantic import Field

from fallback_server.domain.modes import Permit
from fallback_server.domain.numbers import WORKSTATION_CODE
from fallback_server.web import agents, authority
from fallback_server.web.routes import Api, Body, Call, FreeCall

api = Api("console")
ADMIN = ("admin",)


class StationRequest(Body):
    """One workstation."""

    workstation: Annotated[str, Field(pattern=f"^{WORKSTATION_CODE.pattern}$")]


@api.free(
    "/workstations/code", summary="A one-time code to enrol the agent of a workstation", roles=ADMIN,
    body=StationRequest, status=201,
    reason="the code is shown once and kept as a hash: asked again, another one takes its place",
)  # fmt: skip
def hand_out(call: FreeCall) -> Any:
    known = current_app.extensions
    mark, server = authority.mark(known.get(authority.PLACE)), authority.address(known.get(authority.ADDRESS))
    return agents.hand_out(call.store, call.policy, call.who, call.body.workstation, mark, server)


@api.post(
    "/workstations/revoke", summary="Take the token of a workstation's agent back", roles=ADMIN,
    permit=Permit.HOUSEKEEPING, body=StationRequest, keyed=False,
    reason="taking back what was taken back changes nothing",
)  # fmt: skip
def revoke(call: Call) -> Any:
    return {"workstation": call.body.workstation, "ended": agents.revoke(call.tx, call.body.workstation)}
