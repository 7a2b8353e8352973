"""The roll call: which computers know the present mode, how soon they knew it, and whom they hear."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select

from fallback_server.domain.clock import from_text
from fallback_server.domain.modes import Mode
from fallback_server.domain.stations import Entry
from fallback_server.store import stations, voices
from fallback_server.store.mode_switch import LIVE_SECONDS
from fallback_server.store.people import session, workstation
from fallback_server.store.session import Tx

CONSOLE: Final = "console"  # the role that a console's page gives itself
TODAY_SECONDS: Final = 12 * 3600  # a computer heard of within a shift should have switched; older ones are not missed


def workstations(tx: Tx) -> list[dict[str, Any]]:
    """Every computer, those first that should know the present epoch and do not, consoles last.

    Beside the columns of `workstation`: `window` (it serves patients: a console only looks on), `acknowledged`, `live`,
    `missed` (heard of in this shift, yet not switched; in normal mode only while it is live: who has gone home is not
    late), `seconds` it took to acknowledge, `silent_seconds` since it was heard of, and the operator's name while
    logged in: at a locked one there is nobody. `agent_live`; `central_ok` is the agent's word while it lives. Of the
    workstation table `place`, the window's name; `unknown` where there is a table and it does not name this one;
    `doubled`, the addresses from which two computers speak under this name at once. Workstations of the table that were
    never heard of come too, with `last_seen_at` None.
    """
    names = {row.operator_code: row.operator_name for row in tx.conn.execute(_logged_in())}
    planned = {one.code: one for one in stations.entries(tx.conn)}
    doubled = voices.doubled(tx.conn, tx.now)
    rows = [_shown(tx, dict(row), names) for row in tx.conn.execute(select(workstation)).mappings()]
    rows += [_never_heard_of(planned[code]) for code in planned.keys() - {row["code"] for row in rows}]
    for row in rows:
        place = planned.get(row["code"])
        row["place"] = place.window if place else None
        row["unknown"] = bool(planned) and place is None and row["window"]
        row["doubled"] = doubled.get(row["code"], [])
    return sorted(rows, key=_place)


def windows(tx: Tx) -> list[dict[str, Any]]:
    """Of the roll call, those that serve patients: who counts when it is asked whether all have switched."""
    return [row for row in workstations(tx) if row["window"]]


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    odd = bool(row["doubled"] or row["unknown"])
    never = row["last_seen_at"] is None
    return (not row["window"], not row["missed"], not odd, never, row["acknowledged"], not row["live"], row["code"])


def _logged_in() -> Any:
    return select(session.c.operator_code, session.c.operator_name).where(session.c.ended_at.is_(None)).distinct()


def _shown(tx: Tx, row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    silent = _silent(tx, row["last_seen_at"])
    acknowledged = row["epoch"] == tx.mode.epoch
    took = (from_text(row["epoch_at"]) - tx.mode.since).total_seconds() if acknowledged and row["epoch_at"] else None
    agent_live = row["agent_seen_at"] is not None and _silent(tx, row["agent_seen_at"]) <= LIVE_SECONDS
    return {
        **row,
        "window": row["role"] != CONSOLE,
        "acknowledged": acknowledged,
        "live": silent <= LIVE_SECONDS,
        "missed": not acknowledged and silent <= (LIVE_SECONDS if tx.mode.mode is Mode.NORMAL else TODAY_SECONDS),
        "silent_seconds": max(0, silent),
        # Who first came after the switch took no time to learn of it.
        "seconds": None if took is None else max(0, round(took)),
        "operator_name": names.get(row["operator_code"] or ""),
        "agent_live": agent_live,
        # A page cannot know: it hears only the standby.
        "central_ok": row["agent_central_ok"] if agent_live else row["central_ok"],
    }


def _silent(tx: Tx, at: str) -> int:
    return int((tx.now - from_text(at)).total_seconds())


def _never_heard_of(entry: Entry) -> dict[str, Any]:
    nothing = dict.fromkeys((*workstation.c.keys(), "seconds", "silent_seconds", "operator_name"))
    never = dict.fromkeys(("acknowledged", "live", "missed", "agent_live"), False)
    return {**nothing, **never, "code": entry.code, "role": entry.role, "window": entry.role != CONSOLE}
