"""What the standby adds to an operator: passwords of its own, one-time codes, leave to act alone, the sealed account.

Operators come with the mirror (or are our own, in `people.operator`); everything here is keyed by their code and
survives every mirror. No secret is stored but as a hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    delete,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.policy import Policy
from fallback_server.store.schema import BigKey, metadata

SEALED: Final = "YJ-SEAL"  # code of the break-glass account; no operator of the centre can log in by it
SEALED_NAME: Final = "启封账号"
SEALED_ROLES: Final = frozenset({"admin", "duty"})
CLOCK_SLACK: Final = timedelta(minutes=10)
SEALED_HOURS: Final = 12  # once opened, the code works so long: a page that locks asks for it again

credential = Table(
    "credential",
    metadata,
    Column("operator_code", String(64), primary_key=True),
    Column("password_hash", Text),  # argon2id
    # What the centre kept when the hash was made: when the person changes the password there, that one counts again.
    Column("basis", String(64)),
    Column("set_at", String(35)),
    Column("own", Boolean, nullable=False),  # chosen here, not carried over from the centre
    Column("weak", Boolean, nullable=False),  # the centre's password is weaker than ours may be
    Column("must_change", Boolean, nullable=False),
    Column("disabled_at", String(35)),
    Column("disabled_by", String(64)),
    Column("disabled_reason", Text),
)

password_history = Table(
    "password_history",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("operator_code", String(64), nullable=False, index=True),
    Column("password_hash", Text, nullable=False),
    Column("set_at", String(35), nullable=False),
)

activation_code = Table(
    "activation_code",
    metadata,
    Column("operator_code", String(64), primary_key=True),  # a new one replaces the one before
    Column("code_hash", Text, nullable=False),
    Column("issued_at", String(35), nullable=False),
    Column("issued_by", String(64), nullable=False),
    Column("expires_at", String(35), nullable=False),
)

approval_code = Table(
    "approval_code",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("approver_code", String(64), nullable=False),
    Column("operator_code", String(64), nullable=False),  # who may use it
    Column("act", String(32), nullable=False),  # for what: domain.two_persons
    Column("code_hash", Text, nullable=False),
    Column("sheet", Boolean, nullable=False),
    Column("issued_at", String(35), nullable=False),
    Column("expires_at", String(35), nullable=False),
    Column("used_at", String(35)),
)
Index("ix_approval_code_live", approval_code.c.approver_code, approval_code.c.operator_code)

alone_act = Table(
    "alone_act",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("act", String(32), nullable=False),
    Column("operator_code", String(64), nullable=False),
    Column("at", String(35), nullable=False),
    Column("reason", Text, nullable=False),
    Column("subject", String(64)),
    Column("incident_no", Integer),
    Column("due_at", String(35), nullable=False),
    Column("signed_at", String(35)),
    Column("signed_by", String(64)),
    Column("note", Text),
)

seal = Table(
    "seal",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("code_hash", Text, nullable=False),
    Column("sealed_at", String(35), nullable=False),
    Column("sealed_by", String(64), nullable=False),
    Column("opened_at", String(35)),
    Column("opened_workstation", String(32)),
    Column("opened_address", String(64)),
    Column("closes_at", String(35)),
)

address_failure = Table(
    "address_failure",
    metadata,
    Column("address", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", String(35), nullable=False),
)


# --- passwords ------------------------------------------------------------------------------------------------------
def basis_of(scheme: str | None, stored: str | None) -> str:
    """What stands for the centre's own hash; changes when it does."""
    return hashlib.sha256(f"{scheme or ''}\n{stored or ''}".encode()).hexdigest()


def find(conn: Connection, code: str) -> dict[str, Any] | None:
    """What was added to this operator, or None."""
    row = conn.execute(select(credential).where(credential.c.operator_code == code)).mappings().first()
    return dict(row) if row is not None else None


def keep(conn: Connection, code: str, **values: Any) -> None:
    """Write columns of an operator's credential, making the row if there is none."""
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    fresh = {"own": False, "weak": False, "must_change": False, **values}
    statement = insert(credential).values(operator_code=code, **fresh)
    conn.execute(statement.on_conflict_do_update(index_elements=[credential.c.operator_code], set_=values))


def remember(conn: Connection, code: str, password_hash: str, at: str, keep_last: int) -> None:
    """Add a password to the history, and forget those too old to be asked about."""
    conn.execute(password_history.insert().values(operator_code=code, password_hash=password_hash, set_at=at))
    mine = password_history.c.operator_code == code
    newest = select(password_history.c.id).where(mine).order_by(password_history.c.id.desc()).limit(max(keep_last, 1))
    conn.execute(delete(password_history).where(mine, password_history.c.id.not_in(newest.scalar_subquery())))


def earlier(conn: Connection, code: str, last: int) -> list[str]:
    """Hashes of the last passwords, newest first."""
    found = select(password_history.c.password_hash).where(password_history.c.operator_code == code)
    return list(conn.execute(found.order_by(password_history.c.id.desc()).limit(last)).scalars())


