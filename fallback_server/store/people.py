"""Operators of our own, sessions, workstations. Mirrored operators live in the mirror; what we add to them is here."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from fallback_server.store.schema import metadata

operator = Table(
    "operator",
    metadata,
    Column("operator_code", String(64), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("password_hash", Text),  # argon2id
    Column("password_set_at", String(35)),
    Column("must_change", Boolean, nullable=False, default=False),
    Column("disabled_at", String(35)),
    Column("created_at", String(35), nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("token_hash", String(64), primary_key=True),  # SHA-256 of the token: a stolen table opens nothing
    Column("operator_code", String(64), nullable=False, index=True),
    Column("operator_name", String(128), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("workstation", String(32), nullable=False),
    Column("issued_at", String(35), nullable=False),
    Column("expires_at", String(35), nullable=False),
    Column("ended_at", String(35)),
    # Of a page's session: where its cookie was given; from anywhere else the password is asked for again.
    Column("address", String(64)),
)

login_failure = Table(
    "login_failure",
    metadata,
    Column("operator_code", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", String(35), nullable=False),
)

workstation = Table(
    "workstation",
    metadata,
    Column("code", String(32), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),  # the three digits in every YJ number it makes
    Column("role", String(16)),
    Column("operator_code", String(64)),
    Column("first_seen_at", String(35), nullable=False),
    Column("last_seen_at", String(35), nullable=False),
    Column("epoch", Integer),
    Column("epoch_at", String(35)),
    Column("central_ok", Boolean),
    Column("clock_offset_seconds", Float),
    Column("version", String(32)),
    # When a page of it was last heard of, not its agent: a page knows whether a form is in hand, the agent does not.
    Column("page_seen_at", String(35)),
    # What its agent says stands apart, or the next heartbeat of a page at the same computer would wipe it out.
    Column("agent_seen_at", String(35)),
    Column("agent_version", String(32)),
    Column("agent_central_ok", Boolean),
    CheckConstraint("number BETWEEN 1 AND 999", name="three_digits"),
)
# When each workstation first said that it knows an epoch: the roll call shows the present one, the record every one.
workstation_epoch = Table(
    "workstation_epoch",
    metadata,
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("code", String(32), primary_key=True),
    Column("at", String(35), nullable=False),
)
Index(
    "ix_session_live",
    session.c.operator_code,
    sqlite_where=text("ended_at IS NULL"),
    postgresql_where=text("ended_at IS NULL"),
)


def count_login_failure(conn: Connection, code: str, at: str) -> None:
    """One more wrong password for this code, counted in one statement so that two at once both count."""
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    statement = insert(login_failure).values(operator_code=code, failures=1, last_at=at)
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=[login_failure.c.operator_code],
            set_={"failures": login_failure.c.failures + 1, "last_at": at},
        )
    )


def note_epochs(conn: Connection, codes: Sequence[str], epoch: int, at: str) -> None:
    """These workstations know the epoch; only the first time counts."""
    if not codes:
        return
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    rows = [{"epoch": epoch, "code": code, "at": at} for code in dict.fromkeys(codes)]
    conn.execute(insert(workstation_epoch).on_conflict_do_nothing(), rows)


def forget_login_failures(conn: Connection, code: str) -> None:
    """The right password was given: the next slip counts from one again."""
    conn.execute(login_failure.delete().where(login_failure.c.operator_code == code))


def end_sessions(conn: Connection, code: str, at: str) -> int:
    """Log somebody out everywhere; how many sessions that were."""
    live = (session.c.operator_code == code, session.c.ended_at.is_(None), session.c.expires_at > at)
    return conn.execute(update(session).where(*live).values(ended_at=at)).rowcount
