"""`yj upload run | recover | status`: documents back to the centre."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clients.console import output
from clients.console.context import Misuse, instance
from clients.console.output import Output
from clients.console.people import Approver, PasswordFile, Passwords, acting

group = typer.Typer(no_args_is_help=True, help="documents back to the centre")
Json = Annotated[bool, typer.Option("--json", help="one JSON document")]
Incident = Annotated[int | None, typer.Option("--incident", min=1, help="number of the incident")]
DECIDE = ("admin", "duty", "supervisor")


@group.command()
def run(
    ctx: typer.Context,
    incident: Incident = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="rehearse; everything is rolled back at the centre")
    ] = False,
    as_json: Json = False,
) -> None:
    """Upload the oldest unclosed incident, or the one named; exit 0 only if nothing is left. Waits its turn."""
    from sync.upload.run import run_upload

    out, found = Output(as_json), instance(ctx)
    with found.store() as store, found.gateway() as gateway, out.progress("documents") as ticker:
        report = run_upload(
            store, gateway, found.settings.upload, incident, dry_run=dry_run,
            progress=lambda step, done, total: ticker.advance(done, total, step),
        )  # fmt: skip
    told = report.to_json()
    out.say(f"{told['message']} {told['message_en']}")
    counted = ", ".join(f"{name} {count}" for name, count in sorted(report.counts.items()) if count)
    left = ", ".join(f"{name} {count}" for name, count in report.left.items() if count)
    out.say(
        f"incident {report.incident_no or '–'}: {report.state}; {counted or 'nothing sent'}; left: {left or 'nothing'}"
    )
    out.document(told)
    if not report.complete:
        output.complain(report.problems)
        raise typer.Exit(1)


@group.command()
def recover(
    ctx: typer.Context,
    incident: Incident = None,
    operator: Annotated[str | None, typer.Option(help="who takes it over; without: only look")] = None,
    approver: Approver = None,
    note: Annotated[str, typer.Option(help="why this standby is behind, in words")] = "",
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """After a restored backup: what the centre has of ours that this store lost; two people take it over.

    Exit 1 while the ledger is ahead and nobody took it over.
    """
    from sync.upload.recover import recover as recover_now

    if operator is not None and not note.strip():
        raise Misuse("--note: is empty; the next person needs to know why")
    out, found = Output(as_json), instance(ctx)
    with found.store() as store, found.gateway() as gateway:
        actor = acting(store, operator, DECIDE, Passwords(password_file), approver) if operator is not None else None
        seen = recover_now(store, gateway, incident, actor, note)
    if seen is None:
        out.say("中心台账没有本地不知道的单据。 The ledger has nothing that this store does not know.")
        out.document({"incident_no": None, "found": {}, "done": {}})
        return
    _tell_recovery(out, seen.found, seen.done)
    out.document(seen.to_json())
    if not seen.done:
        raise typer.Exit(1)


def _tell_recovery(out: Output, found: dict[str, Any], done: dict[str, Any]) -> None:
    rows = [[name, one["documents"], one["amount"]] for name, one in found["entities"].items()]
    rows.append(["", found["documents"], found["amount"]])
    title = f"中心有、本地没有 · at the centre, not here ({found['first_yj_no']} – {found['last_yj_no']})"
    out.table(title, ["document", "count", "amount"], rows, right=[1, 2])
    out.say(f"ledger at {found['ledger_head']}, here at {found['own_head']}; never arrived: {found['never_arrived']}")
    if done:
        out.say(f"已接收 taken over: {done['noted']} noted, {done['confirmed']} confirmed, numbers moved on")


@group.command()
def status(ctx: typer.Context, incident: Incident = None, as_json: Json = False) -> None:
    """How far the return is; exit 1 while anything is left."""
    from clients.console.incidents import chosen, newest
    from fallback_server.store.returns_queries import upload_progress

    out = Output(as_json)
    with instance(ctx).store() as store, store.reading() as tx:
        none_yet = incident is None and newest(tx.conn) is None
        number = 0 if none_yet else chosen(tx.conn, incident)
        state: dict[str, Any] = {**upload_progress(tx.conn, number), "incident_no": number or None}
    names = sorted(state["states"])
    rows = [[entity, *(states.get(name, 0) for name in names)] for entity, states in sorted(state["entities"].items())]
    out.table(
        f"事件 {state['incident_no'] or '–'} 上传 · upload",
        ["document", *names],
        rows,
        right=list(range(1, len(names) + 1)),
    )
    out.say(
        f"{state['confirmed'] + state['settled']} of {state['documents']} done, {state['open_conflicts']} with a person"
    )
    if state["last_error"]:
        out.say(f"last error: {state['last_error']}")
    out.document(state)
    if state["left"] or state["open_conflicts"]:
        raise typer.Exit(1)
