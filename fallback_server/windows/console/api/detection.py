"""Routes of the console: what is seen of the centre, and whether the standby may switch by itself."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from fallback_server.domain.modes import Permit
from fallback_server.store import stop_orders
from fallback_server.web.routes import Api, Body, Call
from fallback_server.windows.console.queries import detection

api = Api("console")
SWITCH = ("admin", "duty")
CONSOLE = ("admin", "duty", "supervisor", "auditor")


class StopRequest(Body):
    """Why nothing may be switched by itself; everybody will read it."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


@api.get("/detection", summary="What is seen of the centre, by the standby and by windows", roles=CONSOLE)
def show_detection(call: Call) -> Any:
    return {**detection.seen(call.tx, call.policy), "changes": detection.changes(call.tx)}


@api.post(
    "/detection/stop", summary="Nothing is switched by itself until somebody lets it", roles=SWITCH,
    permit=Permit.HOUSEKEEPING, body=StopRequest,
)  # fmt: skip
def stop(call: Call) -> Any:
    stop_orders.stop(call.tx, call.body.reason, stop_orders.DETECTION)
    return detection.seen(call.tx, call.policy)


@api.post(
    "/detection/go", summary="The standby may switch by itself again", roles=SWITCH, permit=Permit.HOUSEKEEPING,
)  # fmt: skip
def go(call: Call) -> Any:
    stop_orders.go(call.tx, stop_orders.DETECTION)
    return detection.seen(call.tx, call.policy)
