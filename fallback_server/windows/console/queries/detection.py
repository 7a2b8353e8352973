"""What is seen of the centre, and what follows from it: for the page and for scripts alike."""

from __future__ import annotations

from typing import Any, Final

from fallback_server.acts.incident_report import timer_view
from fallback_server.domain.clock import from_text
from fallback_server.domain.detection import Verdict, conditions
from fallback_server.domain.incident_record import due
from fallback_server.domain.modes import Mode
from fallback_server.domain.policy import Policy
from fallback_server.store import centre_history, centre_look, detection, stop_orders
from fallback_server.store.session import Tx

CHANGES_SHOWN: Final = 30
MUTE: Final = (Verdict.UNKNOWN, Verdict.FINE)
GRAVE: Final = (Verdict.DEAD, Verdict.WINDOWS_CUT, Verdict.LOCKED_OUT)  # windows stand still, or soon will


def seen(tx: Tx, policy: Policy) -> dict[str, Any]:
    """The verdict and since when, the steps of the last look, what windows say, and whether it would switch by itself.

    `lasts_seconds` counts while something is wrong. `switching.in_seconds`: when nothing but time is missing. `timers`:
    who must be told by when if it goes on, from its beginning; once somebody has switched, the incident's own count.
    """
    look = centre_look.last(tx.conn, tx.now)
    said = detection.windows_say(tx.conn, tx.now)
    told = detection.counted(said)
    since = look["verdict_since"]
    lasts = int((tx.now - from_text(since)).total_seconds()) if since else None
    return {
        **{name: value for name, value in look.items() if name != "evidence"},
        "steps": look["evidence"].get("steps", []),
        **{name: look["evidence"].get(name, "") for name in ("failed", "how", "note")},
        "lasts_seconds": lasts if look["verdict"] not in MUTE else None,
        "windows": {"yes": told.yes, "no": told.no, "unknown": told.unknown,
                    "cut": [one["code"] for one in said if one["central_ok"] is False]},
        "timers": _timers(tx, policy, look["verdict"], since),
        "switching": _switching(tx, policy),
    }  # fmt: skip


def _timers(tx: Tx, policy: Policy, verdict: str, since: str | None) -> list[dict[str, Any]]:
    if since is None or verdict not in GRAVE or tx.mode.mode is not Mode.NORMAL:
        return []
    return [timer_view(one) for one in due(policy.tell, from_text(since), None, tx.now, ())]


def changes(tx: Tx) -> list[dict[str, Any]]:
    """The newest changes of the verdict, each with how long it lasted (None: it still does)."""
    rows = centre_history.changes(tx.conn, CHANGES_SHOWN)
    ends = [None, *(row["since"] for row in rows)]
    return [{**row, "seconds": _span(row["since"], end)} for row, end in zip(rows, ends, strict=False)]


def _span(since: str, until: str | None) -> int | None:
    return None if until is None else max(0, int((from_text(until) - from_text(since)).total_seconds()))


def _switching(tx: Tx, policy: Policy) -> dict[str, Any]:
    rules, now = policy.switching, detection.standing(tx, policy)
    met = conditions(rules, now)
    stopped = stop_orders.stopped(tx.conn, stop_orders.DETECTION)
    only_time = all(ok for name, ok in met if name != "long_enough")
    return {
        "by_itself": rules.by_itself,
        "after_seconds": rules.after_seconds,
        "conditions": [{"code": name, "met": ok} for name, ok in met],
        "in_seconds": max(0, int(rules.after_seconds - now.away_seconds)) if only_time else None,
        "stopped": None if stopped is None else {n: stopped[n] for n in ("reason", "stopped_at", "stopped_by")},
    }
