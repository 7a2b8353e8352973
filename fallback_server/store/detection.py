"""What windows say of the centre, what switching by itself depends on, and the switch itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, case, func, select

from fallback_server.domain import detection
from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.detection import Standing, Switching, Verdict, Windows
from fallback_server.store import alarms, centre_look, mirror_status, mode_switch, stop_orders
from fallback_server.store.mirror_status import StaleRules
from fallback_server.store.mode import incident
from fallback_server.store.people import workstation
from fallback_server.store.session import Tx

CONSOLE: Final = "console"  # the role that a console's page gives itself: it is no window


def windows_say(conn: Connection, now: datetime) -> list[dict[str, Any]]:
    """The windows that live, with `code`, `role` and whether they reach the centre (None: they cannot tell)."""
    table, since = workstation, to_text(now - timedelta(seconds=mode_switch.LIVE_SECONDS))
    live = (table.c.last_seen_at >= since, table.c.role.is_distinct_from(CONSOLE))
    # A page cannot know: it hears only the standby. Its agent's word counts as long as it lives.
    known = case((table.c.agent_seen_at >= since, table.c.agent_central_ok), else_=table.c.central_ok)
    statement = select(table.c.code, table.c.role, known.label("central_ok")).where(*live).order_by(table.c.code)
    return [dict(row) for row in conn.execute(statement).mappings()]


def counted(said: list[dict[str, Any]]) -> Windows:
    """How many of them reach it, do not, cannot tell."""
    told = [one["central_ok"] for one in said]
    return Windows(told.count(True), told.count(False), told.count(None))


def standing(tx: Tx, stale: StaleRules) -> Standing:
    """What switching by itself depends on, as it is now."""
    look = centre_look.last(tx.conn, tx.now)
    standby, windows = centre_look.watches(centre_look.known(tx.conn))
    back = tx.conn.execute(select(func.max(incident.c.released_at)).where(incident.c.drill.is_(False))).scalar()
    return Standing(
        Verdict(look["verdict"]),
        detection.both_away_seconds(standby, windows, tx.now),
        str(look["fault"]),
        tx.mode.mode.value,
        counted(windows_say(tx.conn, tx.now)),
        _fresh(tx, stale),
        stop_orders.stopped(tx.conn, stop_orders.DETECTION) is not None,
        None if back is None else (tx.now - from_text(back)).total_seconds() / 60,
    )


def switch(tx: Tx, rules: Switching, stale: StaleRules) -> int | None:
    """Arrow a without a person, if every condition is met in this very transaction. Returns the incident number.

    A person must confirm it afterwards, like any switch; there is no way back but by two people.
    """
    now = standing(tx, stale)
    if not detection.switches(rules, now):
        return None
    minutes = int(now.away_seconds // 60)
    reason = (
        f"系统自动切换：中心已 {minutes} 分钟不可用，{now.windows.no} / {now.windows.known} 个窗口证实"
        f" / by itself: no centre for {minutes} minutes, {now.windows.no} of {now.windows.known} windows agree"
    )
    cause = detection.cause_of(now.fault)
    number = mode_switch.enter_emergency(tx, cause=cause, reason=reason, departments=None, drill=False)
    tx.audit("mode.by_itself", subject=str(number), **_shown(now))
    mode_switch.note_event(tx, number, "by_itself", None, **_shown(now))
    zh = f"系统已自动切换到应急（事件 {number}），请第二人确认。"
    en = f"The standby switched to YJ by itself (incident {number}); a person must confirm it."
    alarms.turn_on(tx, alarms.SWITCH, "by_itself", zh, en, incident=number)
    return number


def _shown(now: Standing) -> Mapping[str, Any]:
    told = now.windows
    return {
        "fault": now.fault, "away_seconds": int(now.away_seconds),
        "windows": {"yes": told.yes, "no": told.no, "unknown": told.unknown},
    }  # fmt: skip


def _fresh(tx: Tx, stale: StaleRules) -> bool:
    """Whether windows would have what they need: every dataset there is young enough."""
    found = mirror_status.overview(tx.conn, tx.now, stale)
    return found["generation"] is not None and all(one["stale"] != "fail" for one in found["datasets"])
