"""Screens beside the tabs: the run-sheet of a return, and prices keyed in during an outage; the sheet's print."""

from __future__ import annotations

from typing import Any

from fallback_server.acts import aftercare, keyed_in, run_sheet
from fallback_server.domain.categories import RECEIPT_CATEGORIES
from fallback_server.domain.run_sheet import STEPS
from fallback_server.store.mode_switch import incident_row
from fallback_server.web.pages import Pages, View
from fallback_server.windows.console import rules
from fallback_server.windows.console.pages.papers import carried
from fallback_server.windows.console.pages.screen import CONSOLE, about, screen

pages = Pages("console")


@pages.page(
    "/console/run-sheet", template="console/run_sheet.html", title="after.run_sheet", roles=CONSOLE, words=("after",)
)
def return_sheet(view: View) -> dict[str, Any]:
    """The return step by step: who, when, minutes, what shows it; a tick for what only people can see."""
    tx, found = view.tx, about(view)
    number = found["number"]
    lines = sheet_lines(view, number) if number is not None else []
    return screen(
        view, "incidents", **found, lines=lines, row=incident_row(tx.conn, number) if number is not None else None,
        counts=aftercare.counts(tx, number) if number is not None else {},
    )  # fmt: skip


def sheet_lines(view: View, number: int) -> list[dict[str, Any]]:
    """The run-sheet in the reader's language, with which lines this person may tick."""
    english, roles = view.language == "en", view.tx.who.roles
    return [
        {
            **vars(line), "title": STEPS[line.code].en if english else STEPS[line.code].zh,
            "told": line.told(view.language), "may": line.hand and bool(roles & set(STEPS[line.code].whom)),
        }
        for line in run_sheet.lines(view.tx, number)
    ]  # fmt: skip


@pages.paper(
    "/print/run_sheet/{incident_no}", template="prints/run_sheet.html", title="after.run_sheet", size="a4",
    roles=CONSOLE,
)  # fmt: skip
def printed_sheet(view: View) -> dict[str, Any]:
    """The same on paper, for the file of the incident."""
    number = rules.require_number(view.path["incident_no"])
    return {
        **carried(view, number, "run_sheet"),
        "row": incident_row(view.tx.conn, number),
        "lines": sheet_lines(view, number),
    }


@pages.page("/console/prices", template="console/prices.html", title="after.prices", roles=CONSOLE, words=("after",))
def prices(view: View) -> dict[str, Any]:
    """What two people keyed in while the mirror was frozen, and what of it the HIS must still be told."""
    tx, english = view.tx, view.language == "en"
    categories = {code: both[english] for code, both in RECEIPT_CATEGORIES.items()}
    return screen(
        view, "mirror", **about(view), standing=keyed_in.listed(tx), ended=keyed_in.listed(tx, ended=True, limit=50),
        emergency=tx.mode.mode.value == "emergency", keying=bool(tx.who.roles & {"supervisor", "admin"}),
        categories=categories,
    )  # fmt: skip
