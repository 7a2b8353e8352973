"""Screens about the standby itself: would it work, and which alarms wait for somebody."""

from __future__ import annotations

from typing import Any, Final

from flask_babel import gettext as _

from fallback_server.domain import readiness as judge
from fallback_server.store import alarm_channels, alarms, readiness
from fallback_server.web.pages import Pages, View
from fallback_server.windows.console.pages.screen import CONSOLE, about, screen
from fallback_server.windows.console.queries import situation, standby

pages = Pages("console")
HISTORY_SHOWN: Final = 100
_GRAVE: Final = {"fail": 0, "warn": 1, "ok": 2}


@pages.page(
    "/console/readiness", template="console/readiness.html", title="standby.readiness", roles=CONSOLE,
    words=("standby",),
)  # fmt: skip
def show_readiness(view: View) -> dict[str, Any]:
    """The list, what keeps it from working first, and the score."""
    found = readiness.findings(view.tx, view.policy)
    lines = [{**one.view(view.language), "seconds": one.age_seconds, "limit": _with_unit(one.limit)} for one in found]
    return screen(
        view, "readiness", **about(view), lines=sorted(lines, key=lambda one: _GRAVE[one["state"]]),
        counts={state: sum(one.state == state for one in found) for state in _GRAVE},
        ready=judge.ready(found), score=judge.score(found), in_use=situation.outage(view.tx),
    )  # fmt: skip


def _with_unit(limit: str) -> str:
    """A limit with its unit in the reader's language: "45 / 90 min" → 45 / 90 分钟."""
    number, _space, unit = limit.rpartition(" ")
    words = {
        "s": _("console.seconds", n=number), "min": _("console.minutes", n=number), "h": _("console.hours", n=number),
        "d": _("after.days", n=number),
    }  # fmt: skip
    return str(words.get(unit, limit))


@pages.page(
    "/console/alarms", template="console/alarms.html", title="standby.alarms", roles=CONSOLE, words=("standby",)
)
def show_alarms(view: View) -> dict[str, Any]:
    """What is on, the channels, and what is over."""
    over = alarms.history(view.tx.conn, HISTORY_SHOWN)
    return screen(
        view, "alarms", **about(view), waiting=standby.waiting(view.tx),
        over=[standby.alarm_view(row) for row in over], channels=alarm_channels.listed(view.tx.conn),
    )  # fmt: skip
