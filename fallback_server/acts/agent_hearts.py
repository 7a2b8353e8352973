"""What agents say every few seconds, one or all of a hospital at once: they live, know an epoch, see the centre or not.

In a handful of statements whatever their number: after a switch 500 acknowledge it while windows charge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import bindparam, select, update

from fallback_server.domain.clock import to_text
from fallback_server.domain.modes import Mode
from fallback_server.store import people, voices
from fallback_server.store.people import workstation
from fallback_server.store.session import Actor, Tx

PAGE_SECONDS: Final = 90  # a page out of sight is heard of about once a minute


@dataclass(frozen=True)
class Said:
    """One agent's heartbeat; `offset` is its clock minus ours."""

    agent: Actor
    role: str | None
    epoch: int
    central_ok: bool | None
    version: str | None
    instance: str | None
    offset: float | None

    @property
    def code(self) -> str:
        return self.agent.workstation or ""


def known(tx: Tx, codes: Sequence[str]) -> set[str]:
    """Which of these workstations have their number already."""
    return set(tx.conn.execute(select(workstation.c.code).where(workstation.c.code.in_(codes))).scalars())


def hear(tx: Tx, said: Sequence[Said]) -> None:
    """Write down what they said. Each one's token was looked at, and its workstation is `known`.

    An agent's word stands in columns of its own; its role counts while no page says what it is.
    """
    if not said:
        return
    columns = (workstation.c.code, workstation.c.epoch, workstation.c.page_seen_at, workstation.c.role)
    wanted = select(*columns).where(workstation.c.code.in_([one.code for one in said]))
    rows = {row.code: row._mapping for row in tx.conn.execute(wanted.order_by(workstation.c.code).with_for_update())}
    quiet = to_text(tx.now - timedelta(seconds=PAGE_SECONDS))
    alone = {code for code, row in rows.items() if row["page_seen_at"] is None or row["page_seen_at"] < quiet}
    tx.conn.execute(_LIVES, [_lives(tx, one, rows[one.code]["role"], one.code in alone) for one in said])
    voices.hear_agents(
        tx.conn, [(one.code, one.instance or "", one.agent.address or "") for one in said], tx.now
    )  # fmt: skip
    _acknowledge(tx, [one for one in said if _counts(tx, one.epoch, rows[one.code]["epoch"], one.code in alone)])


_LIVES = (
    update(workstation)
    .where(workstation.c.code == bindparam("of"))
    .values(
        last_seen_at=bindparam("heard"), agent_seen_at=bindparam("heard"), clock_offset_seconds=bindparam("offset"),
        agent_version=bindparam("says"), agent_central_ok=bindparam("sees"), role=bindparam("stands_as"),
    )
)  # fmt: skip
_KNOWS = (
    update(workstation)
    .where(workstation.c.code == bindparam("of"))
    .values(epoch=bindparam("knows"), epoch_at=bindparam("heard"))
)


def _lives(tx: Tx, one: Said, role: str | None, alone: bool) -> Mapping[str, Any]:
    return {
        "of": one.code, "heard": tx.at, "offset": one.offset, "says": one.version, "sees": one.central_ok,
        "stands_as": one.role if alone else role,
    }  # fmt: skip


def _counts(tx: Tx, epoch: int, before: int | None, alone: bool) -> bool:
    """Whether an agent's word about the epoch is news: never back, and not on the return while a page of it lives.

    A page with a form begun holds the acknowledgement of the return back, for the grace is for that form.
    """
    newer = before is None or before < epoch or (before > tx.mode.epoch and before != epoch)
    return newer and (alone or tx.mode.mode is not Mode.RETURNING or not tx.mode.in_grace(tx.now))


def _acknowledge(tx: Tx, news: Sequence[Said]) -> None:
    if not news:
        return
    tx.conn.execute(_KNOWS, [{"of": one.code, "knows": one.epoch, "heard": tx.at} for one in news])
    people.note_epochs(tx.conn, [one.code for one in news if one.epoch == tx.mode.epoch], tx.mode.epoch, tx.at)
    whole = tx.actor
    for one in news:
        tx.actor = one.agent
        tx.audit("workstation.epoch", subject=one.code, epoch=one.epoch)
    tx.actor = whole
