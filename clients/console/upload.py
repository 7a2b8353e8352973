"""`yj upload run | recover | status`: documents back to the centre."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clients.console import output
from clients.console.context import Instance, Misuse, NotInOrder, instance
from clients.console.output import Output
from clients.console.people import Alone, Approver, PasswordFile, Passwords, acting

if TYPE_CHECKING:
    from fallback_server.store.session import Store

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
    operator: Annotated[str | None, typer.Option(help="your own code, where one person left YJ alone")] = None,
    approver: Approver = None,
    alone: Alone = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Upload the oldest unclosed incident, or the one named; exit 0 only if nothing is left. Waits its turn."""
    from fallback_server.store.mode import SYSTEM_OPERATOR
    from sync.upload.run import run_upload
    from sync.worker.backups import before_upload

    out, found = Output(as_json), instance(ctx)
    with found.store() as store, found.gateway() as gateway, out.progress("documents") as ticker:
        if not dry_run:
            _agreed_by_two(found, store, incident, operator, approver, alone, password_file)
            before_upload(store, found.settings, operator or SYSTEM_OPERATOR)
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


def _agreed_by_two(
    found: Instance, store: Store, incident: int | None, operator: str | None, approver: str | None, alone: str | None,
    password_file: Path | None,
) -> None:  # fmt: skip
    """The two who left YJ agreed to the upload. Where it was one, ask for another. Raises NotInOrder, YjError."""
    from fallback_server.domain.modes import Permit
    from fallback_server.store import second_person

    with store.reading() as tx:
        numbers = second_person.ended_by_one(tx.conn, incident)
    if not numbers or "upload" not in found.policy.two_persons:
        return
    if operator is None:
        raise NotInOrder(
            f"incident {numbers[0]} was ended by one person alone: counter-sign it (`yj operator alone`), or name two"
            " with --operator and --approver"
        )
    passwords = Passwords(password_file)
    actor = acting(
        store, operator, ("admin", "duty"), passwords, approver, policy=found.policy, acts=("upload",), alone=alone
    )
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        second_person.require(tx, found.policy, "upload", str(numbers[0]))
        tx.audit("upload.agree", subject=str(numbers[0]))


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
        actor = None
        if operator is not None:
            actor = acting(
                store, operator, DECIDE, Passwords(password_file), approver, policy=found.policy, acts=("rewound",)
            )
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
