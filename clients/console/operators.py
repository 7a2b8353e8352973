"""`yj operator add | disable | reset | list`: operators of our own. Those of the centre come with the mirror."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clients.console.context import Instance, Misuse, NotInOrder, instance
from clients.console.output import Output
from clients.console.people import Operator, PasswordFile, Passwords, acting, password_problem

if TYPE_CHECKING:
    from fallback_server.store.session import Actor, Store

group = typer.Typer(no_args_is_help=True, help="operators of the standby's own")
Code = Annotated[str, typer.Argument(help="the operator's code")]
PasswordFrom = Annotated[
    Path | None, typer.Option("--password-from", help="file with the new password in its first line")
]


@group.command(name="list")
def list_operators(
    ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False
) -> None:
    """Who can log in without the mirror."""
    from sqlalchemy import select

    from fallback_server.store.people import operator

    out = Output(as_json)
    columns = (
        operator.c.operator_code,
        operator.c.name,
        operator.c.roles,
        operator.c.disabled_at,
        operator.c.created_at,
    )
    with instance(ctx).store() as store, store.reading() as tx:
        rows: list[dict[str, Any]] = [
            dict(row) for row in tx.conn.execute(select(*columns).order_by(columns[0])).mappings()
        ]
    shown = [[one["operator_code"], one["name"], " ".join(one["roles"]), one["disabled_at"]] for one in rows]
    out.table("操作员 · operators", ["code", "name", "roles", "disabled"], shown)
    out.document({"items": rows})


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
    from fallback_server.domain.modes import Permit
    from fallback_server.web.people import hasher

    unknown = [one for one in role if one not in ROLES]
    if unknown:
        raise Misuse(f"--role {', '.join(unknown)}: not known; one of {', '.join(ROLES)}")
    found = instance(ctx)
    with found.store() as store:
        actor = _admin(store, operator, password_file)
        new = NewOperator(code, name, _new_password(found, code, password_from), tuple(dict.fromkeys(role)))
        password_hash = hasher().hash(new.password)
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            store_operator(tx, new, password_hash)
    Output().say(f"{code} {name}: {', '.join(new.roles)}")


@group.command()
def disable(ctx: typer.Context, code: Code, operator: Operator, password_file: PasswordFile = None) -> None:
    """Lock somebody out at once: sessions end, a mirrored operator of this code is hidden too."""
    from sqlalchemy import update

    from fallback_server.domain.modes import Permit
    from fallback_server.store import people

    found = instance(ctx)
    with found.store() as store:
        actor = _admin(store, operator, password_file)
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            _require_known(tx, code)
            own = people.operator
            tx.conn.execute(update(own).where(own.c.operator_code == code).values(disabled_at=tx.at))
            live = people.session
            tx.conn.execute(
                update(live).where(live.c.operator_code == code, live.c.ended_at.is_(None)).values(ended_at=tx.at)
            )
            tx.audit("operator.disable", subject=code)
    Output().say(f"{code}: disabled")


@group.command()
def reset(
    ctx: typer.Context,
    code: Code,
    operator: Operator,
    password_from: PasswordFrom = None,
    password_file: PasswordFile = None,
) -> None:
    """Give somebody a new password and let them in again."""
    from sqlalchemy import delete, update

    from fallback_server.domain.modes import Permit
    from fallback_server.store import people
    from fallback_server.web.people import hasher

    found = instance(ctx)
    with found.store() as store:
        actor = _admin(store, operator, password_file)
        password_hash = hasher().hash(_new_password(found, code, password_from))
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            _require_known(tx, code)
            own = people.operator
            tx.conn.execute(
                update(own).where(own.c.operator_code == code).values(password_hash=password_hash, disabled_at=None)
            )
            tx.conn.execute(delete(people.login_failure).where(people.login_failure.c.operator_code == code))
            tx.audit("operator.reset", subject=code)
    Output().say(f"{code}: new password")


def _admin(store: Store, operator: str, password_file: Path | None) -> Actor:
    return acting(store, operator, ("admin",), Passwords(password_file))


def _require_known(tx: Any, code: str) -> None:
    """Make the row for somebody only the mirror knows, so that it hides the mirrored one. Raises NotInOrder."""
    from sqlalchemy import select

    from fallback_server.store.people import operator
    from fallback_server.web.people import find_person

    if tx.conn.execute(select(operator.c.operator_code).where(operator.c.operator_code == code)).first():
        return
    person = find_person(tx.conn, code)
    if person is None:
        raise NotInOrder(f"operator {code}: there is none with this code, here or in the mirror")
    tx.conn.execute(
        operator.insert().values(operator_code=code, name=person.name, roles=sorted(person.roles), created_at=tx.at)
    )


def _new_password(found: Instance, code: str, file: Path | None) -> str:
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
    if (problem := password_problem(password, found.settings.security.password_min_length)) is not None:
        raise Misuse(f"the password of {code} {problem}")
    return password
