"""`yj audit verify`: is the audit log unbroken."""

from __future__ import annotations

from typing import Annotated

import typer

from clients.console import output
from clients.console.context import instance
from clients.console.output import Output

group = typer.Typer(no_args_is_help=True, help="the tamper-evident log")


@group.command()
def verify(
    ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False
) -> None:
    """Walk the hash chain; exit 1 if a row was changed, removed or inserted."""
    from fallback_server.store import audit

    out = Output(as_json)
    with instance(ctx).store() as store, store.reading() as tx:
        rows, breaks = audit.verify(tx.conn)
        sequence, head = audit.head(tx.conn)
    out.say(f"audit: {rows} rows, {'unbroken' if not breaks else 'BROKEN'}, head {head[:16]}…")
    out.document({"rows": rows, "unbroken": not breaks, "breaks": breaks, "head": {"sequence": sequence, "hash": head}})
    if breaks:
        output.complain(breaks)
        raise typer.Exit(1)


@group.callback()
def about() -> None:
    """The tamper-evident log."""
