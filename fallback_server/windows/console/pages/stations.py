"""The screen about the computers at the windows: their table, their printers, the agents and codes for new ones."""

from __future__ import annotations

from typing import Any

from fallback_server.acts import masters
from fallback_server.domain.stations import KINDS, STATION_ROLES, as_csv
from fallback_server.store import stations
from fallback_server.web.pages import File, Pages, View
from fallback_server.windows.console.pages.screen import CONSOLE, about, screen
from fallback_server.windows.console.queries import departments
from fallback_server.windows.console.queries import stations as queries

pages = Pages("console")


@pages.page(
    "/console/workstations", template="console/workstations.html", title="stations.title", roles=CONSOLE,
    words=("stations",),
)  # fmt: skip
def workstations(view: View) -> dict[str, Any]:
    """Every workstation of the table with its printers, and every agent."""
    rows, english = queries.listed(view.tx), view.language == "en"
    kinds = {kind: words[english] for kind, words in KINDS.items()}
    places = {one["department_code"]: one["name"] for one in departments(view.tx)}
    pharmacies = masters.departments(view.tx, ("pharmacy",))
    lists = {
        "kinds": list(kinds.items()), "roles": list(STATION_ROLES), "departments": list(places.items()),
        "pharmacies": [(one["code"], one["name"]) for one in pharmacies],
    }  # fmt: skip
    places |= {one["code"]: one["name"] for one in pharmacies}
    return screen(
        view, "workstations", **about(view), rows=rows, figures=queries.counted(rows), kinds=kinds, places=places,
        lists=lists,
    )  # fmt: skip


@pages.file("/console/workstations.csv", export="station.export", roles=CONSOLE)
def table(view: View) -> File:
    """The table as a file, to be changed and imported again."""
    packed = as_csv(stations.entries(view.tx.conn)).encode("utf-8")
    return File(packed, "workstations.csv", "text/csv; charset=utf-8", "workstations")
