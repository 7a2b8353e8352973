"""Alarms and channels as the API and the page show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fallback_server.domain.alerting import SEVERITIES
from fallback_server.store import alarms
from fallback_server.store.session import Tx

_ALARM = (
    "id", "subject", "kind", "severity", "zh", "en", "opened_at", "closed_at", "acknowledged_at", "acknowledged_by",
    "note",
)  # fmt: skip
_CHANNEL = ("name", "target", "last_ok_at", "last_try_at", "failures", "next_try_at", "error", "down")


def alarm_view(row: Mapping[Any, Any]) -> dict[str, Any]:
    """One alarm; what else its sounder noted stays in the audit log."""
    return {name: row[name] for name in _ALARM}


def channel_view(row: Mapping[Any, Any]) -> dict[str, Any]:
    """One channel: where to, when it last worked, what went wrong since."""
    return {name: row[name] for name in _CHANNEL}


def waiting(tx: Tx) -> list[dict[str, Any]]:
    """The alarms that are on: those nobody acknowledged first, of those the gravest."""
    rows = [alarm_view(row) for row in alarms.on(tx.conn)]
    return sorted(
        rows, key=lambda one: (one["acknowledged_at"] is not None, -SEVERITIES.index(one["severity"]), one["id"])
    )
