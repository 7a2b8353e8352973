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
    from fallback_server.store.session import Actor, Store

Operator = Annotated[str, typer.Option("--operator", help="your own code")]
Asked = Annotated[str | None, typer.Option("--operator", help="your own code; asked for if it is missing")]
Approver = Annotated[str | None, typer.Option("--approver", help="code of the second person")]
PasswordFile = Annotated[
    Path | None, typer.Option("--password-file", help="JSON file, code → password; without it passwords are asked for")
]
STATION = "console"
PHRASE = 16


def password_problem(password: str, least: int) -> str | None:
    """Why a password will not do, or None: letters and digits, or a phrase long enough to need neither."""
    if len(password) < least:
        return f"has {len(password)} characters; at least {least}"
    letters, digits = any(c.isalpha() for c in password), any(c.isdigit() for c in password)
    if not (letters and digits) and len(password) < PHRASE:
        return f"needs letters and digits (or at least {PHRASE} characters)"
    return None


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
    store: Store, operator: str, roles: Iterable[str], passwords: Passwords, approver: str | None = None
) -> Actor:
    """The person who acts, password and role checked, with the second person's code where one was named.

    Raises YjError login_failed, forbidden, approver_rejected.
    """
    from dataclasses import replace

    from fallback_server.domain.categories import effective_roles
    from fallback_server.domain.errors import YjError
    from fallback_server.domain.modes import Permit
    from fallback_server.store.session import Actor
    from fallback_server.web.people import check_approver, find_person, password_matches

    with store.reading() as tx:
        person = find_person(tx.conn, operator)
    if person is None or not person.active or not password_matches(person, passwords.of(operator)):
        with store.writing(Permit.HOUSEKEEPING, Actor("", "", frozenset(), STATION)) as tx:
            tx.audit("console.login", subject=operator[:64], ok=False)
        raise YjError("login_failed")
    actor = Actor(person.code, person.name, effective_roles(person.roles), STATION)
    if not actor.roles & set(roles):
        with store.writing(Permit.HOUSEKEEPING, actor) as tx:
            tx.audit("console.login", subject=operator, ok=False, code="forbidden")
        raise YjError("forbidden", roles=", ".join(sorted(roles)))
    if approver is None:
        return actor
    return replace(actor, approver_code=check_approver(store, actor, approver, passwords.of(approver)))


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
