"""Sessions: opening one, ending one, and finding the actor behind a request."""

from __future__ import annotations

import hashlib
import logging
import secrets
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

from fallback_server.domain.categories import effective_roles
from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.policy import Policy
from fallback_server.store.people import count_login_failure, forget_login_failures, session, workstation
from fallback_server.store.session import Actor, Store, Tx
from fallback_server.web.people import Person, find_person, password_matches, refuse_if_locked_out

log = logging.getLogger("yj.web")

ENROL_LOCK = 0x594A0002  # advisory lock of PostgreSQL: workstation numbers are given out one transaction at a time

LAST_WORKSTATION = 999  # three digits in every YJ number


def token_hash(token: str) -> str:
    """What the store keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def open_session(
    store: Store, policy: Policy, code: str, password: str, station: str, *, take_over: bool, address: str | None,
    tied: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Log in. Returns the contract's answer with a fresh token; a `tied` one is good at this address only.

    Raises login_failed, activation_required, too_many_requests, session_elsewhere.
    """
    with store.reading() as tx:
        refuse_if_locked_out(tx, policy, code)
        person = find_person(tx.conn, code)
    if person is not None and person.active and person.password_hash is None:
        raise YjError("activation_required")
    if person is None or not person.active or not password_matches(person, password):
        _count_failure(store, code, station, address)
        raise YjError("login_failed")
    actor = Actor(person.code, person.name, effective_roles(person.roles), station, address)
    with store.writing(Permit.HOUSEKEEPING, actor) as tx:
        _end_elsewhere(tx, person.code, station, take_over)
        enrol_workstation(tx, station)
        forget_login_failures(tx.conn, code)
        answer = _issue(tx, policy, person, station, address if tied else None)
        tx.audit("session.open", subject=person.code, take_over=take_over)
    return answer


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
    if row is None or from_text(row["expires_at"]) <= tx.now:
        raise YjError("login_required")
    if row["address"] is not None and row["address"] != address:
        log.warning("the session of %s at %s is not used from there", row["operator_code"], row["workstation"])
        raise YjError("login_required")
    if row["ended_at"] is not None and not resting:
        raise YjError("login_required")
    roles = frozenset(row["roles"]) if row["ended_at"] is None else frozenset()
    return Actor(row["operator_code"], row["operator_name"], roles, row["workstation"], address)


def _session(tx: Tx, token: str | None) -> Any:
    if not token:
        return None
    return tx.conn.execute(select(session).where(session.c.token_hash == token_hash(token))).mappings().first()


def enrol_workstation(tx: Tx, code: str) -> int:
    """The three-digit number of a workstation, given at its first log-in and never again to another.

    Raises workstations_full.
    """
    number = _workstation_number(tx, code)
    if number is None and tx.conn.dialect.name == "postgresql":
        # At the switch all windows of the hospital log in within the same second.
        tx.conn.execute(select(func.pg_advisory_xact_lock(ENROL_LOCK)))
        number = _workstation_number(tx, code)
    if number is not None:
        tx.conn.execute(
            update(workstation)
            .where(workstation.c.code == code)
            .values(last_seen_at=tx.at, operator_code=tx.actor.operator_code if tx.actor else None)
        )
        return int(number)
    number = int(tx.conn.execute(select(func.coalesce(func.max(workstation.c.number), 0))).scalar_one()) + 1
    if number > LAST_WORKSTATION:
        raise YjError("workstations_full")
    tx.conn.execute(
        workstation.insert().values(
            code=code,
            number=number,
            operator_code=tx.actor.operator_code if tx.actor else None,
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
    elsewhere = tx.conn.execute(select(session.c.workstation).where(*others).limit(1)).scalar()
    if elsewhere is not None and not take_over:
        raise YjError("session_elsewhere", workstation=elsewhere)
    if elsewhere is not None:
        tx.conn.execute(update(session).where(*others).values(ended_at=tx.at))


def _count_failure(store: Store, code: str, station: str, address: str | None) -> None:
    with store.writing(Permit.HOUSEKEEPING, Actor("", "", frozenset(), station, address)) as tx:
        count_login_failure(tx.conn, code, tx.at)
        tx.audit("session.open", subject=code, ok=False)
