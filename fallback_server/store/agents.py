"""Workstation agents: one-time codes to enrol one, and the tokens by which they speak for their workstation alone.

No secret is stored but as a SHA-256: both are made by us and too long to be guessed.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Column, Connection, Index, String, Table, delete, select, text, update

from fallback_server.store.schema import metadata

enrolment_code = Table(
    "enrolment_code",
    metadata,
    Column("workstation", String(32), primary_key=True),  # a new one replaces the one before
    Column("code_hash", String(64), nullable=False, unique=True),
    Column("issued_at", String(35), nullable=False),
    Column("issued_by", String(64), nullable=False),
    Column("expires_at", String(35), nullable=False),
)

workstation_token = Table(
    "workstation_token",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("workstation", String(32), nullable=False),
    Column("issued_at", String(35), nullable=False),
    Column("ended_at", String(35)),
)
# Promise: one agent speaks for a workstation; a PC set up anew takes the place of the one before.
Index(
    "uq_workstation_token_live",
    workstation_token.c.workstation,
    unique=True,
    sqlite_where=text("ended_at IS NULL"),
    postgresql_where=text("ended_at IS NULL"),
)


def keep_code(conn: Connection, workstation: str, code_hash: str, at: str, by: str, expires: str) -> None:
    """A code for this workstation; an earlier one no longer works."""
    conn.execute(delete(enrolment_code).where(enrolment_code.c.workstation == workstation))
    conn.execute(
        enrolment_code.insert().values(
            workstation=workstation, code_hash=code_hash, issued_at=at, issued_by=by, expires_at=expires
        )
    )


def take_code(conn: Connection, code_hash: str, at: str) -> str | None:
    """Use up a code: the workstation it is for, or None for one that is unknown, over or used."""
    live = (enrolment_code.c.code_hash == code_hash, enrolment_code.c.expires_at > at)
    found = conn.execute(select(enrolment_code.c.workstation).where(*live)).scalar()
    if found is None:
        return None
    taken = conn.execute(delete(enrolment_code).where(*live)).rowcount
    return str(found) if taken else None


def keep_token(conn: Connection, workstation: str, token_hash: str, at: str) -> None:
    """The token that counts for this workstation from now on."""
    end_tokens(conn, workstation, at)
    conn.execute(workstation_token.insert().values(token_hash=token_hash, workstation=workstation, issued_at=at))


def end_tokens(conn: Connection, workstation: str, at: str) -> bool:
    """Revoke the agent of a workstation and any code for it; whether there was an agent."""
    conn.execute(delete(enrolment_code).where(enrolment_code.c.workstation == workstation))
    live = (workstation_token.c.workstation == workstation, workstation_token.c.ended_at.is_(None))
    return bool(conn.execute(update(workstation_token).where(*live).values(ended_at=at)).rowcount)


def enrolled(conn: Connection) -> dict[str, str]:
    """Workstations with an agent that may speak: code → since when."""
    live = select(workstation_token).where(workstation_token.c.ended_at.is_(None))
    return {row.workstation: row.issued_at for row in conn.execute(live)}


def pending(conn: Connection, at: str) -> dict[str, str]:
    """Workstations with a code that nobody has used yet: code → until when."""
    rows = conn.execute(select(enrolment_code).where(enrolment_code.c.expires_at > at))
    return {row.workstation: row.expires_at for row in rows}


def workstations_of(conn: Connection, token_hashes: Collection[str]) -> dict[str, str]:
    """Hash → the workstation for which its token speaks; unknown and revoked ones are left out."""
    table = workstation_token
    live = select(table.c.token_hash, table.c.workstation).where(
        table.c.token_hash.in_(list(token_hashes)), table.c.ended_at.is_(None)
    )
    return {row.token_hash: row.workstation for row in conn.execute(live)}