def disabled(conn: Connection) -> set[str]:
    """Codes of mirrored operators who were locked out by hand."""
    return set(conn.execute(select(credential.c.operator_code).where(credential.c.disabled_at.is_not(None))).scalars())


# --- one-time codes -------------------------------------------------------------------------------------------------
def lasting(table: Table, at: str) -> tuple[ColumnElement[bool], ...]:
    """The codes of a table that can be used at `at`. One of the future was handed out by a clock that was set back
    since, and would last for as long as that was ahead."""
    return table.c.expires_at > at, table.c.issued_at <= to_text(from_text(at) + CLOCK_SLACK)


def live_activation(conn: Connection, code: str, at: str) -> str | None:
    """The hash of this operator's activation code, if there is one that still lasts."""
    mine = select(activation_code.c.code_hash).where(activation_code.c.operator_code == code)
    return conn.execute(mine.where(*lasting(activation_code, at))).scalar()


def hand_out(conn: Connection, code: str, code_hash: str, by: str, at: str, expires_at: str) -> None:
    """Store an activation code in place of the one before."""
    conn.execute(delete(activation_code).where(activation_code.c.operator_code == code))
    conn.execute(
        activation_code.insert().values(
            operator_code=code, code_hash=code_hash, issued_at=at, issued_by=by, expires_at=expires_at
        )
    )


def take_activation(conn: Connection, code: str, code_hash: str) -> bool:
    """Use up the code that was compared; False if another log-in was quicker or it was replaced."""
    used = delete(activation_code).where(
        activation_code.c.operator_code == code, activation_code.c.code_hash == code_hash
    )
    return bool(conn.execute(used).rowcount)


def live_approvals(
    conn: Connection, approver: str, operator: str, acts: Sequence[str], at: str
) -> list[tuple[int, str]]:
    """(id, hash) of the approver's codes that this operator may use for one of these acts now."""
    rows = conn.execute(
        select(approval_code.c.id, approval_code.c.code_hash).where(
            approval_code.c.approver_code == approver,
            approval_code.c.operator_code == operator,
            approval_code.c.act.in_(acts),
            approval_code.c.used_at.is_(None),
            *lasting(approval_code, at),
        )
    )
    return [(row.id, row.code_hash) for row in rows]


def take_approval(conn: Connection, number: int, at: str) -> bool:
    """Use up an approval; False if somebody did already."""
    used = update(approval_code).where(approval_code.c.id == number, approval_code.c.used_at.is_(None))
    return bool(conn.execute(used.values(used_at=at)).rowcount)


# --- wrong passwords of one address ---------------------------------------------------------------------------------
def count_address(conn: Connection, address: str, at: str, forget_before: str) -> None:
    """One more wrong password from this address; a long quiet time begins the count anew."""
    conn.execute(
        delete(address_failure).where(address_failure.c.address == address, address_failure.c.last_at < forget_before)
    )
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    statement = insert(address_failure).values(address=address, failures=1, last_at=at)
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=[address_failure.c.address],
            set_={"failures": address_failure.c.failures + 1, "last_at": at},
        )
    )


# --- the sealed account ---------------------------------------------------------------------------------------------
def newest_seal(conn: Connection) -> dict[str, Any] | None:
    """The seal that counts, or None where none was ever made."""
    row = conn.execute(select(seal).order_by(seal.c.id.desc()).limit(1)).mappings().first()
    return dict(row) if row is not None else None


def seal_works(row: dict[str, Any], now: datetime) -> bool:
    """Whether the code of a seal lets in: until it was opened, and for some hours from then on. One that was opened by
    a clock far ahead is over when that is put right."""
    if row["opened_at"] is None:
        return True
    hours = timedelta(hours=SEALED_HOURS)
    return from_text(row["opened_at"]) - hours <= now < from_text(row["closes_at"])


def open_seal(conn: Connection, number: int, at: str, workstation: str, address: str | None) -> bool:
    """Break the seal; False if it was broken already."""
    closes = to_text(from_text(at) + timedelta(hours=SEALED_HOURS))
    broken = update(seal).where(seal.c.id == number, seal.c.opened_at.is_(None))
    values = {"opened_at": at, "opened_workstation": workstation, "opened_address": address, "closes_at": closes}
    return bool(conn.execute(broken.values(**values)).rowcount)


def unsigned(conn: Connection) -> list[dict[str, Any]]:
    """What one person did alone and nobody has counter-signed yet, oldest first."""
    rows = conn.execute(select(alone_act).where(alone_act.c.signed_at.is_(None)).order_by(alone_act.c.id)).mappings()
    return [dict(row) for row in rows]


def expired(policy: Policy, set_at: str | None, at: str) -> bool:
    """Whether a password set here is older than the hospital lets one grow."""
    if not policy.password_max_age_days or set_at is None:
        return False
    return from_text(set_at) + timedelta(days=policy.password_max_age_days) < from_text(at)
