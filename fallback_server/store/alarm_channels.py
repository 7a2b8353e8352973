"""The ways by which alarms go out: which there are, how they fare, and what each said last about which subject."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import JSON, Boolean, Column, Connection, Index, Integer, String, Table, delete, func, select, update

from fallback_server.domain.alerting import DOWN_AFTER, LONGEST_RETRY_SECONDS, OFF, WARNING, Said, Saying, retry_after
from fallback_server.domain.clock import from_text, to_text
from fallback_server.store.alarms import alarm
from fallback_server.store.schema import BigKey, metadata
from fallback_server.store.session import Tx

KEPT_DAYS: Final = 90

alarm_channel = Table(
    "alarm_channel",
    metadata,
    Column("name", String(16), primary_key=True),
    Column("target", String(200), nullable=False),  # where to, without any key
    Column("seen_at", String(35), nullable=False),  # when the worker last had it
    Column("last_ok_at", String(35)),
    Column("last_try_at", String(35)),
    Column("failures", Integer, nullable=False),  # in a row
    Column("next_try_at", String(35)),
    Column("error", String(200)),
)

alarm_said = Table(
    "alarm_said",
    metadata,
    # Promise: a channel knows of each subject what it said last, so a restart repeats nothing.
    Column("channel", String(16), primary_key=True),
    Column("subject", String(32), primary_key=True),
    Column("alarm_id", BigKey, nullable=False),
    Column("kind", String(48), nullable=False),
    Column("state_on", Boolean, nullable=False),
    Column("at", String(35), nullable=False),
)

alarm_message = Table(
    "alarm_message",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("channel", String(16), nullable=False),
    Column("at", String(35), nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("alarms", JSON, nullable=False),  # ids; empty: a test
    Column("error", String(200)),
)
Index("ix_alarm_message_channel", alarm_message.c.channel, alarm_message.c.at)


def listed(conn: Connection) -> list[dict[str, Any]]:
    """The channels there are, by name, each with `down`: the last attempts failed."""
    rows = conn.execute(select(alarm_channel).order_by(alarm_channel.c.name)).mappings()
    return [{**row, "down": row["failures"] >= DOWN_AFTER} for row in rows]


def meet(tx: Tx, channels: Iterable[tuple[str, str]]) -> list[str]:
    """The channels that are configured now, as (name, target); what is not among them is forgotten. Returns those."""
    known = {row["name"]: row for row in listed(tx.conn)}
    wanted = dict(channels)
    for name, target in wanted.items():
        values = {"target": target[:200], "seen_at": tx.at}
        if name in known:
            tx.conn.execute(update(alarm_channel).where(alarm_channel.c.name == name).values(**values))
        else:
            tx.conn.execute(alarm_channel.insert().values(name=name, failures=0, **values))
    gone = [name for name in known if name not in wanted]
    tx.conn.execute(delete(alarm_channel).where(alarm_channel.c.name.in_(gone)))
    tx.conn.execute(delete(alarm_said).where(alarm_said.c.channel.in_(gone)))
    if set(known) != set(wanted):
        tx.audit("alarm.channels", before=sorted(known), after=sorted(wanted))
    return gone


def said_by(conn: Connection, channel: str) -> dict[str, Said]:
    """Subject → what this channel said last about it."""
    spoken_of = alarm_said.outerjoin(alarm, alarm.c.id == alarm_said.c.alarm_id)
    wanted = select(alarm_said, alarm.c.severity).select_from(spoken_of).where(alarm_said.c.channel == channel)
    return {
        row.subject: Said(row.alarm_id, row.kind, row.state_on, from_text(row.at), row.severity or WARNING)
        for row in conn.execute(wanted)
    }


def sent_since(conn: Connection, channel: str, since: datetime, now: datetime) -> int:
    """How many messages this channel delivered since. Those of the future are of a clock that was set back."""
    table = alarm_message
    wanted = (table.c.channel == channel, table.c.ok.is_(True), table.c.at.between(to_text(since), to_text(now)))
    return int(conn.execute(select(func.count()).where(*wanted)).scalar_one())


def resting(row: Mapping[str, Any], now: datetime) -> bool:
    """Whether a channel that failed is left alone for a while, never longer than the longest pause: a later time was
    written before the clock was set back."""
    until = row["next_try_at"]
    return until is not None and now < from_text(until) <= now + timedelta(seconds=LONGEST_RETRY_SECONDS)


def delivered(tx: Tx, channel: str, sayings: Sequence[Saying]) -> bool:
    """One message went out. Returns whether the channel had been down."""
    before = _failures(tx.conn, channel)
    row = {"last_ok_at": tx.at, "last_try_at": tx.at, "failures": 0, "next_try_at": None, "error": None}
    tx.conn.execute(update(alarm_channel).where(alarm_channel.c.name == channel).values(**row))
    for one in sayings:
        mine = (alarm_said.c.channel == channel, alarm_said.c.subject == one.alert.subject)
        tx.conn.execute(delete(alarm_said).where(*mine))
        said = {"alarm_id": one.alert.id, "kind": one.alert.kind, "state_on": one.state != OFF, "at": tx.at}
        tx.conn.execute(alarm_said.insert().values(channel=channel, subject=one.alert.subject, **said))
    _write(tx, channel, sayings, None)
    return before >= DOWN_AFTER


def refused(tx: Tx, channel: str, sayings: Sequence[Saying], error: str) -> bool:
    """One message did not go out: the pause grows. Returns whether the channel counts as down from now on."""
    failures = _failures(tx.conn, channel) + 1
    row = {"last_try_at": tx.at, "failures": failures, "error": error[:200]}
    next_try = to_text(tx.now + retry_after(failures))
    statement = update(alarm_channel).where(alarm_channel.c.name == channel)
    tx.conn.execute(statement.values(next_try_at=next_try, **row))
    _write(tx, channel, sayings, error)
    return failures >= DOWN_AFTER


def _failures(conn: Connection, channel: str) -> int:
    wanted = select(alarm_channel.c.failures).where(alarm_channel.c.name == channel)
    return int(conn.execute(wanted).scalar() or 0)


def _write(tx: Tx, channel: str, sayings: Sequence[Saying], error: str | None) -> None:
    row = {"channel": channel, "at": tx.at, "ok": error is None, "error": error[:200] if error else None}
    tx.conn.execute(alarm_message.insert().values(alarms=[one.alert.id for one in sayings], **row))
    tx.conn.execute(delete(alarm_message).where(alarm_message.c.at < to_text(tx.now - timedelta(days=KEPT_DAYS))))
