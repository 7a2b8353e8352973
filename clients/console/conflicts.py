"""`yj conflicts list | show | resolve`: the queue of decisions."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clients.console.checked import checked
from clients.console.context import instance
from clients.console.output import Output
from clients.console.people import Approver, Operator, PasswordFile, Passwords, acting

group = typer.Typer(no_args_is_help=True, help="what waits for a person's decision")
Json = Annotated[bool, typer.Option("--json", help="one JSON document")]
Incident = Annotated[int | None, typer.Option("--incident", min=1, help="number of the incident; default the newest")]
DECIDE = ("admin", "duty", "supervisor")


@group.command(name="list")
def list_conflicts(
    ctx: typer.Context,
    incident: Incident = None,
    everything: Annotated[bool, typer.Option("--all", help="decided ones too")] = False,
    as_json: Json = False,
) -> None:
    """Open conflicts; exit 1 while there are any."""
    from clients.console.incidents import chosen, newest
    from fallback_server.store import conflicts

    out = Output(as_json)
    with instance(ctx).store() as store, store.reading() as tx:
        none_yet = incident is None and newest(tx.conn) is None
        number = None if none_yet else chosen(tx.conn, incident)
        items = conflicts.list_conflicts(tx.conn, number or 0, only_open=not everything)
    rows = [
        [
            one["id"],
            one["kind"],
            one["title"],
            one["entity"],
            one["yj_no"],
            one["amount"],
            one["decision"] or _choices(one),
        ]
        for one in items
    ]
    columns = ["id", "kind", "what", "document", "number", "amount", "decision (possible)"]
    out.table(f"事件 {number or '–'} 待处理 · conflicts of incident {number or '–'}", columns, rows, right=[0, 5])
    out.document({"incident_no": number, "items": items})
    if any(one["decision"] is None for one in items):
        raise typer.Exit(1)


@group.command()
def show(ctx: typer.Context, conflict: Annotated[int, typer.Argument(help="its id")], as_json: Json = False) -> None:
    """One conflict, both versions side by side, and what each decision means."""
    from fallback_server.store import conflicts

    out = Output(as_json)
    with instance(ctx).store() as store, store.reading() as tx:
        one = conflicts.show_conflict(tx.conn, conflict)
    out.say(f"{one['id']} {one['kind']}: {one['title']} · {one['title_en']}")
    names = sorted(set(one["local"]) | set(one["central"]))
    out.table(
        "两边 · both sides", ["field", "YJ", "centre"], [[n, one["local"].get(n), one["central"].get(n)] for n in names]
    )
    choices = [
        [
            choice["decision"],
            f"{choice['consequence']}\n{choice['consequence_en']}",
            "yes" if choice["approver"] else "",
        ]
        for choice in one["possible"]
    ]
    out.table("可能的决定 · possible decisions", ["decision", "consequence", "second person"], choices)
    out.document(one)


@group.command()
def resolve(
    ctx: typer.Context,
    conflict: Annotated[int, typer.Argument(help="its id")],
    operator: Operator,
    decision: Annotated[str, typer.Option(help="one of the possible decisions that `show` lists")],
    note: Annotated[str, typer.Option(help="why, in words")],
    central_key: Annotated[str | None, typer.Option(help="for link: the key at the centre")] = None,
    approver: Approver = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Decide one; whatever it changes at the centre happens in the next upload run."""
    from fallback_server.domain.modes import Permit
    from fallback_server.store import conflicts
    from fallback_server.windows.console.api.returns import ResolveRequest

    body = checked(ResolveRequest, {"decision": decision, "note": note, "central_key": central_key})
    out, found = Output(as_json), instance(ctx)
    with found.store() as store:
        actor = acting(
            store, operator, DECIDE, Passwords(password_file), approver, policy=found.policy, acts=("conflict",)
        )
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            one = conflicts.resolve(tx, conflict, body.decision, body.note, body.central_key)
    out.say(f"{one['id']} {one['kind']}: {one['decision']} by {one['decided_by']}")
    out.document(one)


def _choices(one: dict[str, Any]) -> str:
    return "(" + " ".join(choice["decision"] for choice in one["possible"]) + ")"
