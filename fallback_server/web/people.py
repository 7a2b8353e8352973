"""Who somebody is and whether the password is theirs: our own operators first, then the mirrored ones."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection, select

from fallback_server.domain.categories import ROLES, SECOND_PERSON_ROLES, effective_roles
from fallback_server.domain.clock import from_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.policy import Policy
from fallback_server.store import mirror
from fallback_server.store.people import login_failure, operator
from fallback_server.store.session import Actor, Store, Tx


@dataclass(frozen=True)
class Person:
    """An operator as log-in needs one; `scheme` says how `password_hash` was made."""

    code: str
    name: str
    roles: frozenset[str]
    password_hash: str | None
    scheme: str | None
    active: bool


@cache
def hasher() -> PasswordHasher:
    """argon2id with the library's current defaults."""
    return PasswordHasher()


def find_person(conn: Connection, code: str) -> Person | None:
    """The operator with this code; one of our own hides a mirrored one of the same code (a leaver disabled by hand)."""
    own = conn.execute(select(operator).where(operator.c.operator_code == code)).mappings().first()
    if own is not None:
        return Person(
            code, own["name"], _known(own["roles"]), own["password_hash"], "argon2id", own["disabled_at"] is None
        )
    table = mirror.datasets["operator"]
    row = conn.execute(select(table).where(table.c.operator_code == code)).mappings().first()
    if row is None:
        return None
    return Person(
        code,
        row["name"],
        _known(row["roles"].split(",")),
        row["password_hash"],
        row["password_scheme"],
        bool(row["active"]),
    )


def _known(roles: Any) -> frozenset[str]:
    # A role the centre has and we do not gives nothing (P12).
    return frozenset(role.strip() for role in roles) & frozenset(ROLES)


def password_matches(person: Person, password: str) -> bool:
    """Whether the password is this person's. Takes tens of milliseconds for argon2: never call it inside a write."""
    if person.password_hash is None:
        return False
    if person.scheme == "argon2id":
        try:
            return hasher().verify(person.password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
    if person.scheme in ("md5", "sha1", "sha256"):
        return _digest_matches(person.scheme, person.password_hash, password)
    return False


def _digest_matches(scheme: str, stored: str, password: str) -> bool:
    """Hashes as centres keep them: hex of the password, or `salt$hex` of salt and password together."""
    salt, _, digest = stored.rpartition("$")
    computed = hashlib.new(scheme, (salt + password).encode()).hexdigest()
    return hmac.compare_digest(computed.encode(), digest.strip().lower().encode())  # whatever the centre kept there


def refuse_if_locked_out(tx: Tx, policy: Policy, code: str) -> None:
    """After too many wrong passwords each further one doubles the wait, up to the lock-out time: too_many_requests."""
    row = tx.conn.execute(select(login_failure).where(login_failure.c.operator_code == code)).mappings().first()
    if row is None or row["failures"] < policy.login_attempts:
        return
    wait = min(policy.lockout_minutes * 60, 2 ** (row["failures"] - policy.login_attempts + 1))
    left = (from_text(row["last_at"]) + timedelta(seconds=wait) - tx.now).total_seconds()
    if left > 0:
        raise YjError("too_many_requests", seconds=int(left) + 1)


def check_approver(store: Store, acting: Actor, code: str, password: str) -> str:
    """The second person's code, or YjError approver_rejected. Opens a read of its own, before any write."""
    if code == acting.operator_code:
        raise YjError("approver_rejected")
    with store.reading() as tx:
        person = find_person(tx.conn, code)
    allowed = person is not None and person.active and bool(effective_roles(person.roles) & set(SECOND_PERSON_ROLES))
    if person is None or not allowed or not password_matches(person, password):
        raise YjError("approver_rejected")
    return person.code
