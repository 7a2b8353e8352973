"""Routes of the console about backups: the list, one made now, one opened again, a restore rehearsed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from fallback_server.domain.modes import Permit
from fallback_server.store import backup_file
from fallback_server.web.routes import Api, Body, Call
from fallback_server.windows.console import usecases
from fallback_server.windows.console.queries import backups as queries

api = Api("console")
CONSOLE = ("admin", "duty", "supervisor", "auditor")
MAKE = ("admin", "duty")
Place = Literal["first", "second"]


class OpenRequest(Body):
    """Which backup is opened again, from which of the two places; the newest without a name."""

    name: Annotated[str, Field(max_length=64)] | None = None
    place: Place | None = None


class RehearsalRequest(OpenRequest):
    """The same with the key as it was typed in from the paper of the safe, and who brought it from where."""

    typed_key: Annotated[str, Field(min_length=1, max_length=400)]
    note: Annotated[str, Field(min_length=1, max_length=500)]


@api.get("/backups", summary="Backups: the list, how old the newest is, when one was last opened", roles=CONSOLE)
def show_backups(call: Call) -> Any:
    return queries.overview(call.tx, call.policy)


@api.post("/backups", summary="Make a backup now", roles=MAKE, permit=Permit.HOUSEKEEPING, status=202)
def make_backup(call: Call) -> Any:
    return usecases.ask_backup(call.tx)


@api.post(
    "/backups/verify", summary="Open a backup again, to be sure", roles=MAKE, permit=Permit.HOUSEKEEPING,
    body=OpenRequest, status=202,
)  # fmt: skip
def verify_backup(call: Call) -> Any:
    body: OpenRequest = call.body
    return usecases.ask_to_open(call.tx, body.name, body.place)


@api.post(
    "/backups/rehearse", summary="Rehearse a restore with the key from paper", roles=MAKE,
    permit=Permit.HOUSEKEEPING, body=RehearsalRequest, status=202,
)  # fmt: skip
def rehearse_restore(call: Call) -> Any:
    body: RehearsalRequest = call.body
    # The key itself goes no further than here: its id says which backups it opens.
    typed = backup_file.key_id(backup_file.parse_key(body.typed_key, body.name or "*"))
    return usecases.ask_to_open(call.tx, body.name, body.place, rehearsal=body.note, key_id=typed)
