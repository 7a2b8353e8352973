"""Log-in and heartbeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import update

from fallback_server.acts import agent_hearts
from fallback_server.domain.clock import from_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.modes import Permit
from fallback_server.domain.places import Place
from fallback_server.store import stations, voices
from fallback_server.store.people import note_epochs, workstation
from fallback_server.store.session import Actor, Store, Tx
from fallback_server.web.agents import agents_of
from fallback_server.web.login import AGENT, enrol_workstation


def heartbeat(
    tx: Tx, *, code: str, role: str | None, epoch: int, central_ok: bool | None, clock: str | None,
    version: str | None, locked: bool = False, instance: str | None = None, knock: Place | None = None,
) -> dict[str, Any]:  # fmt: skip
    """A workstation says that it lives and which epoch it knows. Returns the current epoch; to an agent also where it
    shall `knock` to see whether it reaches the centre, and whether its workstation has printers.

    Each speaks for its own workstation: a page for the one that its session was opened at, a locked one with that ended
    session, an agent with its token. Raises login_required for an ended session otherwise (the page then asks for the
    password), invalid_request for another workstation than the session's.
    """
    agent = tx.who.operator_code == AGENT
    if not tx.who.roles and not ((locked or agent) and code == tx.who.workstation):
        raise YjError("login_required")
    if code != tx.who.workstation:
        raise YjError("invalid_request", field="workstation", problem="不是登录所在的工作站 / not the session's own")
    enrol_workstation(tx, code)
    if agent:
        said = agent_hearts.Said(tx.who, role, epoch, central_ok, version, instance, _offset(tx, clock))
        return _heard(tx, [said], knock)[0]
    known = update(workstation).where(workstation.c.code == code, workstation.c.epoch.is_distinct_from(epoch))
    changed = tx.conn.execute(known.values(epoch=epoch, epoch_at=tx.at))
    page = {"role": role, "page_seen_at": tx.at, "central_ok": central_ok, "version": version}
    tx.conn.execute(
        update(workstation)
        .where(workstation.c.code == code)
        .values(
            last_seen_at=tx.at, clock_offset_seconds=_offset(tx, clock), **page,
            **({"operator_code": None} if locked else {}),
        )
    )  # fmt: skip
    voices.hear(tx.conn, code, voices.PAGE, instance or "", tx.who.address or "", tx.now)
    if changed.rowcount:
        note_epochs(tx.conn, [code] if epoch == tx.mode.epoch else [], epoch, tx.at)
        tx.audit("workstation.epoch", subject=code, epoch=epoch)
    return {"epoch": tx.mode.epoch, "mode": tx.mode.mode.value}


@dataclass(frozen=True)
class Beat:
    """An agent's heartbeat: its token, where it stands, and what `heartbeat` is told."""

    token: str = field(repr=False)
    address: str
    said: dict[str, Any]


def heartbeats(store: Store, beats: Sequence[Beat | None], knock: Place | None) -> list[dict[str, Any] | None]:
    """Many agents at once, in one short transaction. None for each that cannot be heard so: it comes again, alone."""
    with store.writing(Permit.HOUSEKEEPING, Actor(AGENT, AGENT, frozenset()), ahead=True) as tx:
        agents = agents_of(tx, {beat.token: beat.address for beat in beats if beat is not None})
        known = agent_hearts.known(tx, [agent.workstation or "" for agent in agents.values()])
        said = [_said(tx, beat, agents.get(beat.token), known) if beat is not None else None for beat in beats]
        answers = iter(_heard(tx, [one for one in said if one is not None], knock))
        return [next(answers) if one is not None else None for one in said]


def _said(tx: Tx, beat: Beat, agent: Actor | None, known: set[str]) -> agent_hearts.Said | None:
    told = beat.said
    if agent is None or agent.workstation != told["code"] or told["code"] not in known:
        return None
    try:
        offset = _offset(tx, told["clock"])
    except YjError:
        return None
    here = replace(agent, address=beat.address)  # a disk that was copied has the same token at another address
    return agent_hearts.Said(
        here, told["role"], told["epoch"], told["central_ok"], told["version"], told["instance"], offset
    )


def _heard(tx: Tx, said: Sequence[agent_hearts.Said], knock: Place | None) -> list[dict[str, Any]]:
    """Write it down; what each agent is told."""
    agent_hearts.hear(tx, said)
    printing = stations.with_printers(tx.conn, [one.code for one in said])
    same = {
        "epoch": tx.mode.epoch, "mode": tx.mode.mode.value,
        "centre": {"host": knock[0], "port": knock[1]} if knock else None,
    }  # fmt: skip
    return [{**same, "printers": one.code in printing} for one in said]


def _offset(tx: Tx, clock: str | None) -> float | None:
    if clock is None:
        return None
    try:
        return (from_text(clock) - tx.now).total_seconds()
    except ValueError:
        raise YjError("invalid_request", field="clock", problem="时间格式不对 / not RFC 3339") from None
