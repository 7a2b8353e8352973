"""Who somebody is and whether the password is theirs: our own operators first, then the mirrored ones.

A mirrored operator logs in with the password of every day; from the first time on the standby keeps an argon2id hash of
it. When the centre's hash changes (the person chose another password there), the centre's counts again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from fallback_server.domain import hash_schemes
from fallback_server.domain.categories import ROLES, SECOND_PERSON_ROLES, effective_roles
from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.hash_schemes import hasher
from fallback_server.domain.passwords import plain, problem
from fallback_server.domain.policy import Policy
from fallback_server.store import alarms, credentials, mirror
from fallback_server.store.people import count_login_failure, login_failure, operator
from fallback_server.store.session import Actor, Store, Tx

__all__ = ["Person", "check_approver", "find_person", "hasher", "password_matches"]


@dataclass(frozen=True)
class Person:
    """An operator as log-in needs one; `scheme` says how `password_hash` was made."""

    code: str
    name: str
    roles: frozenset[str]
    password_hash: str | None
    scheme: str | None
    active: bool
    own: bool = False
    """Of our own; else of the mirror."""
    basis: str = ""
    """What stands for the centre's own hash (credentials.basis_of)."""
    kept: bool = False
    """The hash is one the standby made."""
    set_at: str | None = None
    must_change: bool = False
    seal: int | None = None
    """Number of the seal, if this is the break-glass account."""

    @property
    def usable(self) -> bool:
        """Whether there is anything a password could be compared with."""
        return hash_schemes.usable(self.scheme, self.password_hash)


def find_person(tx: Tx, code: str) -> Person | None:
    """The operator with this code; one of our own hides a mirrored one of the same code."""
    if code == credentials.SEALED:
        return _sealed(tx)
    own = tx.conn.execute(select(operator).where(operator.c.operator_code == code)).mappings().first()
    if own is not None:
        return Person(
            code, own["name"], _known(own["roles"]), own["password_hash"], "argon2id", own["disabled_at"] is None,
            own=True, kept=True, set_at=own["password_set_at"], must_change=own["must_change"],
        )  # fmt: skip
    table = mirror.datasets["operator"]
    row = tx.conn.execute(select(table).where(table.c.operator_code == code)).mappings().first()
    return _mirrored(tx, dict(row)) if row is not None else None


def _mirrored(tx: Tx, row: dict[str, Any]) -> Person:
    code, scheme, stored = row["operator_code"], row["password_scheme"], row["password_hash"]
    basis = credentials.basis_of(scheme, stored)
    added = credentials.find(tx.conn, code)
    active = bool(row["active"]) and (added is None or added["disabled_at"] is None)
    roles = _known(row["roles"].split(","))
    if added is None or added["password_hash"] is None or added["basis"] != basis:
        return Person(code, row["name"], roles, stored, scheme, active, basis=basis)
    return Person(
        code, row["name"], roles, added["password_hash"], "argon2id", active, basis=basis, kept=True,
        set_at=added["set_at"] if added["own"] else None, must_change=added["must_change"],
    )  # fmt: skip


def _sealed(tx: Tx) -> Person | None:
    row = credentials.newest_seal(tx.conn)
    if row is None:
        return None
    return Person(
        credentials.SEALED, credentials.SEALED_NAME, credentials.SEALED_ROLES, row["code_hash"], "argon2id",
        credentials.seal_works(row, tx.now),
        own=True, kept=True, seal=row["id"],
    )  # fmt: skip


def _known(roles: Any) -> frozenset[str]:
    # A role the centre has and we do not gives nothing (P12).
    return frozenset(role.strip() for role in roles) & frozenset(ROLES)


def password_matches(person: Person, password: str) -> bool:
    """Whether the password is this person's. Takes tens of milliseconds: never call it inside a write."""
    given = password.strip().upper() if person.seal is not None else password
    return hash_schemes.matches(person.scheme, person.password_hash, given, person.code)


def check_new_password(tx: Tx, policy: Policy, person: Person, password: str) -> None:
    """Whether this may be the person's next password. Raises password_weak, password_used_before. Takes a while."""
    weak = problem(password, policy.password_min_length, person.code)
    if weak is not None:
        raise YjError("password_weak", least=policy.password_min_length, problem=weak)
    before = credentials.earlier(tx.conn, person.code, policy.password_history) if policy.password_history else []
    same = policy.password_history and person.usable and password_matches(person, password)
    if same or any(hash_schemes.code_matches(stored, password) for stored in before):
        raise YjError("password_used_before")


