"""`yj mode show | emergency | normal | release`: the switch, with or without a running server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clients.console.context import Misuse, instance
from clients.console.output import Output
from clients.console.people import Approver, Operator, PasswordFile, Passwords, acting

if TYPE_CHECKING:
    from fallback_server.domain.policy import Policy
    from fallback_server.store.session import Store

group = typer.Typer(no_args_is_help=True, help="the switch")
Json = Annotated[bool, typer.Option("--json", help="one JSON document")]
Reason = Annotated[str, typer.Option("--reason", help="why, in words")]
SWITCH = ("admin", "duty")


@group.command()
def show(ctx: typer.Context, as_json: Json = False) -> None:
    """Mode, incident, scope, and the age of the data."""
    found = instance(ctx)
    with found.store() as store:
        _show(store, found.policy, Output(as_json))


@group.command()
def emergency(
    ctx: typer.Context,
    operator: Operator,
    cause: Annotated[str, typer.Option(help="server storage network software database maintenance other")],
    reason: Reason,
    department: Annotated[list[str] | None, typer.Option(help="only this department; may be repeated")] = None,
    drill: Annotated[bool, typer.Option("--drill", help="a drill: nothing of it is ever uploaded")] = False,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Switch on: windows work on the standby from now on."""
    from fallback_server.acts import masters
    from fallback_server.domain.categories import CAUSES
    from fallback_server.domain.modes import Permit
    from fallback_server.store import mode_switch

    wrong = [] if cause in CAUSES else [f"--cause {cause}: not known; one of {', '.join(CAUSES)}"]
    wrong += [] if reason.strip() else ["--reason: is empty; say why in words"]
    if wrong:
        raise Misuse(*wrong)
    found = instance(ctx)
    with found.store() as store:
        actor = acting(store, operator, SWITCH, Passwords(password_file))
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            for code in department or ():
                masters.require(tx, "department", code)
            mode_switch.enter_emergency(tx, cause=cause, reason=reason, departments=department, drill=drill)
        _show(store, found.policy, Output(as_json))


@group.command()
def normal(
    ctx: typer.Context,
    operator: Operator,
    approver: Approver = None,
    upload: Annotated[bool, typer.Option("--upload", help="return the documents at once; windows wait for it")] = False,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Switch off, with a second person: grace for the document in hand, then nothing new."""
    from fallback_server.domain.modes import Permit
    from fallback_server.store import mode_switch

    if approver is None:
        raise Misuse("--approver: the way back needs a second person (supervisor, duty or admin)")
    found = instance(ctx)
    with found.store() as store:
        actor = acting(store, operator, SWITCH, Passwords(password_file), approver)
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            mode_switch.begin_return(
                tx,
                upload=upload,
                grace_seconds=found.policy.grace_seconds,
                hold_seconds=found.policy.return_hold_seconds,
            )
        _show(store, found.policy, Output(as_json))


@group.command()
def release(
    ctx: typer.Context, operator: Operator, reason: Reason, password_file: PasswordFile = None, as_json: Json = False
) -> None:
    """Give the windows back to the HIS now, whatever is uploaded by then."""
    from fallback_server.domain.modes import Permit
    from fallback_server.store import mode_switch

    found = instance(ctx)
    with found.store() as store:
        actor = acting(store, operator, SWITCH, Passwords(password_file))
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            mode_switch.release(tx, reason)
        _show(store, found.policy, Output(as_json))


def _show(store: Store, policy: Policy, out: Output) -> None:
    from fallback_server.acts.standing import shown_mode

    with store.reading() as tx:
        state: dict[str, Any] = shown_mode(tx, policy)
    words = {"normal": "正常 normal", "emergency": "应急 YJ", "returning": "恢复中 returning"}
    out.say(f"mode: {words.get(state['mode'], state['mode'])}{' · 演练 DRILL' if state['drill'] else ''}")
    out.say(f"since {state['since']}, epoch {state['epoch']}, incident {state['incident_no'] or '–'}")
    scope = ", ".join(state["scope"]) if state["scope"] is not None else "the whole hospital"
    out.say(f"scope: {scope}; data as of {state['mirror']['as_of'] or 'never (no mirror yet)'}")
    if state["grace_until"]:
        out.say(f"documents in hand are accepted until {state['grace_until']}")
    out.document(state)
