"""Routes of the console about the audit log: search it, walk its chain."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.store import audit
from fallback_server.web.routes import Api, Body, Call
from fallback_server.windows.console import usecases
from fallback_server.windows.console.queries import audit as queries

api = Api("console")
READ = ("admin", "supervisor", "auditor")

Code = Annotated[str, Field(max_length=64)]


class AuditQuery(Body):
    """Which events; `action` may be a group like `mode.`, `document` any number of one; the end of `until` included."""

    since: Annotated[str, Field(max_length=16)] = ""
    until: Annotated[str, Field(max_length=16)] = ""
    operator: Code = ""
    workstation: Code = ""
    action: Code = ""
    incident: Annotated[int, Field(ge=1, le=10**9)] | None = None
    document: Code = ""
    failed: bool = False
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    cursor: Annotated[str, Field(max_length=18, pattern=r"^\d*$")] = ""


class ProofRequest(Body):
    """Heads from paper, NUMBER:HASH with at least eight digits of the hash."""

    heads: Annotated[list[Annotated[str, Field(min_length=1, max_length=96)]], Field(max_length=20)] = Field(default=[])


@api.get("/audit", summary="Search the audit log, newest first", roles=READ, query=AuditQuery)
def search(call: Call) -> Any:
    asked: AuditQuery = call.query
    below = int(asked.cursor) if asked.cursor else None
    rows, further = queries.found(call.tx, asked.model_dump(), asked.limit, below)
    return {"items": rows, "next_cursor": str(further) if further is not None else None}


@api.post(
    "/audit/verify", summary="Walk the chain, and hold it against heads from paper", roles=READ,
    permit=Permit.HOUSEKEEPING, body=ProofRequest, status=202,
)  # fmt: skip
def verify(call: Call) -> Any:
    heads = [(words, audit.read_head(words)) for words in call.body.heads]
    for words, head in heads:
        if head is None:
            raise YjError("invalid_request", field="heads", problem=f"写成 号码:哈希 / write NUMBER:HASH: {words[:40]}")
    return usecases.ask_proof(call.tx, [head for _, head in heads if head is not None])
