"""The screen about backups: are there two good copies, does one open, who rehearsed a restore, and how one is done."""

from __future__ import annotations

from typing import Any, Final

from fallback_server.store import jobs
from fallback_server.web.pages import Pages, View
from fallback_server.windows.console.pages.screen import CONSOLE, about, screen
from fallback_server.windows.console.queries import backups as queries
from fallback_server.windows.console.queries import situation

pages = Pages("console")
SHOWN: Final = 120


@pages.page(
    "/console/backups", template="console/backups.html", title="backups.title", roles=CONSOLE, words=("backups",)
)
def backups(view: View) -> dict[str, Any]:
    """Age, places, the list, and what was opened of it."""
    found = queries.overview(view.tx, view.policy)
    return screen(
        view, "backups", **about(view), found=found, rows=found["items"][:SHOWN], opened=found["opened"][:20],
        job=situation.at_work(view.tx, jobs.BACKUP), key=view.policy.backup_key,
    )  # fmt: skip
