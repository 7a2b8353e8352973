"""The papers of an incident for signatures, and the account as a workbook."""

from __future__ import annotations

from typing import Any, Final

from fallback_server.acts import account_book, account_sheet, prints
from fallback_server.domain import differences
from fallback_server.store import audit
from fallback_server.store.conflicts import DECISIONS, kind_of, list_conflicts
from fallback_server.store.mode_switch import incident_row
from fallback_server.web.pages import File, Pages, View
from fallback_server.windows.console import queries, rules
from fallback_server.windows.console.pages.screen import CONSOLE, causes, kinds, names, people
from fallback_server.windows.console.queries import records

pages = Pages("console")
EXCEL: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def carried(view: View, number: int, paper: str) -> dict[str, Any]:
    """What every print carries; a report is of now, by whoever looks at it."""
    row, who = incident_row(view.tx.conn, number), view.tx.who
    document = queries.report_number(view.tx, number, paper)
    carried = prints.carried(
        view.tx, view.policy, document, incident_no=number, drill=row["drill"], at=view.tx.at,
        operator=who.operator_name, workstation=who.workstation,
    )  # fmt: skip
    sequence, digest = audit.head(view.tx.conn)
    return {"number": document, "carried": carried, "head": {"sequence": sequence, "hash": digest}}


@pages.paper(
    "/print/reconciliation/{incident_no}", template="prints/reconciliation.html", title="prints.account_title",
    size="a4", roles=CONSOLE,
)  # fmt: skip
def reconciliation(view: View) -> dict[str, Any]:
    """The account for two signatures: figures, differences, and the head of the audit chain."""
    number = rules.require_number(view.path["incident_no"])
    return {
        **carried(view, number, "reconciliation"),
        "sheet": account_sheet.sheet(view.tx, number),
        "names": names(view.language),
        "causes": causes(view.language),
        "who": people(view),
        "kinds": kinds(view.language),
        "told": lambda value: differences.words(value, view.language),
    }


@pages.paper(
    "/print/incident/{incident_no}", template="prints/incident.html", title="prints.incident_title", size="a4",
    roles=CONSOLE,
)  # fmt: skip
def incident_report(view: View) -> dict[str, Any]:
    """The report of an outage: cause, times, documents, money, decisions, differences, late windows."""
    number = rules.require_number(view.path["incident_no"])
    decided = [one for one in list_conflicts(view.tx.conn, number) if one["decision"] is not None]
    english = view.language == "en"
    return {
        **carried(view, number, "incident"),
        "one": queries.incident_detail(view.tx, view.policy, number),
        "sheet": account_sheet.sheet(view.tx, number),
        "checklist": rules.checklist(records.facts(view.tx, number)),
        "decided": [{**one, "what": kind_of(one["kind"]).en if english else kind_of(one["kind"]).zh,
                     "meaning": _meaning(one["decision"], english)} for one in decided],
        "names": names(view.language),
        "causes": causes(view.language),
        "who": people(view),
    }  # fmt: skip


def _meaning(decision: str, english: bool) -> str:
    known = DECISIONS.get(decision)
    return decision if known is None else known.en if english else known.zh


@pages.file("/console/incidents/{incident_no}/account.xlsx", export="reconcile.export", roles=CONSOLE)
def workbook(view: View) -> File:
    """The account with one sheet per cashier and a summary."""
    number = rules.require_number(view.path["incident_no"])
    made = account_book.workbook(
        account_sheet.sheet(view.tx, number), lambda code: account_sheet.takings(view.tx, number, code),
        hospital=view.policy.hospital_name, language=view.language,
    )  # fmt: skip
    return File(made, f"YJ-{number}.xlsx", EXCEL, str(number))
