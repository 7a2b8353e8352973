"""Who speaks for a workstation: its pages by their address, its agent by the running process. Two at once are a clone.

A computer that was copied, disk and all, comes with the same token and the same name. What tells it apart is that the
one before goes on speaking: a restart or a move ends one voice before it begins the next.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import Column, Connection, String, Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from fallback_server.domain.clock import from_text, to_text
from fallback_server.store.schema import metadata

AGENT: Final = "agent"
PAGE: Final = "page"
FLAGGED: Final = timedelta(minutes=5)  # how long a workstation stays flagged after both were last heard of
_KEPT: Final = timedelta(hours=1)

workstation_voice = Table(
    "workstation_voice",
    metadata,
    Column("workstation", String(32), primary_key=True),
    Column("kind", String(8), primary_key=True),
    Column("instance", String(32), primary_key=True),  # of an agent: the running process; '' otherwise
    Column("address", String(64), primary_key=True),
    Column("first_heard_at", String(35), nullable=False),
    Column("last_heard_at", String(35), nullable=False),
)


class Voice(NamedTuple):
    """One row."""

    kind: str
    instance: str
    address: str
    first: datetime
    last: datetime


def hear(conn: Connection, workstation: str, kind: str, instance: str, address: str, now: datetime) -> None:
    """Somebody spoke for this workstation."""
    _hear(conn, [(workstation, instance, address)], kind, now)


def hear_agents(conn: Connection, voices: Sequence[tuple[str, str, str]], now: datetime) -> None:
    """Agents spoke: workstation, running process, address."""
    _hear(conn, voices, AGENT, now)


def _hear(conn: Connection, voices: Sequence[tuple[str, str, str]], kind: str, now: datetime) -> None:
    insert = postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert
    at, table = to_text(now), workstation_voice
    statement = insert(table)
    rows = [
        {"workstation": code, "kind": kind, "instance": instance, "address": address, "first_heard_at": at,
         "last_heard_at": at}
        for code, instance, address in dict.fromkeys(voices)
    ]  # fmt: skip
    conn.execute(
        statement.on_conflict_do_update(
            index_elements=["workstation", "kind", "instance", "address"],
            set_={"last_heard_at": statement.excluded.last_heard_at},
        ),
        rows,
    )
    old = to_text(now - _KEPT)
    conn.execute(
        delete(table).where(table.c.workstation.in_([row["workstation"] for row in rows]), table.c.last_heard_at < old)
    )


def doubled(conn: Connection, now: datetime) -> dict[str, list[str]]:
    """Workstations for which two spoke at the same time just now: code → from which addresses."""
    since = to_text(now - FLAGGED)
    heard: dict[str, list[Voice]] = defaultdict(list)
    table = workstation_voice
    for row in conn.execute(select(table).where(table.c.last_heard_at >= since)):
        first, last = from_text(row.first_heard_at), from_text(row.last_heard_at)
        heard[row.workstation].append(Voice(row.kind, row.instance, row.address, first, last))
    return {
        code: sorted({one.address for one in voices})
        for code, voices in heard.items()
        if any(_at_once(one, other) for at, one in enumerate(voices) for other in voices[at + 1 :])
    }


def _at_once(one: Voice, other: Voice) -> bool:
    """Whether these are two computers (or two agents) of which neither ended before the other began."""
    elsewhere = one.address != other.address
    two_agents = one.kind == other.kind == AGENT and one.instance != other.instance
    return (elsewhere or two_agents) and one.first < other.last and other.first < one.last
