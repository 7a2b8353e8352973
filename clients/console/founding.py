"""Making an instance: all is checked before anything is written, and all that is wrong is said at once."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clients.console import output
from clients.console.context import Instance, Misuse

if TYPE_CHECKING:
    from fallback_server.store.session import Tx

CODE_LENGTH = 64


@dataclass(frozen=True)
class NewOperator:
    """An operator of our own, about to be stored."""

    code: str
    name: str
    password: str = field(repr=False)
    roles: tuple[str, ...] = ("admin",)


def first_admins(file: Path | None) -> list[NewOperator]:
    """The people of --admins, or those typed in at the terminal. Raises Misuse naming everything that is wrong."""
    people = _from_file(file) if file is not None else _asked()
    problems = _problems(people)
    if problems:
        raise Misuse(*problems)
    return people


def make(
    found: Instance, people: Sequence[NewOperator], *, database: str | None, central: str | None, mapping: str | None
) -> None:
    """Write yj.toml, create the schema, store the people. Raises Misuse or SettingsError, leaving no yj.toml behind."""
    from config.settings import SettingsError, write_default

    try:
        path = write_default(found.home, database_url=database, central_url=central, mapping=mapping)
    except FileExistsError:
        raise Misuse(
            f"--home {found.home}: there is an instance already; choose another folder, or change its yj.toml"
        ) from None
    except OSError as error:
        raise Misuse(f"--home {found.home}: cannot be written ({error.strerror})") from error
    try:
        _check(found)
        _found(found, people)
    except (SettingsError, Misuse):
        path.unlink()
        raise


def store_operator(tx: Tx, one: NewOperator, password_hash: str) -> None:
    """Insert an operator of our own. Raises Misuse if the code is taken."""
    from sqlalchemy import select

    from fallback_server.store.people import operator

    if tx.conn.execute(select(operator.c.operator_code).where(operator.c.operator_code == one.code)).first():
        raise Misuse(
            f"operator {one.code}: there is one with this code already; `yj operator reset` gives a new password"
        )
    tx.conn.execute(
        operator.insert().values(
            operator_code=one.code, name=one.name, roles=list(one.roles), password_hash=password_hash, created_at=tx.at
        )
    )
    tx.audit("operator.add", subject=one.code, roles=list(one.roles))


def _check(found: Instance) -> None:
    """Settings and mapping of the new instance."""
    settings = found.settings
    if not (settings.mapping_dir / "mapping.toml").is_file():
        raise Misuse(f"--mapping {settings.central.mapping}: there is no mapping.toml in {settings.mapping_dir}")


def _found(found: Instance, people: Sequence[NewOperator]) -> None:
    from sqlalchemy import func, select
    from sqlalchemy.exc import OperationalError

    from fallback_server.domain.modes import Permit
    from fallback_server.store.mode import SYSTEM_OPERATOR
    from fallback_server.store.people import operator
    from fallback_server.store.session import Actor
    from fallback_server.web.people import hasher
    from migrations.upgrade import upgrade

    try:
        upgrade(found.settings.database.url, found.clock)
    except OperationalError as error:
        raise Misuse(f"--database: cannot be opened ({str(error.orig).strip()})") from error
    hashes = [hasher().hash(one.password) for one in people]
    with found.store() as store, store.writing(Permit.HOUSEKEEPING, Actor(SYSTEM_OPERATOR, SYSTEM_OPERATOR)) as tx:
        if tx.conn.execute(select(func.count()).select_from(operator)).scalar_one():
            raise Misuse("--database: it belongs to an instance already; give an empty database")
        for one, password_hash in zip(people, hashes, strict=True):
            store_operator(tx, one, password_hash)


def _from_file(file: Path) -> list[NewOperator]:
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misuse(f"--admins {file}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise Misuse(f"--admins {file}: is not JSON ({error})") from error
    if not isinstance(raw, list) or not all(isinstance(entry, dict) for entry in raw):
        raise Misuse(f"--admins {file}: must be a list like [{{operator, name, password}}, …]")
    return [_entry(entry) for entry in raw]


def _entry(raw: dict[str, Any]) -> NewOperator:
    texts = {name: raw.get(name) for name in ("operator", "name", "password")}
    code, name, password = (text if isinstance(text, str) else "" for text in texts.values())
    roles = raw.get("roles", ["admin"])
    listed = tuple(str(role) for role in roles) if isinstance(roles, list) else ("",)
    return NewOperator(code.strip(), name.strip(), password, listed)


def _asked() -> list[NewOperator]:
    import getpass

    if not sys.stdin.isatty():
        raise Misuse("--admins: the first two administrators cannot be asked for without a terminal; give a JSON file")
    people = []
    for number in (1, 2):
        code = output.ask(f"管理员 {number} 工号 / administrator {number}, code: ")
        name = output.ask("姓名 / name: ")
        people.append(NewOperator(code, name, getpass.getpass("密码 / password: ")))
    return people


def _problems(people: Sequence[NewOperator]) -> list[str]:
    from config.sections import Security
    from fallback_server.domain.categories import ROLES
    from fallback_server.domain.passwords import problem as password_problem

    found = []
    if len(people) < 2:
        found.append(
            f"--admins: {len(people)} given; two people are needed, so that one can confirm what the other does"
        )
    codes = [one.code for one in people]
    found += [f"--admins: operator {code} is there twice" for code in sorted({c for c in codes if codes.count(c) > 1})]
    for number, one in enumerate(people, start=1):
        label = f"--admins: entry {number} ({one.code or 'without operator'})"
        if not one.code or len(one.code) > CODE_LENGTH or one.code == "system":
            found.append(f"{label}: operator must be a code of 1 to {CODE_LENGTH} characters, and not system")
        if not one.name:
            found.append(f"{label}: name is missing")
        if (problem := password_problem(one.password, Security().password_min_length)) is not None:
            found.append(f"{label}: password {problem}")
        unknown = [role for role in one.roles if role not in ROLES]
        if unknown or not one.roles:
            found.append(f"{label}: roles {', '.join(unknown) or '(none)'} unknown; there are {', '.join(ROLES)}")
    if sum("admin" in one.roles for one in people) < 2:
        found.append("--admins: two of them must have the role admin")
    return found
