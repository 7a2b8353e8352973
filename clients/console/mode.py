"""`yj mode show | emergency | scope | normal | release`: the switch, with or without a running server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clients.console.checked import checked
from clients.console.context import Instance, Misuse, NotInOrder, instance
from clients.console.output import Output
from clients.console.people import Alone, Approver, Operator, PasswordFile, Passwords, acting

if TYPE_CHECKING:
    from fallback_server.domain.policy import Policy
    from fallback_server.store.session import Store

group = typer.Typer(no_args_is_help=True, help="the switch")
Json = Annotated[bool, typer.Option("--json", help="one JSON document")]
Reason = Annotated[str, typer.Option("--reason", help="why, in words")]
SWITCH = ("admin", "duty")
PLANNED = "maintenance"


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
    no_mirror: Annotated[
        bool,
        typer.Option("--no-mirror", help="maintenance: switch with the data as they are, the centre is gone already"),
    ] = False,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Switch on: windows work on the standby from now on. Before `maintenance` the mirror runs once more."""
    from fallback_server.acts import partial
    from fallback_server.domain.modes import Permit
    from fallback_server.windows.console import usecases
    from fallback_server.windows.console.api.switch import EmergencyRequest

    given = {"cause": cause, "reason": reason, "departments": department or None, "drill": drill}
    body = checked(EmergencyRequest, given, {"cause": f"--cause {cause}", "departments": "--department"})
    found = instance(ctx)
    with found.store() as store:
        out, actor = Output(as_json), acting(store, operator, SWITCH, Passwords(password_file))
        if body.cause == PLANNED and not no_mirror:
            _last_mirror(found, store, out, operator)
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            usecases.switch_on(tx, cause=body.cause, reason=body.reason, departments=body.departments, drill=body.drill)
            lacking = partial.warnings(tx, tx.mode.scope)
        _show(store, found.policy, out, lacking)


@group.command()
def scope(
    ctx: typer.Context,
    operator: Operator,
    reason: Reason,
    department: Annotated[list[str] | None, typer.Option(help="this department; may be repeated")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="the whole hospital")] = False,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Change which departments are in YJ."""
    from fallback_server.acts import partial
    from fallback_server.domain.modes import Permit
    from fallback_server.windows.console import usecases
    from fallback_server.windows.console.api.switch import ScopeRequest

    if whole == bool(department):
        raise Misuse("--department or --whole: say which departments, or the whole hospital, not both")
    given = {"departments": department or None, "reason": reason}
    body, found = checked(ScopeRequest, given, {"departments": "--department"}), instance(ctx)
    with found.store() as store:
        actor = acting(store, operator, SWITCH, Passwords(password_file))
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            usecases.change_scope(tx, body.departments, body.reason)
            lacking = partial.warnings(tx, tx.mode.scope)
        _show(store, found.policy, Output(as_json), lacking)


@group.command()
def normal(
    ctx: typer.Context,
    operator: Operator,
    approver: Approver = None,
    upload: Annotated[bool, typer.Option("--upload", help="return the documents at once; windows wait for it")] = False,
    alone: Alone = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Switch off, with a second person: grace for the document in hand, then nothing new."""
    from fallback_server.domain.modes import Permit
    from fallback_server.store import second_person
    from fallback_server.windows.console import usecases

    found = instance(ctx)
    if approver is None and alone is None and {"mode_normal", "drill_end"} <= found.policy.two_persons:
        raise Misuse(
            "--approver: the way back needs a second person (supervisor, duty or admin); at night, with nobody there,"
            " --alone with a reason, to be counter-signed"
        )
    with found.store() as store:
        actor = acting(
            store, operator, SWITCH, Passwords(password_file), approver, policy=found.policy,
            acts=("mode_normal", "drill_end"), alone=alone,
        )  # fmt: skip
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            act = "drill_end" if tx.mode.drill else "mode_normal"
            second_person.require(tx, found.policy, act, str(tx.mode.incident_no or ""))
            usecases.switch_off(tx, found.policy, upload=upload)
        _show(store, found.policy, Output(as_json))


@group.command()
def release(
    ctx: typer.Context, operator: Operator, reason: Reason, password_file: PasswordFile = None, as_json: Json = False
) -> None:
    """Give the windows back to the HIS now, whatever is uploaded by then."""
    from fallback_server.domain.modes import Permit
    from fallback_server.store import mode_switch
    from fallback_server.windows.console.api.switch import ReasonRequest

    body, found = checked(ReasonRequest, {"reason": reason}), instance(ctx)
    with found.store() as store:
        actor = acting(store, operator, SWITCH, Passwords(password_file))
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            mode_switch.release(tx, body.reason)
        _show(store, found.policy, Output(as_json))


def _last_mirror(found: Instance, store: Store, out: Output, by: str) -> None:
    """One last mirror before a planned stop. Raises NotInOrder, and nothing is switched, where it published nothing."""
    from clients.console import mirror_views
    from clients.console.mirror import run_now

    anyhow = (
        "没有切换：切换前的镜像没有成功。中心已停机时加 --no-mirror，用现有数据切换。",
        "nothing was switched: the mirror before it did not succeed; --no-mirror switches with the data as they are",
    )
    out.say("切换前先镜像一次 · one last mirror before the switch")
    try:
        report = run_now(found, store, out, by=by)
    except Misuse as error:
        raise NotInOrder(*error.lines, *anyhow) from error
    mirror_views.tell_run(out, report)
    if not report.published:
        raise NotInOrder(*anyhow)


def _show(store: Store, policy: Policy, out: Output, lacking: list[dict[str, Any]] | None = None) -> None:
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
    for one in lacking or ():
        out.say(f"注意 warning: {one['text']} {one['text_en']}")
    out.document(state if lacking is None else {**state, "warnings": lacking})
