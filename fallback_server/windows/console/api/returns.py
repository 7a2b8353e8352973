"""Routes of the way back: upload, conflicts, the account, signatures."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool

from fallback_server.domain.modes import Permit
from fallback_server.store import conflicts, returns_queries
from fallback_server.store.mode_switch import incident_row
from fallback_server.web.routes import Api, Approver, Body, Call
from fallback_server.windows.console import queries, rules, usecases

api = Api("console")
CONSOLE = ("admin", "duty", "supervisor", "auditor")
DECIDE = ("admin", "duty", "supervisor")
Note = Annotated[str, Field(min_length=1, max_length=500)]


class UploadRequest(Body):
    """Start the return, or rehearse it. The two who left YJ have agreed to it; else it takes a second person."""

    dry_run: StrictBool = False
    approver: Approver | None = None


class PauseRequest(Body):
    """Why the upload pauses."""

    reason: Note


class GoRequest(Body):
    """Let it go on; with a second person where one left YJ alone."""

    approver: Approver | None = None


class PrintRequest(Body):
    """Which paper of an incident is printed."""

    paper: Literal["reconciliation", "incident", "run_sheet"]


class ConflictQuery(Body):
    """All conflicts of the incident, or only those without a decision."""

    only_open: bool = False


class ResolveRequest(Body):
    """A person's decision. Money needs a second person."""

    decision: Annotated[str, Field(min_length=1, max_length=32)]
    note: Note
    central_key: Annotated[str, Field(max_length=64)] | None = None
    approver: Approver | None = None


class ExplainRequest(Body):
    """Why a difference is as it is."""

    note: Note


class SignRequest(Body):
    """In which capacity somebody signs."""

    signed_as: Annotated[Literal["it", "finance"], Field(alias="as")]


@api.get("/incidents/{number}/upload", summary="Progress of the return", roles=CONSOLE)
def upload_progress(call: Call) -> Any:
    number = rules.require_number(call.path["number"])
    incident_row(call.tx.conn, number)
    return returns_queries.upload_progress(call.tx.conn, number)


@api.post(
    "/incidents/{number}/upload",
    summary="Upload now, or rehearse",
    roles=("admin", "duty"),
    permit=Permit.HOUSEKEEPING,
    body=UploadRequest,
    status=202,
    acts=("upload",),
)
def ask_upload(call: Call) -> Any:
    number = rules.require_number(call.path["number"])
    if not call.body.dry_run and not usecases.two_left_yj(call.tx, number):
        call.second_person("upload", str(number))
    return usecases.ask_upload(call.tx, number, dry_run=call.body.dry_run)


@api.post(
    "/incidents/{number}/upload/pause",
    summary="Pause the upload after the document in hand",
    roles=("admin", "duty"),
    permit=Permit.HOUSEKEEPING,
    body=PauseRequest,
)
def pause_upload(call: Call) -> Any:
    return usecases.pause_upload(call.tx, rules.require_number(call.path["number"]), call.body.reason)


@api.post(
    "/incidents/{number}/upload/go",
    summary="Let a paused upload go on",
    roles=("admin", "duty"),
    permit=Permit.HOUSEKEEPING,
    body=GoRequest,
    status=202,
    acts=("upload",),
)
def go_on_uploading(call: Call) -> Any:
    number = rules.require_number(call.path["number"])
    if not usecases.two_left_yj(call.tx, number):
        call.second_person("upload", str(number))
    return usecases.go_on_uploading(call.tx, number)


@api.get("/incidents/{number}/conflicts", summary="What waits for a person", roles=CONSOLE, query=ConflictQuery)
def show_conflicts(call: Call) -> Any:
    number = rules.require_number(call.path["number"])
    incident_row(call.tx.conn, number)
    found = conflicts.list_conflicts(call.tx.conn, number, only_open=call.query.only_open)
    return {"items": [queries.opaque(one) for one in found]}


@api.get("/conflicts/{conflict}", summary="One conflict, both versions side by side", roles=CONSOLE)
def show_conflict(call: Call) -> Any:
    return queries.opaque(conflicts.show_conflict(call.tx.conn, rules.require_number(call.path["conflict"])))


@api.post(
    "/conflicts/{conflict}/resolve",
    summary="Decide a conflict",
    roles=DECIDE,
    permit=Permit.HOUSEKEEPING,
    body=ResolveRequest,
    acts=("conflict", "rewound"),
)
def resolve(call: Call) -> Any:
    body: ResolveRequest = call.body
    number = rules.require_number(call.path["conflict"])
    return queries.opaque(conflicts.resolve(call.tx, number, body.decision, body.note, body.central_key))


@api.get("/incidents/{number}/reconciliation", summary="The newest account of the incident", roles=CONSOLE)
def show_reconciliation(call: Call) -> Any:
    number = rules.require_number(call.path["number"])
    row = incident_row(call.tx.conn, number)
    rules.require_returnable(row["state"], row["drill"], closed_too=True)
    return queries.account(call.tx, number)


@api.post(
    "/incidents/{number}/reconciliation",
    summary="Compute the account afresh",
    roles=DECIDE,
    permit=Permit.HOUSEKEEPING,
    status=202,
)
def ask_reconciliation(call: Call) -> Any:
    return usecases.ask_reconciliation(call.tx, rules.require_number(call.path["number"]))


@api.post(
    "/incidents/{number}/differences/{difference}/explain",
    summary="Explain a difference by name",
    roles=DECIDE,
    permit=Permit.HOUSEKEEPING,
    body=ExplainRequest,
)
def explain(call: Call) -> Any:
    number = rules.require_number(call.path["number"])
    difference = rules.require_number(call.path["difference"])
    return queries.opaque(usecases.explain(call.tx, number, difference, call.body.note))


@api.post(
    "/incidents/{number}/sign",
    summary="Sign the account; two signatures close the incident",
    roles=("admin", "supervisor"),
    permit=Permit.HOUSEKEEPING,
    body=SignRequest,
)
def sign(call: Call) -> Any:
    return usecases.sign(call.tx, rules.require_number(call.path["number"]), call.body.signed_as)


@api.post(
    "/incidents/{number}/prints",
    summary="Count a copy of a report",
    roles=DECIDE,
    permit=Permit.HOUSEKEEPING,
    body=PrintRequest,
    status=201,
)
def print_report(call: Call) -> Any:
    return usecases.print_report(call.tx, rules.require_number(call.path["number"]), call.body.paper)
