"""Pages of the triage window: the nurse's desk, and the screen on the wall of the waiting hall."""

from __future__ import annotations

from typing import Any

from fallback_server.web.pages import Pages, View
from fallback_server.web.routes import PUBLIC
from fallback_server.windows.triage import queries

pages = Pages("triage")


@pages.page("/triage", template="triage/triage.html", title="triage.title", roles=("triage",), nav=True)
def desk(view: View) -> dict[str, Any]:
    """The nurse's desk: which departments there are comes with the page, the lanes are asked for."""
    return {
        "data": {"role": "triage", "departments": queries.departments(view.tx)},
    }


@pages.page("/triage/display", template="triage/display.html", title="triage.display", roles=PUBLIC)
def display(view: View) -> dict[str, Any]:
    """The waiting hall's screen; without a department it offers the choice of one."""
    code = view.query.get("department_code", "")
    departments = queries.departments(view.tx)
    known = any(department["code"] == code for department in departments)
    return {
        "departments": departments,
        "hall": queries.hall(view.tx, code) if known else None,
        "data": {"department_code": code if known else None},
    }
