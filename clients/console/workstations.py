"""`yj workstation code | revoke | list`: the computers at the windows, and the agents that speak for them."""

from __future__ import annotations

from typing import Annotated

import typer

from clients.console.context import Instance, Misuse, instance
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
    from fallback_server.web import agents

    out, found = Output(as_json), instance(ctx)
    _known_form(workstation)
    with found.store() as store:
        actor = acting(store, operator, ("admin",), Passwords(password_file), policy=found.policy)
        given = agents.hand_out(store, found.policy, actor, workstation)
    out.say(f"{workstation}: {given['code']}  (until {given['expires_at'][:16]}, once)")
    out.say(f"there: yj agent enrol --server {_address(found)} --ca ca.crt --code {given['code']}")
    out.document(given)


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
    shown = [
        [one["code"], one["role"], one["operator_name"], one["epoch"], one["acknowledged"], one["silent_seconds"],
         one["version"]]
        for one in rows
    ]  # fmt: skip
    out.table("工作站 · workstations", ["code", "role", "operator", "epoch", "knows it", "silent s", "version"], shown)
    out.document({"items": rows})


def _known_form(workstation: str) -> None:
    from fallback_server.domain.numbers import WORKSTATION_CODE

    if not WORKSTATION_CODE.fullmatch(workstation):
        raise Misuse(f"{workstation}: a workstation's code has 1 to 32 letters, digits, . _ -")


def _address(found: Instance) -> str:
    from clients.console.fronting import outside_name

    server = found.settings.server
    return f"{'https' if server.tls else 'http'}://{outside_name(found, server.host)}:{server.port}"
