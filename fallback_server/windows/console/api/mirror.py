"""Routes of the console: the copy of the centre, its runs, its history, its stop switch."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from fallback_server.domain.modes import Permit
from fallback_server.store import mirror_history, mirror_status, stop_orders
from fallback_server.web.routes import Api, Body, Call
from fallback_server.windows.console import queries, rules, usecases

api = Api("console")
SWITCH = ("admin", "duty")
CONSOLE = ("admin", "duty", "supervisor", "auditor")
Reason = Annotated[str, Field(min_length=1, max_length=500)]


class MirrorRequest(Body):
    """Refresh all datasets, or those named."""

    datasets: list[str] | None = None


class ApproveRequest(Body):
    """Approve a held run by the content hash that was shown."""

    hash: Annotated[str, Field(min_length=8, max_length=64)]
    reason: Reason


class StopRequest(Body):
    """Stop the mirror, or take its newest generation back, with a reason that everybody will read."""

    reason: Reason


class RejectionQuery(Body):
    """How many rejected rows to show."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class StandingRejectionQuery(RejectionQuery):
    """The same, perhaps of one dataset."""

    dataset: Annotated[str, Field(min_length=1, max_length=32)] | None = None


class HistoryQuery(Body):
    """How far back, in hours: up to a week."""

    hours: Annotated[int, Field(ge=1, le=168)] = 24


@api.get("/mirror", summary="State of the mirror", roles=CONSOLE)
def show_mirror(call: Call) -> Any:
    return queries.mirror_overview(call.tx, call.policy)


@api.get("/mirror/history", summary="Age of the data over time, and the runs", roles=CONSOLE, query=HistoryQuery)
def show_history(call: Call) -> Any:
    return mirror_history.history(call.tx.conn, call.tx.now, call.query.hours, call.policy)


@api.get(
    "/mirror/rejections", summary="Rows set aside as the mirror stands", roles=CONSOLE, query=StandingRejectionQuery
)
def show_standing_rejections(call: Call) -> Any:
    datasets = [call.query.dataset] if call.query.dataset else None
    return {"items": mirror_status.rejections(call.tx.conn, call.query.limit, datasets=datasets)}


@api.get("/mirror/runs/{run}", summary="One run of the mirror", roles=CONSOLE)
def show_run(call: Call) -> Any:
    return queries.mirror_run(call.tx, rules.require_number(call.path["run"]))


@api.get("/mirror/runs/{run}/rejections", summary="Rows a run set aside", roles=CONSOLE, query=RejectionQuery)
def show_rejections(call: Call) -> Any:
    number = rules.require_number(call.path["run"])
    return {"items": mirror_status.rejections(call.tx.conn, call.query.limit, run_id=number)}


@api.post(
    "/mirror/runs",
    summary="Refresh now",
    roles=SWITCH,
    permit=Permit.HOUSEKEEPING,
    body=MirrorRequest,
    status=202,
)
def ask_mirror(call: Call) -> Any:
    return usecases.ask_mirror(call.tx, call.body.datasets)


@api.post(
    "/mirror/runs/{run}/approve",
    summary="Publish a held run",
    roles=("admin",),
    permit=Permit.HOUSEKEEPING,
    body=ApproveRequest,
    status=202,
)
def approve_run(call: Call) -> Any:
    return usecases.approve_run(call.tx, rules.require_number(call.path["run"]), call.body.hash, call.body.reason)


@api.post(
    "/mirror/rollback",
    summary="Go back a generation",
    roles=("admin",),
    permit=Permit.HOUSEKEEPING,
    body=StopRequest,
    status=202,
)
def roll_back(call: Call) -> Any:
    return usecases.ask_rollback(call.tx, call.body.reason)


@api.post("/mirror/stop", summary="Stop the mirror", roles=SWITCH, permit=Permit.HOUSEKEEPING, body=StopRequest)
def stop_mirror(call: Call) -> Any:
    return {"stopped": stop_orders.stop(call.tx, call.body.reason)}


@api.post("/mirror/go", summary="Let the mirror go on", roles=SWITCH, permit=Permit.HOUSEKEEPING)
def release_mirror(call: Call) -> Any:
    stop_orders.go(call.tx)
    return {"stopped": None}
