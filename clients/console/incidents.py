"""`yj incident list | show | confirm | explain | sign | archive`, and which incident a verb means if none is named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clients.console.checked import checked
from clients.console.context import Misuse, NotInOrder, instance
from clients.console.output import Output
from clients.console.people import Operator, PasswordFile, Passwords, acting

if TYPE_CHECKING:
    from sqlalchemy import Connection

group = typer.Typer(no_args_is_help=True, help="the record of an outage: timeline, explanations, signatures")
Json = Annotated[bool, typer.Option("--json", help="one JSON document")]
Incident = Annotated[
    int | None,
    typer.Option("--incident", min=1, help="number of the incident; default the one now on, else the newest"),
]
DECIDE = ("admin", "duty", "supervisor")


def newest(conn: Connection) -> int | None:
    """The newest real incident, or None before the first."""
    from sqlalchemy import func, select

    from fallback_server.store.mode import incident

    found = conn.execute(select(func.max(incident.c.incident_no)).where(incident.c.drill.is_(False))).scalar()
    return None if found is None else int(found)


def chosen(conn: Connection, number: int | None) -> int:
    """The incident `number`, or the newest real one. Raises NotInOrder where there is none, incident_not_found."""
    from fallback_server.store.mode_switch import incident_row

    number = newest(conn) if number is None else number
    if number is None:
        raise NotInOrder("there is no incident yet")
    return int(incident_row(conn, number)["incident_no"])


@group.command(name="list")
def list_incidents(ctx: typer.Context, as_json: Json = False) -> None:
    """All incidents, newest first, with their documents by state."""
    from fallback_server.app import policy_of
    from fallback_server.windows.console import queries

    out, found = Output(as_json), instance(ctx)
    with found.store() as store, store.reading() as tx:
        items = queries.incidents(tx, policy_of(found.settings))
    rows = [
        [
            one["incident_no"],
            one["state"],
            "DRILL" if one["drill"] else "",
            one["cause"],
            one["opened_at"],
            _counts(one),
        ]
        for one in items
    ]
    out.table("事件 · incidents", ["number", "state", "drill", "cause", "opened", "documents"], rows, right=[0])
    out.document({"items": items})


@group.command()
def show(ctx: typer.Context, incident: Incident = None, as_json: Json = False) -> None:
    """One incident with its timeline."""
    from fallback_server.app import policy_of
    from fallback_server.windows.console import queries

    out, found = Output(as_json), instance(ctx)
    with found.store() as store, store.reading() as tx:
        one = queries.incident_detail(tx, policy_of(found.settings), chosen(tx.conn, incident or tx.mode.incident_no))
    out.say(f"incident {one['incident_no']}: {one['state']}, {one['cause']}, {one['reason']}; {_counts(one)}")
    rows = [
        [event["at"], event["arrow"], event["kind"], event["operator_code"], event["approver_code"]]
        for event in one["timeline"]
    ]
    out.table("经过 · timeline", ["at", "arrow", "what", "by", "with"], rows)
    out.document(one)


@group.command()
def confirm(
    ctx: typer.Context, operator: Operator, incident: Incident = None, password_file: PasswordFile = None
) -> None:
    """The second person's confirmation that YJ was switched on."""
    from fallback_server.domain.modes import Permit
    from fallback_server.store.mode_switch import confirm_incident

    with instance(ctx).store() as store:
        actor = acting(store, operator, DECIDE, Passwords(password_file))
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            number = chosen(tx.conn, incident or tx.mode.incident_no)
            confirm_incident(tx, number)
    Output(False).say(f"incident {number}: confirmed by {operator}")


@group.command()
def explain(
    ctx: typer.Context,
    difference: Annotated[int, typer.Argument(help="its id in `yj reconcile`")],
    operator: Operator,
    note: Annotated[str, typer.Option(help="why it is as it is, in words")],
    incident: Incident = None,
    password_file: PasswordFile = None,
) -> None:
    """Put your name and a reason to a difference of the newest account."""
    from fallback_server.domain.modes import Permit
    from fallback_server.windows.console import usecases
    from fallback_server.windows.console.api.returns import ExplainRequest

    body = checked(ExplainRequest, {"note": note})
    with instance(ctx).store() as store:
        actor = acting(store, operator, DECIDE, Passwords(password_file))
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            usecases.explain(tx, chosen(tx.conn, incident), difference, body.note)
    Output(False).say(f"difference {difference}: explained by {operator}")


@group.command()
def sign(
    ctx: typer.Context,
    operator: Operator,
    signed_as: Annotated[str, typer.Option("--as", help="it (an administrator) or finance (a supervisor)")],
    incident: Incident = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Sign the newest account; the second signature closes the incident."""
    from fallback_server.domain.modes import Permit
    from fallback_server.store.mode_switch import incident_row
    from fallback_server.windows.console import rules, usecases

    if signed_as not in rules.SIGNERS:
        raise Misuse(f"--as {signed_as}: must be one of {', '.join(rules.SIGNERS)}")
    out = Output(as_json)
    with instance(ctx).store() as store:
        actor = acting(store, operator, tuple(rules.SIGNERS.values()), Passwords(password_file))
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            number = chosen(tx.conn, incident)
            usecases.sign(tx, number, signed_as)
            state = incident_row(tx.conn, number)["state"]
    out.say(f"incident {number}: signed as {signed_as} by {operator}; now {state}")
    out.document({"incident_no": number, "signed_as": signed_as, "state": state})


@group.command()
def archive(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(min=1, help="number of the incident")],
    out_dir: Annotated[Path, typer.Option("--out", help="folder; the papers go to incident-N in it")],
    operator: Operator,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Every paper of an incident as PDF, with a manifest; run it again and it goes on where it was."""
    from clients.console import archive as shelf
    from clients.pages import PAGES_DIR
    from fallback_server.app import create_app
    from fallback_server.web.routes import READ_EVERYTHING

    out, found = Output(as_json), instance(ctx)
    folder = out_dir / f"incident-{number}"
    with found.store() as store:
        actor = acting(store, operator, READ_EVERYTHING, Passwords(password_file))
        app = create_app(found.settings, found.clock, PAGES_DIR, store=store)
        try:
            with out.progress("PDF") as ticker:
                done = shelf.write(app, store, actor, number, folder, ticker.advance)
        except OSError as error:
            raise Misuse(f"--out {out_dir}: cannot be written ({error.strerror})") from error
    out.say(f"{folder}: {done.made} made, {done.kept} kept; manifest {done.sha256}")
    out.document({"folder": str(folder), "made": done.made, "kept": done.kept, "manifest": done.sha256,
                  "failed": [{"file": name, "code": code} for name, code in done.failed]})  # fmt: skip
    if done.failed:
        raise NotInOrder(*(f"{name}: not made ({code})" for name, code in done.failed))


def _counts(one: dict[str, Any]) -> str:
    return ", ".join(f"{count} {state}" for state, count in sorted(one["documents"].items())) or "no documents"
