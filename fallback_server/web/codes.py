"""Codes that people hand to one another: to log in without a password, to approve over the telephone, the sealed one.

Each is answered once in clear and kept as a hash. Hashing is done before the transaction begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from fallback_server.domain import hash_schemes, two_persons
from fallback_server.domain.categories import effective_roles
from fallback_server.domain.clock import to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.passwords import ACTIVATION_DIGITS, APPROVAL_DIGITS, digits, sealed, spoken
from fallback_server.domain.policy import Policy
from fallback_server.store import alarms, credentials, second_person
from fallback_server.store.people import end_sessions, login_failure
from fallback_server.store.session import Actor, Store, Tx
from fallback_server.web.people import Person, find_person

# A desk lead lets window staff in; whoever may approve or administer is let in by an administrator.
DESK: Final = frozenset({"registrar", "cashier", "doctor", "pharmacist", "triage"})
SHEET_MOST: Final = 20


@dataclass(frozen=True)
class HandedOut:
    """One code in clear, to be read out or printed, and then forgotten."""

    operator: str
    name: str
    code: str
    expires_at: str

    def view(self) -> dict[str, str]:
        """As the API answers it."""
        return {
            "operator": self.operator, "name": self.name, "code": spoken(self.code), "expires_at": self.expires_at,
        }  # fmt: skip


def hand_out(
    store: Store, policy: Policy, actor: Actor, operators: Sequence[str], *, log_out: bool = False
) -> list[HandedOut]:
    """Activation codes for these operators; an earlier code of theirs no longer works, a password goes on working.

    With `log_out` their sessions end as well. Raises unknown_operator, operator_disabled, forbidden.
    """
    codes = {code: digits(ACTIVATION_DIGITS) for code in dict.fromkeys(operators)}
    with store.reading() as tx:
        people = {code: may_let_in(tx, actor, code) for code in codes}
    hashes = {code: hash_schemes.code_hasher().hash(given) for code, given in codes.items()}
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        expires = to_text(tx.now + timedelta(hours=policy.activation_hours))
        for code in codes:
            may_let_in(tx, actor, code)
            credentials.hand_out(tx.conn, code, hashes[code], actor.operator_code, tx.at, expires)
            tx.conn.execute(login_failure.delete().where(login_failure.c.operator_code == code))
            ended = end_sessions(tx.conn, code, tx.at) if log_out else 0
            tx.audit("operator.code", subject=code, expires_at=expires, sessions_ended=ended)
    return [HandedOut(code, people[code].name, given, expires) for code, given in codes.items()]


def may_let_in(tx: Tx, actor: Actor, code: str) -> Person:
    """The person, if this actor may give them a code. Raises unknown_operator, operator_disabled, forbidden."""
    person = find_person(tx, code)
    if person is None or person.seal is not None:
        raise YjError("unknown_operator", code=code)
    if not person.active:
        raise YjError("operator_disabled", code=code)
    if "admin" not in actor.roles and not effective_roles(person.roles) <= DESK:
        raise YjError("forbidden", roles="admin")
    if code == actor.operator_code:
        raise YjError("approver_rejected")  # nobody lets themselves in
    return person


def approvals(
    store: Store, policy: Policy, actor: Actor, act: str, operator: str, count: int | None = None
) -> list[HandedOut]:
    """One-time approvals by the actor for `operator` to do `act`: one to be read out now, or `count` on a sheet.

    Raises invalid_request, unknown_operator, approver_rejected for oneself.
    """
    if act not in two_persons.ACTS:
        raise YjError("invalid_request", field="act", problem="没有这项业务 / no such act")
    if operator == actor.operator_code or actor.operator_code == credentials.SEALED:
        raise YjError("approver_rejected")
    given = [digits(APPROVAL_DIGITS) for _ in range(count or 1)]
    hashes = [hash_schemes.code_hasher().hash(code) for code in given]
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        person = find_person(tx, operator)
        if person is None or not person.active:
            raise YjError("unknown_operator", code=operator)
        lasts = timedelta(minutes=policy.approval_minutes) if count is None else timedelta(
            hours=policy.approval_sheet_hours
        )  # fmt: skip
        expires = to_text(tx.now + lasts)
        tx.conn.execute(
            credentials.approval_code.insert(),
            [
                {"approver_code": actor.operator_code, "operator_code": operator, "act": act, "code_hash": stored,
                 "sheet": count is not None, "issued_at": tx.at, "expires_at": expires}
                for stored in hashes
            ],
        )  # fmt: skip
        tx.audit("approval.give", subject=operator, act=act, count=len(given), expires_at=expires)
    return [HandedOut(operator, person.name, code, expires) for code in given]


def seal(store: Store, policy: Policy, actor: Actor) -> dict[str, Any]:
    """Seal the break-glass account with a fresh code, which closes what was open. Raises second_person_required."""
    if actor.operator_code == credentials.SEALED:
        raise YjError("forbidden", roles="admin")
    code = sealed()
    stored = hash_schemes.hasher().hash(code)
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        if actor.approval is not None and not credentials.take_approval(tx.conn, actor.approval, tx.at):
            raise YjError("approver_rejected")
        second_person.require(tx, policy, "seal")
        tx.conn.execute(
            credentials.seal.insert().values(code_hash=stored, sealed_at=tx.at, sealed_by=actor.operator_code)
        )
        end_sessions(tx.conn, credentials.SEALED, tx.at)
        alarms.turn_off(tx, alarms.SEAL)
        tx.audit("seal.make")
        at = tx.at
    return {"operator": credentials.SEALED, "code": code, "sealed_at": at}
