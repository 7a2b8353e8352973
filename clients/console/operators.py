"""`yj operator …`: operators of our own, and what the standby adds to those who come with the mirror."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clients.console.context import Instance, Misuse, NotInOrder, instance
from clients.console.output import Output
from clients.console.people import Operator, PasswordFile, Passwords, acting

if TYPE_CHECKING:
    from fallback_server.store.session import Actor, Store

group = typer.Typer(no_args_is_help=True, help="who may log in here")
Code = Annotated[str, typer.Argument(help="the operator's code")]
Json = Annotated[bool, typer.Option("--json", help="one JSON document")]
Reason = Annotated[str, typer.Option("--reason", help="why, in words")]
PasswordFrom = Annotated[
    Path | None, typer.Option("--password-from", help="file with the new password in its first line")
]
ADMIN = ("admin",)


@group.command(name="list")
def list_operators(
    ctx: typer.Context,
    everybody: Annotated[bool, typer.Option("--all", help="those of the mirror too, and whether they could log in")] = (
        False
    ),
    as_json: Json = False,
) -> None:
    """Who can log in without the mirror; with --all everybody."""
    out = Output(as_json)
    with instance(ctx).store() as store, store.reading() as tx:
        rows = _everybody(tx) if everybody else _own(tx)
    if everybody:
        shown = [[one["operator"], one["name"], " ".join(one["roles"]), one["why"], one["last_seen"]] for one in rows]
        out.table("操作员 · operators", ["code", "name", "roles", "log-in", "last seen"], shown)
    else:
        shown = [[one["operator_code"], one["name"], " ".join(one["roles"]), one["disabled_at"]] for one in rows]
        out.table("操作员 · operators", ["code", "name", "roles", "disabled"], shown)
    out.document({"items": rows})


def _own(tx: Any) -> list[dict[str, Any]]:
    from sqlalchemy import select

    from fallback_server.store.people import operator

    columns = ("operator_code", "name", "roles", "disabled_at", "created_at")
    rows = tx.conn.execute(select(*(operator.c[name] for name in columns)).order_by(operator.c.operator_code))
    return [dict(row) for row in rows.mappings()]


def _everybody(tx: Any) -> list[dict[str, Any]]:
    from fallback_server.store import staffing

    return [one.view() for one in staffing.everyone(tx.conn, tx.now)]


@group.command()
def add(
    ctx: typer.Context,
    code: Code,
    operator: Operator,
    name: Annotated[str, typer.Option(help="the person's name")],
    role: Annotated[list[str], typer.Option(help="may be repeated")],
    password_from: PasswordFrom = None,
    password_file: PasswordFile = None,
) -> None:
    """Add one, with a password of their own."""
    from clients.console.founding import NewOperator, store_operator
    from fallback_server.domain.categories import ROLES
    from fallback_server.domain.hash_schemes import hasher
    from fallback_server.domain.modes import Permit
    from fallback_server.store.credentials import SEALED

    unknown = [one for one in role if one not in ROLES]
    if unknown:
        raise Misuse(f"--role {', '.join(unknown)}: not known; one of {', '.join(ROLES)}")
    if code in (SEALED, "system"):
        raise Misuse(f"{code}: this code is kept for the standby itself; choose another")
    found = instance(ctx)
    with found.store() as store:
        actor = _admin(found, store, operator, password_file)
        new = NewOperator(code, name, _new_password(found, code, password_from), tuple(dict.fromkeys(role)))
        password_hash = hasher().hash(new.password)
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            store_operator(tx, new, password_hash)
    Output().say(f"{code} {name}: {', '.join(new.roles)}")


@group.command()
def disable(
    ctx: typer.Context, code: Code, operator: Operator, reason: Reason = "", password_file: PasswordFile = None
) -> None:
    """Lock somebody out at once, wherever they come from: sessions end, codes are void."""
    from fallback_server.domain.modes import Permit
    from fallback_server.store import staffing

    found = instance(ctx)
    with found.store() as store:
        actor = _admin(found, store, operator, password_file)
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            ended = staffing.disable(tx, code, reason)
    Output().say(f"{code}: disabled, {ended} sessions ended")


@group.command()
def enable(
    ctx: typer.Context, code: Code, operator: Operator, reason: Reason = "", password_file: PasswordFile = None
) -> None:
    """Let somebody in again who was locked out by hand, with the password they had."""
    from fallback_server.domain.modes import Permit
    from fallback_server.store import staffing

    found = instance(ctx)
    with found.store() as store:
        actor = _admin(found, store, operator, password_file)
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            staffing.enable(tx, code, reason)
    Output().say(f"{code}: enabled")


@group.command()
def reset(
    ctx: typer.Context,
    code: Code,
    operator: Operator,
    password_from: PasswordFrom = None,
    must_change: Annotated[bool, typer.Option("--must-change", help="they choose another at the first log-in")] = False,
    password_file: PasswordFile = None,
) -> None:
    """Give somebody a new password and let them in again. `yj operator code` lets them choose it themselves."""
    from fallback_server.domain.hash_schemes import hasher
    from fallback_server.domain.modes import Permit
    from fallback_server.store import people, staffing
    from fallback_server.web.people import find_person, set_password

    found = instance(ctx)
    with found.store() as store:
        actor = _admin(found, store, operator, password_file)
        password_hash = hasher().hash(_new_password(found, code, password_from))
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            person = find_person(tx, code)
            if person is None or person.seal is not None:
                raise NotInOrder(f"operator {code}: there is none with this code, here or in the mirror")
            if code != actor.operator_code:
                staffing.enable(tx, code, "reset")
            set_password(tx, found.policy, person, password_hash, must_change=must_change)
            people.forget_login_failures(tx.conn, code)
            people.end_sessions(tx.conn, code, tx.at)
            tx.audit("operator.reset", subject=code)
    Output().say(f"{code}: new password")


@group.command(name="code")
def hand_out(
    ctx: typer.Context,
    operator: Operator,
    codes: Annotated[list[str] | None, typer.Argument(help="whose; or --department")] = None,
    department: Annotated[str | None, typer.Option(help="all of this department who have no password")] = None,
    log_out: Annotated[bool, typer.Option("--log-out", help="their sessions end too")] = False,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Codes to log in once and choose a password: shown now and never again."""
    from fallback_server.web import codes as issuing
    from fallback_server.windows.console.queries.people import without_password

    if bool(codes) == (department is not None):
        raise Misuse("codes of people, or --department: one of the two")
    out, found = Output(as_json), instance(ctx)
    with found.store() as store:
        actor = acting(store, operator, ("admin", "supervisor"), Passwords(password_file), policy=found.policy)
        wanted = codes or []
        if department is not None:
            with store.reading() as tx:
                wanted = without_password(tx, department)
        given = issuing.hand_out(store, found.policy, actor, wanted, log_out=log_out)
    _tell(out, given)
    out.document({"items": [one.view() for one in given]})


