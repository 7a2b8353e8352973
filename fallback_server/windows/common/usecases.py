"""Log-in and heartbeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, case, update

from fallback_server.acts import silent_prints
from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Mode, Permit
from fallback_server.domain.places import Place
from fallback_server.store import voices
from fallback_server.store.people import note_epoch, workstation
from fallback_server.store.session import Actor, Store, Tx
from fallback_server.web.agents import agent_of
from fallback_server.web.login import AGENT, enrol_workstation

PAGE_SECONDS: Final = 90  # a page out of sight is heard of about once a minute


def heartbeat(
    tx: Tx, *, code: str, role: str | None, epoch: int, central_ok: bool | None, clock: str | None,
    version: str | None, locked: bool = False, instance: str | None = None, knock: Place | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A workstation says that it lives and which epoch it knows. Returns the current epoch; to an agent also where it
    shall `knock` to see whether it reaches the centre, and whether its workstation has printers.

    A locked one speaks with its ended session, for itself only; so does an agent with its token. Raises login_required
    for an ended session otherwise: the page then asks for the password.
    """
    agent = tx.who.operator_code == AGENT
    if not tx.who.roles and not ((locked or agent) and code == tx.who.workstation):
        raise YjError("login_required")
    enrol_workstation(tx, code)
    known = update(workstation).where(workstation.c.code == code, workstation.c.epoch.is_distinct_from(epoch))
    if agent:
        known = known.where(*_agent_may_say(tx, epoch))
    changed = tx.conn.execute(known.values(epoch=epoch, epoch_at=tx.at))
    own = _of_agent(tx, role, version, central_ok) if agent else _of_page(tx, role, version, central_ok, locked)
    tx.conn.execute(
        update(workstation)
        .where(workstation.c.code == code)
        .values(last_seen_at=tx.at, clock_offset_seconds=_offset(tx, clock), **own)
    )
    kind = voices.AGENT if agent else voices.PAGE
    voices.hear(tx.conn, code, kind, instance or "", tx.who.address or "", tx.now)
    if changed.rowcount:
        if epoch == tx.mode.epoch:
            note_epoch(tx.conn, code, epoch, tx.at)
        tx.audit("workstation.epoch", subject=code, epoch=epoch)
    answer: dict[str, Any] = {"epoch": tx.mode.epoch, "mode": tx.mode.mode.value}
    if agent:
        answer["printers"] = silent_prints.has_printers(tx, code)
        answer["centre"] = {"host": knock[0], "port": knock[1]} if knock else None
    return answer


@dataclass(frozen=True)
class Beat:
    """An agent's heartbeat: its token, where it stands, and what `heartbeat` is told."""

    token: str = field(repr=False)
    address: str
    said: dict[str, Any]


def heartbeats(store: Store, beats: Sequence[Beat | None], knock: Place | None) -> list[dict[str, Any] | None]:
    """Many agents at once, in one short transaction. None for each that cannot be heard so: it comes again, alone."""
    with store.writing(Permit.HOUSEKEEPING, Actor(AGENT, AGENT, frozenset())) as tx:
        return [_heard(tx, beat, knock) if beat is not None else None for beat in beats]


def _heard(tx: Tx, beat: Beat, knock: Place | None) -> dict[str, Any] | None:
    try:
        agent = agent_of(tx, beat.token, beat.address)
        _offset(tx, beat.said["clock"])  # refused before anything is written
        if agent is None or agent.workstation != beat.said["code"]:
            return None
        tx.actor = agent
        return heartbeat(tx, **beat.said, knock=knock)
    except YjError:
        return None


def _of_page(tx: Tx, role: str | None, version: str | None, central_ok: bool | None, locked: bool) -> dict[str, Any]:
    said = {"role": role, "page_seen_at": tx.at, "central_ok": central_ok, "version": version}
    return {**said, "operator_code": None} if locked else said


def _of_agent(tx: Tx, role: str | None, version: str | None, central_ok: bool | None) -> dict[str, Any]:
    """The agent's own word, in columns of its own; its role counts while no page says what it is."""
    return {
        "agent_seen_at": tx.at, "agent_version": version, "agent_central_ok": central_ok,
        "role": case((_no_page(tx), role), else_=workstation.c.role),
    }  # fmt: skip


def _agent_may_say(tx: Tx, epoch: int) -> tuple[ColumnElement[bool], ...]:
    """When an agent's word about the epoch counts: never back, and not on the return while a page of it lives.

    A page with a form begun holds the acknowledgement of the return back, for the grace is for that form.
    """
    known = workstation.c.epoch
    newer = known.is_(None) | (known < epoch) | (known > tx.mode.epoch)
    if tx.mode.mode is not Mode.RETURNING or not tx.mode.in_grace(tx.now):
        return (newer,)
    return (newer, _no_page(tx))


def _no_page(tx: Tx) -> ColumnElement[bool]:
    """Whether no page of a workstation was heard of lately."""
    quiet = to_text(tx.now - timedelta(seconds=PAGE_SECONDS))
    return workstation.c.page_seen_at.is_(None) | (workstation.c.page_seen_at < quiet)


def _offset(tx: Tx, clock: str | None) -> float | None:
    if clock is None:
        return None
    try:
        return (from_text(clock) - tx.now).total_seconds()
    except ValueError:
        raise YjError("invalid_request", field="clock", problem="时间格式不对 / not RFC 3339") from None
