"""What all screens of the console share: the line of tabs, which incident they are about, who looks at them.

A screen is asked for again every few seconds with `?live=1`; then only what stands inside the frame is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from flask_babel import gettext as _
from sqlalchemy import select

from fallback_server.domain.categories import (
    ADJUSTING_NAMES,
    CAUSE_NAMES,
    PAYMENT_METHODS,
    RECEIPT_CATEGORIES,
)
from fallback_server.domain.datasets import DATASET_NAMES
from fallback_server.domain.differences import KINDS
from fallback_server.store.mode import SYSTEM_OPERATOR, incident
from fallback_server.web.pages import View
from fallback_server.windows.console import queries
from fallback_server.windows.console.queries.situation import chosen_incident

CONSOLE: Final = ("admin", "duty", "supervisor", "auditor")
# The tabs in their order; those of one incident carry its number along.
TABS: Final = {
    "overview": "/console", "switch": "/console/switch", "windows": "/console/windows", "mirror": "/console/mirror",
    "incidents": "/console/incidents", "upload": "/console/upload", "conflicts": "/console/conflicts",
    "account": "/console/account", "books": "/console/books",
    "operators": "/console/operators",
}  # fmt: skip
# The second row: the standby itself, looked after in quiet times. With Shift and a digit.
STANDBY_TABS: Final[dict[str, str]] = {
    "readiness": "/console/readiness",
    "workstations": "/console/workstations",
    "detection": "/console/detection",
    "backups": "/console/backups",
    "audit": "/console/audit",
    "drills": "/console/drills",
    "record": "/console/record",
    "alarms": "/console/alarms",
}  # fmt: skip
# A tab that not everybody of the console may open keeps its digit for the others.
NOT_FOR_ALL: Final = {"audit": ("admin", "supervisor", "auditor")}
OF_AN_INCIDENT: Final = ("incidents", "upload", "conflicts", "account", "record")


def screen(view: View, tab: str, **more: Any) -> dict[str, Any]:
    """The answer of a screen's handler: `more` and what every screen needs."""
    roles = view.tx.who.roles
    # Set by `about`, so that a screen reads the incident once.
    number = more.pop("number", None)
    asked = view.query.get("incident", "")
    return {
        "live": "live" in view.query,
        "tab": tab,
        "tabs": [(name, place(name, asked)) for name in TABS],
        "standby_tabs": [(name, place(name, asked) if _may_see(name, roles) else None) for name in STANDBY_TABS],
        "number": number,
        "asked": asked,
        "zh": view.language == "zh",
        "dataset_name": lambda name: DATASET_NAMES[name][view.language == "en"],
        "may": {name: bool(roles & set(of)) for name, of in MAY.items()},
        "me": view.tx.who.operator_code,
        "who": people(view),
        "data": {"role": "console", "number": number},
        **more,
    }


def _may_see(tab: str, roles: frozenset[str]) -> bool:
    return bool(roles & set(NOT_FOR_ALL.get(tab, CONSOLE)))


def people(view: View) -> Callable[[str | None], str]:
    """Says who somebody is: name and code, several one after another; what the standby did by itself has no name."""
    known = queries.everybody(view.tx)  # now: the template is filled when the transaction is over

    def one(code: str) -> str:
        if code == SYSTEM_OPERATOR:
            return str(_("console.system"))
        return f"{known[code]} {code}" if code in known else code

    comma = str(_("frame.comma"))
    return lambda codes: comma.join(map(one, codes.split("、"))) if codes else "—"


MAY: Final = {
    "switch": ("admin", "duty"), "decide": ("admin", "duty", "supervisor"), "admin": ("admin",),
    "codes": ("admin", "supervisor"), "books": ("supervisor",), "it": ("admin",), "finance": ("supervisor",),
}  # fmt: skip


def place(tab: str, incident_no: Any = "") -> str:
    """The address of a tab, about an incident where it is about one."""
    at = TABS.get(tab) or STANDBY_TABS[tab]
    return f"{at}?incident={incident_no}" if incident_no and tab in OF_AN_INCIDENT else at


def told_lines(items: Iterable[Mapping[str, Any]], language: str) -> list[dict[str, Any]]:
    """Lines of a timeline with their sentence in the reader's language as `told`."""
    return [{**one, "told": one["en" if language == "en" else "zh"]} for one in items]


def about(view: View) -> dict[str, Any]:
    """The incident the screen is about, and the numbers one may choose from, newest first."""
    rows = view.tx.conn.execute(
        select(incident.c.incident_no, incident.c.state, incident.c.drill, incident.c.opened_at)
        .order_by(incident.c.incident_no.desc())
        .limit(50)
    ).mappings()
    return {"number": chosen_incident(view.tx, view.query.get("incident")), "choices": [dict(row) for row in rows]}


def names(language: str) -> dict[str, str]:
    """Methods, categories and causes in words."""
    pairs = PAYMENT_METHODS | ADJUSTING_NAMES | RECEIPT_CATEGORIES
    return {code: both[language == "en"] for code, both in pairs.items()}


def causes(language: str) -> dict[str, str]:
    """The causes of an outage in words."""
    return {code: both[language == "en"] for code, both in CAUSE_NAMES.items()}


def kinds(language: str) -> dict[str, str]:
    """The kinds of differences in words."""
    return {name: both[language == "en"] for name, both in KINDS.items()}
