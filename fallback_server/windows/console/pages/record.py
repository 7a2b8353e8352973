"""The screen of an incident's record, and the report on paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask_babel import gettext as _

from fallback_server.acts import incident_report, timeline
from fallback_server.domain import differences
from fallback_server.domain import timeline as lines
from fallback_server.domain.incident_record import MEANS
from fallback_server.domain.timeline import ENTITIES, GROUPS
from fallback_server.store import audit
from fallback_server.store.conflicts import DECISIONS, kind_of
from fallback_server.store.mode import SYSTEM_OPERATOR
from fallback_server.store.mode_switch import incident_row
from fallback_server.web.pages import Pages, View
from fallback_server.windows.console import rules
from fallback_server.windows.console.pages.papers import carried
from fallback_server.windows.console.pages.screen import CONSOLE, about, causes, kinds, names, screen, told_lines
from fallback_server.windows.console.queries.record import record

pages = Pages("console")
SHOWN: Final = 80


@pages.page(
    "/console/record", template="console/record.html", title="console.tab_record", roles=CONSOLE,
    words=("after", "record"),
)  # fmt: skip
def kept(view: View) -> dict[str, Any]:
    """Timeline, timers, calls, grades, analysis, measures and reports of one incident."""
    tx, found, english = view.tx, about(view), view.language == "en"
    number, only = found["number"], view.query.get("only", "")
    if number is None:
        return screen(view, "record", **found)
    page = timeline.page(
        tx, view.policy, number, only=only if only in GROUPS else None, cursor=view.query.get("cursor", ""), limit=SHOWN
    )  # fmt: skip
    kept = record(tx, view.policy, number)
    graded = {name: told_lines(kept[name], view.language) for name in ("grades",)}
    return screen(
        view, "record", **found, row=incident_row(tx.conn, number), english=english, only=only, groups=("", *GROUPS),
        timeline=told_lines(page["items"], view.language), earlier=page["next_cursor"],
        record={**kept, **graded, "grade": told_lines([kept["grade"]], view.language)[0]},
        means=[{"value": code, "label": both[english]} for code, both in MEANS.items()],
        means_words={code: both[english] for code, both in MEANS.items()},
    )  # fmt: skip


@pages.paper(
    "/print/incident/{incident_no}", template="prints/incident.html", title="prints.incident_title", size="a4",
    roles=CONSOLE,
)  # fmt: skip
def printed(view: View) -> dict[str, Any]:
    """The report of an outage: a stored one, or the draft as of now where there is none yet."""
    number, asked = rules.require_number(view.path["incident_no"]), view.query.get("report", "")
    report = rules.require_number(asked) if asked else None
    found = incident_report.shown(view.tx, view.policy, number, report, draft="draft" in view.query)
    said, english = found["content"], view.language == "en"
    made = {} if found["number"] is None else {"at": found["at"], "operator": _maker(found)}
    head = {"sequence": found["audit_sequence"], "hash": found["audit_hash"]}
    if found["number"] is None:
        head = dict(zip(("sequence", "hash"), audit.head(view.tx.conn), strict=True))
    return {
        **carried(view, number, "incident", **made),
        "report": found, "c": said, "one": said["incident"], "head": head, "english": english,
        "lines": told_lines(said["timeline"]["items"], view.language),
        "who": _who(said["people"]), "names": names(view.language), "causes": causes(view.language),
        "kinds": kinds(view.language), "told": lambda value: differences.words(value, view.language),
        "conflict": lambda kind: kind_of(kind).en if english else kind_of(kind).zh,
        "meaning": lambda decision: _meaning(decision, english),
        "entities": {code: both[english] for code, both in ENTITIES.items()},
        "means": {code: both[english] for code, both in MEANS.items()},
        "decided": {code: both[english] for code, both in lines.DECIDED.items()},
    }  # fmt: skip


def _maker(found: dict[str, Any]) -> str:
    if found["operator_code"] == SYSTEM_OPERATOR:
        return str(_("console.system"))
    return f"{found['operator_name']} {found['operator_code']}"


def _who(people: dict[str, str]) -> Callable[[str | None], str]:
    """Says who somebody is, by the names that the report keeps."""
    system, comma = str(_("console.system")), str(_("frame.comma"))
    known = {**people, SYSTEM_OPERATOR: system}
    return lambda codes: comma.join(known.get(code, code) for code in codes.split("、")) if codes else "—"


def _meaning(decision: str, english: bool) -> str:
    known = DECISIONS.get(decision)
    return decision if known is None else known.en if english else known.zh
