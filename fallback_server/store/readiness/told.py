"""Whether somebody would be told: what is on and nobody acknowledged, and the channels that alarms take."""

from __future__ import annotations

from collections.abc import Iterator

from fallback_server.domain.readiness import Finding
from fallback_server.store import alarm_channels, alarms
from fallback_server.store.readiness.look import Look


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
    else:
        yield Finding("alarms", True, "channels_fine", {"n": len(channels)}, "channels")
