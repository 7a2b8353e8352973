"""Who acts at the command line: passwords are asked for or read from a file, never taken from an argument (P12)."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.console import output
from clients.console.context import Misuse

if TYPE_CHECKING:
    from fallback_server.domain.policy import Policy
    from fallback_server.store.session import Actor, Store

Operator = Annotated[str, typer.Option("--operator", help="your own code")]
Asked = Annotated[str | None, typer.Option("--operator", help="your own code; asked for if it is missing")]
Approver = Annotated[str | None, typer.Option("--approver", help="code of the second person")]
PasswordFile = Annotated[
    Path | None, typer.Option("--password-file", help="JSON file, code → password; without it passwords are asked for")
]
STATION = "console"
Alone = Annotated[
    str | None, typer.Option("--alone", help="why there is no second person; listed until somebody counter-signs")
]


class Passwords:
    """Passwords by code, from a file or from the person at the terminal."""

    def __init__(self, file: Path | None) -> None:
        self._known = _read(file) if file is not None else None

    def of(self, code: str) -> str:
        """The password of `code`. Raises Misuse if the file does not have it or nobody can be asked."""
        if self._known is not None:
            if code not in self._known:
                raise Misuse(f"--password-file: it has no entry for {code}")
            return self._known[code]
        if not sys.stdin.isatty():
            raise Misuse(f"the password of {code} cannot be asked for without a terminal; give --password-file")
        return getpass.getpass(f"{code} 密码 password: ")


def person(code: str | None) -> str:
    """The code of the person who acts, asked for at the terminal if it was not given. Raises Misuse without one."""
    if code is None and sys.stdin.isatty():
        code = output.ask("工号 operator: ")
    if not code:
        raise Misuse("--operator: is missing; this act carries a person's name")
    return code


def acting(
    store: Store,
    operator: str,
    roles: Iterable[str],
    passwords: Passwords,
    approver: str | None = None,
    *,
    policy: Policy | None = None,
    acts: tuple[str, ...] = (),
    alone: str | None = None,
) -> Actor:
    """The person who acts, password and role checked, with the second person's code where one was named.

    A second person far away reads out a one-time code for one of `acts`, given in place of the password. Raises YjError
    login_failed, too_many_requests, forbidden, approver_rejected.
    """
    from dataclasses import replace

    from fallback_server.domain.categories import effective_roles
    from fallback_server.domain.errors import YjError
    from fallback_server.domain.modes import Permit
    from fallback_server.domain.policy import Policy as Rules
    from fallback_server.store.session import Actor
    from fallback_server.web.people import (
        break_seal,
        count_failure,
        find_person,
        password_matches,
        refuse_if_locked_out,
    )

    policy = policy or Rules()
    with store.reading() as tx:
        refuse_if_locked_out(tx, policy, operator)
        person = find_person(tx, operator)
    if person is None or not person.active or not password_matches(person, passwords.of(operator)):
        with store.writing(Permit.HOUSEKEEPING, Actor("", "", frozenset(), STATION)) as tx:
            count_failure(tx, policy, operator, None)
            tx.audit("console.login", subject=operator[:64], ok=False)
        raise YjError("login_failed")
    actor = Actor(person.code, person.name, effective_roles(person.roles), STATION)
    if not actor.roles & set(roles):
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            tx.audit("console.login", subject=operator, ok=False, code="forbidden")
        raise YjError("forbidden", roles=", ".join(sorted(roles)))
    if person.seal is not None:
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            break_seal(tx, person.seal, STATION, None)
    if alone is not None:
        return replace(actor, alone=alone)
    return actor if approver is None else _approved(store, policy, actor, approver, passwords, acts)


def _approved(
    store: Store, policy: Policy, actor: Actor, approver: str, passwords: Passwords, acts: tuple[str, ...]
) -> Actor:
    """The actor with the second person; a one-time code is used up here, whatever becomes of the act."""
    from dataclasses import replace

    from fallback_server.domain.errors import YjError
    from fallback_server.domain.modes import Permit
    from fallback_server.store import credentials
    from fallback_server.store.people import forget_login_failures
    from fallback_server.web.people import check_approver, count_failure, refuse_if_locked_out

    with store.reading() as tx:
        refuse_if_locked_out(tx, policy, approver)
    given = passwords.of(approver)
    try:
        code, number = check_approver(store, actor, approver, given, acts=acts)
    except YjError:
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            count_failure(tx, policy, approver, None)
        raise
    if number is not None:
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            if not credentials.take_approval(tx.conn, number, tx.at):
                raise YjError("approver_rejected")
            forget_login_failures(tx.conn, approver)
            tx.audit("approval.used", subject=str(number))
    return replace(actor, approver_code=code)


def _read(file: Path) -> dict[str, str]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misuse(f"--password-file {file}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise Misuse(f"--password-file {file}: is not JSON ({error})") from error
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Misuse(f'--password-file {file}: must be an object like {{"A01": "password"}}')
    return found
