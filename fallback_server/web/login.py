"""Sessions: opening one, ending one, and finding the actor behind a request."""

from __future__ import annotations

import hashlib
import logging
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select, update

from fallback_server.domain import hash_schemes
from fallback_server.domain.categories import effective_roles
from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.hash_schemes import hasher
from fallback_server.domain.modes import Mode, Permit
from fallback_server.domain.passwords import plain, problem
from fallback_server.domain.policy import Policy
from fallback_server.store import credentials
from fallback_server.store.people import forget_login_failures, session, workstation
from fallback_server.store.session import Actor, Store, Tx
from fallback_server.web.people import (
    Person,
    break_seal,
    check_new_password,
    count_failure,
    find_person,
    password_matches,
    refuse_if_locked_out,
    set_password,
)

log = logging.getLogger("yj.web")

AGENT = ""  # the operator code of a workstation's agent: it is nobody, and says nothing about who works there
ENROL_LOCK = 0x594A0002  # advisory lock of PostgreSQL: workstation numbers are given out one transaction at a time

LAST_WORKSTATION = 999  # three digits in every YJ number


def token_hash(token: str) -> str:
    """What the store keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True)
class Attempt:
    """What somebody hands in to log in. `password` may be an activation code; then `new_password` is needed too.

    The token of a `tied` one is good at this address only.
    """

    operator: str
    password: str = field(repr=False)
    workstation: str
    address: str | None = None
    take_over: bool = False
    new_password: str | None = field(default=None, repr=False)
    tied: bool = False


def open_session(store: Store, policy: Policy, attempt: Attempt) -> dict[str, Any]:
    """Log in. Returns the contract's answer with a fresh token.

    Raises login_failed, activation_required, password_change_required, password_weak, password_used_before,
    too_many_requests, session_elsewhere.
    """
    code = attempt.operator
    with store.reading() as tx:
        refuse_if_locked_out(tx, policy, code, attempt.address)
        person = find_person(tx, code)
        handed_out = credentials.live_activation(tx.conn, code, tx.at)
        outage = tx.mode.mode is Mode.EMERGENCY and not tx.mode.drill
        at = tx.at
    proof = _proof(person, attempt, handed_out)
    if person is None or proof is None:
        _count_failure(store, policy, attempt)
        waits = person is not None and person.active and not person.usable and handed_out is None
        raise YjError("activation_required" if waits else "login_failed")
    due = proof == CODE or person.must_change or (not outage and _due(policy, person, attempt.password, at))
    kept = _password_to_keep(store, policy, person, attempt, due)
    actor = Actor(person.code, person.name, effective_roles(person.roles), attempt.workstation, attempt.address)
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        if proof == CODE and not credentials.take_activation(tx.conn, code, handed_out or ""):
            raise YjError("login_failed")  # the same code, used by two at once: one of them is not its owner
        _end_elsewhere(tx, person.code, attempt.workstation, attempt.take_over)
        enrol_workstation(tx, attempt.workstation)
        forget_login_failures(tx.conn, code)
        _keep(tx, policy, person, attempt, kept)
        answer = _issue(tx, policy, person, attempt.workstation, attempt.address if attempt.tied else None)
        tx.audit("session.open", subject=person.code, take_over=attempt.take_over, by=proof)
        if person.seal is not None:
            break_seal(tx, person.seal, attempt.workstation, attempt.address)
    return answer


PASSWORD: Final = "password"  # noqa: S105  (how somebody proved who they are)
CODE: Final = "code"


def _proof(person: Person | None, attempt: Attempt, handed_out: str | None) -> str | None:
    """By what this person is who they say, or None. Takes about as long for somebody who does not exist."""
    if person is None or not person.active:
        hash_schemes.waste(attempt.password)
        return None
    if handed_out is not None and hash_schemes.code_matches(handed_out, plain(attempt.password)):
        return CODE
    return PASSWORD if password_matches(person, attempt.password) else None


def _due(policy: Policy, person: Person, password: str, at: str) -> bool:
    """Whether the password must be changed before it opens anything."""
    if credentials.expired(policy, person.set_at, at):
        return True
    carried = not person.own and person.set_at is None
    return carried and policy.weak_mirrored == "change" and _weak(policy, person, password)


def _weak(policy: Policy, person: Person, password: str) -> bool:
    return problem(password, policy.password_min_length, person.code) is not None


def _password_to_keep(store: Store, policy: Policy, person: Person, attempt: Attempt, due: bool) -> str | None:
    """The hash to write: of the new password, or of the centre's at the first log-in; None where all stays."""
    if person.seal is not None:
        return None
    if attempt.new_password is not None:
        with store.reading() as tx:
            check_new_password(tx, policy, person, attempt.new_password)
        return hasher().hash(attempt.new_password)
    if due:
        raise YjError("password_change_required")
    return None if person.kept else hasher().hash(attempt.password)


def _keep(tx: Tx, policy: Policy, person: Person, attempt: Attempt, kept: str | None) -> None:
    if kept is None:
        return
    if attempt.new_password is not None:
        set_password(tx, policy, person, kept)
        tx.audit("password.set", subject=person.code)
        return
    credentials.keep(
        tx.conn, person.code, password_hash=kept, basis=person.basis, set_at=tx.at, own=False,
        weak=_weak(policy, person, attempt.password), must_change=False,
    )  # fmt: skip


