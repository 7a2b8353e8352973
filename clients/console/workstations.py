"""`yj workstation code | revoke | list | import | export`: the computers at the windows, their table, their agents."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clients.console import output
from clients.console.context import Misuse, NotInOrder, instance
from clients.console.output import Output
from clients.console.people import Operator, PasswordFile, Passwords, acting

group = typer.Typer(no_args_is_help=True, help="the computers at the windows and their agents")
Station = Annotated[str, typer.Argument(help="the workstation's code, as its people log in with it")]
Json = Annotated[bool, typer.Option("--json", help="one JSON document")]


@group.command()
def code(
    ctx: typer.Context, workstation: Station, operator: Operator, password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """A one-time code to enrol the agent of this workstation: shown now and never again."""
    from clients.console.fronting import address_for_agents, authority_file
    from fallback_server.domain.agent_commands import FOLDER
    from fallback_server.web import agents, authority

    out, found = Output(as_json), instance(ctx)
    _known_form(workstation)
    with found.store() as store:
        actor = acting(store, operator, ("admin",), Passwords(password_file), policy=found.policy)
        mark, server = authority.mark(authority_file(found)), address_for_agents(found)
        given = agents.hand_out(store, found.policy, actor, workstation, mark, server)
    out.say(f"{workstation}: {given['code']}  (until {given['expires_at'][:16]}, once)")
    out.say("at that PC, as administrator:")
    _say_lines(out, given, "enrol")
    out.say(f"at a PC without the agent (docs/agent.md; {FOLDER}: where the folder of `make wheelhouse` lies for it):")
    _say_lines(out, given, "install")
    out.document(given)


def _say_lines(out: Output, given: dict[str, Any], what: str) -> None:
    for known in given["commands"]:
        *before, last = known[what]
        for one in (*before, f"{last} --server {given['server']} --code {given['code']}"):
            out.say(f"  {known['system']:9}{one}")


@group.command()
def revoke(ctx: typer.Context, workstation: Station, operator: Operator, password_file: PasswordFile = None) -> None:
    """Take the token of this workstation's agent back: stolen, or taken away."""
    from fallback_server.domain.modes import Permit
    from fallback_server.web import agents

    found = instance(ctx)
    with found.store() as store:
        actor = acting(store, operator, ("admin",), Passwords(password_file), policy=found.policy)
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            ended = agents.revoke(tx, workstation)
    Output().say(f"{workstation}: {'its agent may no longer speak' if ended else 'there was no agent'}")


@group.command(name="list")
def roll_call(ctx: typer.Context, as_json: Json = False) -> None:
    """The roll call: those first that should have switched and have not."""
    from fallback_server.acts.roll_call import workstations

    out = Output(as_json)
    with instance(ctx).store() as store, store.reading() as tx:
        rows = workstations(tx)
    columns = ["code", "window", "role", "operator", "epoch", "knows it", "silent s", "page", "agent", "odd"]
    out.table("工作站 · workstations", columns, [_line(one) for one in rows])
    out.document({"items": rows})


def _line(one: dict[str, Any]) -> list[Any]:
    odd = ["unknown"] * one["unknown"] + [f"twice: {' '.join(one['doubled'])}"] * bool(one["doubled"])
    heard = one["silent_seconds"] if one["last_seen_at"] else "never heard of"
    return [
        one["code"], one["place"], one["role"], one["operator_name"], one["epoch"], one["acknowledged"], heard,
        one["version"], one["agent_version"], ", ".join(odd),
    ]  # fmt: skip


@group.command(name="import")
def take_in(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="the table: FILE.csv or FILE.xlsx, as `export` writes it")],
    operator: Operator,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what it would change")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="also if more than half of the table goes")] = False,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Make the workstation table what the file says, all of it or nothing; every bad line is named at once."""
    from clients.console.station_file import rows_of
    from fallback_server.acts import station_table
    from fallback_server.domain.modes import Permit

    out, found = Output(as_json), instance(ctx)
    rows = rows_of(file)
    with found.store() as store:
        actor = acting(store, operator, ("admin",), Passwords(password_file), policy=found.policy)
        with store.reading() as tx:
            read = station_table.reading(tx, rows)
            change = station_table.difference(tx, read.entries)
        if read.faults:
            out.document({"applied": False, "faults": [vars(one) for one in read.faults]})
            output.complain(f"{file}:{one.line}: {one.zh} · {one.en}" for one in read.faults)
            raise typer.Exit(1)
        if not dry_run:
            with store.writing(Permit.HOUSEKEEPING, actor) as tx:
                change = station_table.take_in(tx, read, sure=yes)
    for what, codes in (("+", change.added), ("~", change.changed), ("-", change.removed)):
        for one in codes:
            out.say(f"{what} {one}")
    done = "nothing was changed (--dry-run)" if dry_run else "the table is what the file says"
    out.say(f"{len(read.entries)} workstations, {change.same} as before; {done}")
    out.document({"applied": not dry_run, "faults": [], **change.shown()})


@group.command()
def export(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(help="where to write the table: FILE.csv or FILE.xlsx")]
) -> None:
    """The workstation table as a file, to be changed and imported again; an empty table gives the head alone."""
    from clients.console.station_file import write
    from fallback_server.store import stations

    with instance(ctx).store() as store, store.reading() as tx:
        entries = stations.entries(tx.conn)
    try:
        write(file, entries)
    except OSError as error:
        raise NotInOrder(f"{file}: cannot be written ({error.strerror})") from error
    Output().say(f"{file}: {len(entries)} workstations")


def _known_form(workstation: str) -> None:
    from fallback_server.domain.numbers import WORKSTATION_CODE

    if not WORKSTATION_CODE.fullmatch(workstation):
        raise Misuse(f"{workstation}: a workstation's code has 1 to 32 letters, digits, . _ -")