def set_password(tx: Tx, policy: Policy, person: Person, password_hash: str, *, must_change: bool = False) -> None:
    """Write a password chosen here; what the centre has does not count until it changes there."""
    values = {"password_hash": password_hash, "must_change": must_change}
    if person.own:
        mine = operator.update().where(operator.c.operator_code == person.code)
        tx.conn.execute(mine.values(**values, password_set_at=tx.at))
    else:
        credentials.keep(tx.conn, person.code, **values, basis=person.basis, set_at=tx.at, own=True, weak=False)
    credentials.remember(tx.conn, person.code, password_hash, tx.at, policy.password_history)


def break_seal(tx: Tx, number: int, workstation: str, address: str | None) -> None:
    """The sealed account was opened: said to everybody, until it is sealed again."""
    credentials.open_seal(tx.conn, number, tx.at, workstation, address)
    tx.audit("seal.open", subject=str(number), ok=False)
    alarms.turn_on(
        tx, alarms.SEAL, "opened", "应急启封账号已被启用，须查明原因并重新封存。",
        "The break-glass account was opened; find out why and seal it again.", workstation=workstation,
    )  # fmt: skip


# --- wrong passwords ------------------------------------------------------------------------------------------------
def refuse_if_locked_out(tx: Tx, policy: Policy, code: str, address: str | None = None) -> None:
    """After too many wrong passwords each further one doubles the wait, up to the lock-out time: too_many_requests.

    Counted for the operator, and for the address whoever it tries. The sealed account never waits: its code is too long
    to be guessed, and it is for the night in which everything else is locked.
    """
    if code != credentials.SEALED:
        row = tx.conn.execute(select(login_failure).where(login_failure.c.operator_code == code)).mappings().first()
        _wait(tx, policy, row, policy.login_attempts)
    if address is not None and not _ours(address):
        table = credentials.address_failure
        row = tx.conn.execute(select(table).where(table.c.address == address)).mappings().first()
        _wait(tx, policy, row, policy.address_attempts)


def _wait(tx: Tx, policy: Policy, row: Any, attempts: int) -> None:
    if row is None or row["failures"] < attempts:
        return
    wait = min(policy.lockout_minutes * 60, 2 ** min(row["failures"] - attempts + 1, 20))
    left = (from_text(row["last_at"]) + timedelta(seconds=wait) - tx.now).total_seconds()
    if left > 0:  # never more than the wait itself: a clock that was set back must not lock anybody out for hours
        raise YjError("too_many_requests", seconds=int(min(left, wait)) + 1)


def count_failure(tx: Tx, policy: Policy, code: str, address: str | None) -> None:
    """One more wrong password, for the operator and for the address."""
    count_login_failure(tx.conn, code[:64], tx.at)
    if address is not None and not _ours(address):
        quiet = to_text(tx.now - timedelta(minutes=policy.lockout_minutes))
        credentials.count_address(tx.conn, address[:64], tx.at, quiet)


def _ours(address: str) -> bool:
    # Behind a proxy on this machine every window would have this address: one stranger would lock out all.
    return address in ("127.0.0.1", "::1")


# --- the second person ----------------------------------------------------------------------------------------------
def check_approver(
    store: Store,
    acting: Actor,
    code: str,
    password: str | None,
    *,
    one_time: str | None = None,
    acts: tuple[str, ...] = (),
) -> tuple[str, int | None]:
    """The second person's code, by their password or by a one-time code of theirs for this person and one of `acts`.

    A code may be typed where the password is asked for. Returns its number too, to be used up with the act. Raises
    approver_rejected. Opens a read of its own, before any write.
    """
    if code == acting.operator_code or code == credentials.SEALED:
        raise YjError("approver_rejected")
    with store.reading() as tx:
        person = find_person(tx, code)
        codes = credentials.live_approvals(tx.conn, code, acting.operator_code, acts, tx.at)
    allowed = person is not None and person.active and bool(effective_roles(person.roles) & set(SECOND_PERSON_ROLES))
    if person is None or not allowed:
        hash_schemes.waste(password or one_time or "")
        raise YjError("approver_rejected")
    if password is not None and password_matches(person, password):
        return person.code, None
    for number, stored in codes:
        if hash_schemes.code_matches(stored, plain(one_time or password or "")):
            return person.code, number
    raise YjError("approver_rejected")
