"""Whether somebody would be told: what is on and nobody acknowledged, and the channels that alarms take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from fallback_server.domain.readiness import Finding
from fallback_server.store import alarm_channels, alarms
from fallback_server.store.readiness.look import Look

TRIED_WITHIN: Final = timedelta(days=90)  # robots are removed and passwords of mail change without a word


def told(look: Look) -> Iterator[Finding]:
    """An alarm that nobody sees is none."""
    waiting = [row for row in alarms.on(look.conn) if row["acknowledged_at"] is None]
    if waiting:
        age = look.age(min(row["opened_at"] for row in waiting))
        yield Finding("alarms", None, "alarms_waiting", {"n": len(waiting)}, "", age)
    else:
        yield Finding("alarms", True, "alarms_none")
    channels = alarm_channels.listed(look.conn)
    down = [row["name"] for row in channels if row["down"]]
    if not channels:
        yield Finding("alarms", None, "channels_none", subject="channels")
    elif down:
        yield Finding("alarms", None, "channels_down", {"n": len(down), "codes": down}, "channels")
    elif untried := [row["name"] for row in channels if _untried(look, row["last_ok_at"])]:
        values = {"n": len(untried), "codes": untried}
        yield Finding("alarms", None, "channels_untried", values, "channels", limit=f"{TRIED_WITHIN.days} d")
    else:
        yield Finding("alarms", True, "channels_fine", {"n": len(channels)}, "channels")


def _untried(look: Look, last_ok_at: str | None) -> bool:
    age = look.age(last_ok_at)
    return age is None or age > TRIED_WITHIN.total_seconds()