def change_password(store: Store, policy: Policy, actor: Actor, password: str, new_password: str) -> dict[str, Any]:
    """Somebody logged in chooses another password; their other sessions end.

    Raises login_failed for a wrong one, too_many_requests, password_weak, password_used_before.
    """
    attempt = Attempt(actor.operator_code, password, actor.workstation, actor.address, new_password=new_password)
    with store.reading() as tx:
        refuse_if_locked_out(tx, policy, actor.operator_code, actor.address)
        person = find_person(tx, actor.operator_code)
    if person is None or person.seal is not None or not password_matches(person, password):
        _count_failure(store, policy, attempt)
        raise YjError("login_failed")
    with store.reading() as tx:
        check_new_password(tx, policy, person, new_password)
    kept = hasher().hash(new_password)
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        set_password(tx, policy, person, kept)
        forget_login_failures(tx.conn, person.code)
        others = (session.c.operator_code == person.code, session.c.workstation != actor.workstation)
        tx.conn.execute(update(session).where(*others, session.c.ended_at.is_(None)).values(ended_at=tx.at))
        tx.audit("password.set", subject=person.code)
    return {"changed": True}


def close_session(tx: Tx, token: str) -> None:
    """Log out; again is harmless."""
    tx.conn.execute(
        update(session)
        .where(session.c.token_hash == token_hash(token), session.c.ended_at.is_(None))
        .values(ended_at=tx.at)
    )
    tx.audit("session.close", subject=tx.who.operator_code)


def actor_of(tx: Tx, token: str | None, address: str | None, *, resting: bool = False) -> Actor:
    """The person behind a token. With `resting` an ended session passes too, without any role: a locked page's.

    Raises login_required for no token, an unknown, an ended or an expired one, or one that belongs to another address.
    """
    row = _session(tx, token)
    if row is None or not _lasts(row, tx.now):
        raise YjError("login_required")
    if row["address"] is not None and row["address"] != address:
        log.warning("the session of %s at %s is not used from there", row["operator_code"], row["workstation"])
        raise YjError("login_required")
    if row["ended_at"] is not None and not resting:
        raise YjError("login_required")
    if row["ended_at"] is not None:
        return Actor(row["operator_code"], row["operator_name"], frozenset(), row["workstation"], address)
    # Asked of the operators at each request: who left, or lost a role, has lost it in every open page too.
    person = find_person(tx, row["operator_code"])
    if person is None or not person.active:
        raise YjError("login_required")
    return Actor(person.code, row["operator_name"], effective_roles(person.roles), row["workstation"], address)


def _lasts(row: Any, now: datetime) -> bool:
    """Not over; nor begun, by a clock that was far ahead, longer after now than it lasts: it would go on for years."""
    issued, expires = from_text(row["issued_at"]), from_text(row["expires_at"])
    return issued - (expires - issued) <= now < expires


def _session(tx: Tx, token: str | None) -> Any:
    if not token:
        return None
    return tx.conn.execute(select(session).where(session.c.token_hash == token_hash(token))).mappings().first()


def enrol_workstation(tx: Tx, code: str) -> int:
    """The three-digit number of a workstation, given at its first log-in and never again to another.

    Raises workstations_full.
    """
    who = tx.actor.operator_code if tx.actor else None
    number = _workstation_number(tx, code)
    if number is None and tx.conn.dialect.name == "postgresql":
        # At the switch all windows of the hospital log in within the same second.
        tx.conn.execute(select(func.pg_advisory_xact_lock(ENROL_LOCK)))
        number = _workstation_number(tx, code)
    if number is not None:
        tx.conn.execute(
            update(workstation)
            .where(workstation.c.code == code)
            .values(last_seen_at=tx.at, **({"operator_code": who} if who != AGENT else {}))
        )
        return int(number)
    number = int(tx.conn.execute(select(func.coalesce(func.max(workstation.c.number), 0))).scalar_one()) + 1
    if number > LAST_WORKSTATION:
        raise YjError("workstations_full")
    tx.conn.execute(
        workstation.insert().values(
            code=code,
            number=number,
            operator_code=who or None,
            first_seen_at=tx.at,
            last_seen_at=tx.at,
        )
    )
    return number


def _workstation_number(tx: Tx, code: str) -> int | None:
    return tx.conn.execute(select(workstation.c.number).where(workstation.c.code == code)).scalar()


def _issue(tx: Tx, policy: Policy, person: Person, station: str, address: str | None) -> dict[str, Any]:
    token = secrets.token_urlsafe(32)
    expires = to_text(tx.now + timedelta(hours=policy.session_hours))
    roles = sorted(effective_roles(person.roles))
    tx.conn.execute(
        session.insert().values(
            token_hash=token_hash(token),
            operator_code=person.code,
            operator_name=person.name,
            roles=roles,
            workstation=station,
            issued_at=tx.at,
            expires_at=expires,
            address=address,
        )
    )
    return {
        "token": token,
        "expires_at": expires,
        "operator": {"code": person.code, "name": person.name, "roles": roles},
    }


def _end_elsewhere(tx: Tx, code: str, station: str, take_over: bool) -> None:
    others = (
        session.c.operator_code == code,
        session.c.workstation != station,
        session.c.ended_at.is_(None),
        session.c.expires_at > tx.at,
    )
    newest = select(session.c.workstation).where(*others).order_by(session.c.issued_at.desc()).limit(1)
    elsewhere = tx.conn.execute(newest).scalar()
    if elsewhere is not None and not take_over:
        raise YjError("session_elsewhere", workstation=elsewhere)
    if elsewhere is not None:
        tx.conn.execute(update(session).where(*others).values(ended_at=tx.at))


def _count_failure(store: Store, policy: Policy, attempt: Attempt) -> None:
    with store.writing(Permit.HOUSEKEEPING, Actor("", "", frozenset(), attempt.workstation, attempt.address)) as tx:
        count_failure(tx, policy, attempt.operator, attempt.address)
        tx.audit("session.open", subject=attempt.operator[:64], ok=False)