@group.command()
def approve(
    ctx: typer.Context,
    operator: Operator,
    whom: Annotated[str, typer.Option("--for", help="code of the one who may use it")],
    act: Annotated[str, typer.Option(help="mode_normal drill_end upload refund void conflict restore seal …")],
    sheet: Annotated[int | None, typer.Option(min=1, max=20, help="so many, on a sheet for later")] = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """A one-time code by which `--for` may do `--act` with you as the second person: read it out over the telephone."""
    from fallback_server.domain.categories import SECOND_PERSON_ROLES
    from fallback_server.web import codes as issuing

    out, found = Output(as_json), instance(ctx)
    with found.store() as store:
        actor = acting(store, operator, SECOND_PERSON_ROLES, Passwords(password_file), policy=found.policy)
        given = issuing.approvals(store, found.policy, actor, act, whom, sheet)
    _tell(out, given)
    out.document({"approver": operator, "act": act, "items": [one.view() for one in given]})


@group.command()
def seal(
    ctx: typer.Context,
    operator: Operator,
    approver: Annotated[str | None, typer.Option("--approver", help="code of the second person")] = None,
    alone: Annotated[str | None, typer.Option("--alone", help="why there is no second person")] = None,
    password_file: PasswordFile = None,
    as_json: Json = False,
) -> None:
    """Seal the break-glass account: its code is shown now, for an envelope in the safe, and never again."""
    from fallback_server.web import codes as issuing

    out, found = Output(as_json), instance(ctx)
    with found.store() as store:
        actor = acting(
            store, operator, ADMIN, Passwords(password_file), approver, policy=found.policy, acts=("seal",), alone=alone
        )
        made = issuing.seal(store, found.policy, actor)
    out.say(f"工号 operator {made['operator']}\n启封码 code {made['code']}\n封存 sealed {made['sealed_at']}")
    out.document(made)


@group.command(name="alone")
def list_alone(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="those signed too")] = False,
    as_json: Json = False,
) -> None:
    """What one person did without a second; exit 1 while something waits for its counter-signature."""
    from fallback_server.store import second_person

    out = Output(as_json)
    with instance(ctx).store() as store, store.reading() as tx:
        rows = second_person.listed(tx, only_open=not everything)
    shown = [[one["id"], one["act"], one["operator"], one["at"], one["due_at"], one["signed_by"]] for one in rows]
    out.table("单人操作 · done alone", ["id", "act", "operator", "at", "due", "signed by"], shown)
    out.document({"items": rows})
    if any(one["signed_at"] is None for one in rows):
        raise typer.Exit(1)


@group.command()
def countersign(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(min=1, help="its number in `yj operator alone`")],
    operator: Operator,
    note: Annotated[str, typer.Option(help="what you found, in words")],
    password_file: PasswordFile = None,
) -> None:
    """Sign what another did alone."""
    from fallback_server.domain.categories import SECOND_PERSON_ROLES
    from fallback_server.domain.modes import Permit
    from fallback_server.store import second_person

    if not note.strip():
        raise Misuse("--note: is empty; say what you found")
    found = instance(ctx)
    with found.store() as store:
        actor = acting(store, operator, SECOND_PERSON_ROLES, Passwords(password_file), policy=found.policy)
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            signed = second_person.countersign(tx, number, note)
    Output().say(f"{signed['act']} of {signed['operator']}: signed by {signed['signed_by']}")


def _tell(out: Output, given: list[Any]) -> None:
    rows = [[one.operator, one.name, one.view()["code"], one.expires_at] for one in given]
    out.table("一次性代码 · one-time codes", ["operator", "name", "code", "until"], rows)


def _admin(found: Instance, store: Store, operator: str, password_file: Path | None) -> Actor:
    return acting(store, operator, ADMIN, Passwords(password_file), policy=found.policy)


def _new_password(found: Instance, code: str, file: Path | None) -> str:
    from fallback_server.domain.passwords import problem

    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise Misuse(f"--password-from {file}: cannot be read ({error.strerror})") from error
        password = lines[0].strip() if lines else ""
    elif sys.stdin.isatty():
        password = getpass.getpass(f"{code} 新密码 new password: ")
    else:
        raise Misuse("--password-from: a password cannot be asked for without a terminal; give a file")
    if (weak := problem(password, found.settings.security.password_min_length, code)) is not None:
        raise Misuse(f"the password of {code} {weak}")
    return password
