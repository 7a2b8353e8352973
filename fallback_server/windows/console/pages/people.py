"""The screen about people: who could log in, codes for those who cannot, approvals, what was done alone."""

from __future__ import annotations

from typing import Any, Final

from fallback_server.domain.two_persons import ACTS
from fallback_server.web.pages import Pages, View
from fallback_server.windows.console import queries
from fallback_server.windows.console.pages.screen import CONSOLE, about, screen
from fallback_server.windows.console.queries import people

pages = Pages("console")
SHOWN: Final = 300


@pages.page(
    "/console/operators", template="console/operators.html", title="people.title", roles=CONSOLE, words=("people",)
)
def operators(view: View) -> dict[str, Any]:
    """The list, the figures above it, what waits for a counter-signature, the sealed account."""
    tx, query = view.tx, view.query
    state = query.get("state", "all") if query.get("state") in people.STATES else "all"
    q, department = query.get("q", ""), query.get("department", "")
    found = people.operators(tx, q=q, department=department, state=state)
    return screen(
        view, "operators", **about(view), rows=found[:SHOWN], left_off=max(0, len(found) - SHOWN), q=q, state=state,
        department=department, states=people.STATES, departments=queries.departments(tx), people=people.summary(tx),
        acts=[(code, act.name(view.language), act.alone) for code, act in ACTS.items()],
        act_names={code: act.name(view.language) for code, act in ACTS.items()},
    )  # fmt: skip
