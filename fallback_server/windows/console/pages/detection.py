"""The screen about the centre: alive or not, by what evidence, since when, and what happens by itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from flask_babel import gettext as _

from fallback_server.store import centre_history
from fallback_server.web.pages import Pages, View
from fallback_server.windows.console.pages import charts
from fallback_server.windows.console.pages.screen import CONSOLE, about, screen
from fallback_server.windows.console.queries import detection, moment

pages = Pages("console")
HISTORY: Final = timedelta(hours=24)
SLOT_SECONDS: Final = 300  # a point of a picture: of a day nobody can tell more apart


@pages.page(
    "/console/detection", template="console/detection.html", title="detection.title", roles=CONSOLE,
    words=("detection",),
)  # fmt: skip
def show(view: View) -> dict[str, Any]:
    """The verdict with its timer, the evidence of the last look and of the windows, the changes before."""
    wanted = view.query.get("live") != "figures"
    return screen(
        view, "detection", **about(view), seen=detection.seen(view.tx, view.policy), changes=detection.changes(view.tx),
        charts=_charts(view) if wanted else [], with_charts=wanted, mode=view.tx.mode.mode.value,
        english=view.language == "en",
    )  # fmt: skip


def _charts(view: View) -> list[dict[str, Any]]:
    since = view.tx.now - HISTORY
    rows = centre_history.minutes(view.tx.conn, since)
    answers = _slots(since, [(row["at"], (row["seconds"] or 0) * 1000) for row in rows if row["seconds"] is not None])
    failed = _slots(since, [(row["at"], row["bad"]) for row in rows])
    cut = _slots(since, [(row["at"], row["windows_no"]) for row in rows])
    said = _("detection.chart_answer_now", n=f"{answers[-1][1]:.0f}" if answers else "–")
    bad = _("detection.chart_bad_now", n=int(sum(row["bad"] for row in rows)))
    return [
        {"title": _("detection.chart_answer"), "now": said, "legend": (),
         "picture": charts.lines(since, view.tx.now, {"ms": answers}, said)},
        {"title": _("detection.chart_bad"), "now": bad,
         "legend": (_("detection.chart_failed"), _("detection.chart_windows")),
         "picture": charts.lines(since, view.tx.now, {"failed": failed, "windows": cut}, bad)},
    ]  # fmt: skip


def _slots(since: datetime, values: list[tuple[str, float]]) -> list[tuple[float, float]]:
    """The greatest value of every slot, at its moment."""
    found: dict[int, tuple[float, float]] = {}
    for at, value in values:
        seconds = (moment(at) - since).total_seconds()
        slot = int(seconds // SLOT_SECONDS)
        if slot not in found or value >= found[slot][1]:
            found[slot] = (seconds, value)
    return [found[slot] for slot in sorted(found)]
