"""The papers of an incident for signatures, and the account as a workbook."""

from __future__ import annotations

from typing import Any, Final

from fallback_server.acts import account_book, account_sheet, prints
from fallback_server.domain import differences
from fallback_server.store import audit
from fallback_server.store.mode_switch import incident_row
from fallback_server.web.pages import File, Pages, View
from fallback_server.windows.console import queries, rules
from fallback_server.windows.console.pages.screen import CONSOLE, causes, kinds, names, people

pages = Pages("console")
EXCEL: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def carried(
    view: View, number: int, paper: str, *, at: str | None = None, operator: str | None = None
) -> dict[str, Any]:
    """What every print carries; a report is of now, by whoever looks at it, unless it was made and stored before."""
    row, who = incident_row(view.tx.conn, number), view.tx.who
    document = queries.report_number(view.tx, number, paper)
    carried = prints.carried(
        view.tx, view.policy, document, incident_no=number, drill=row["drill"], at=at or view.tx.at,
        operator=operator or who.operator_name, workstation=who.workstation,
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


@pages.file("/console/incidents/{incident_no}/account.xlsx", export="reconcile.export", roles=CONSOLE)
def workbook(view: View) -> File:
    """The account with one sheet per cashier and a summary."""
    number = rules.require_number(view.path["incident_no"])
    made = account_book.workbook(
        account_sheet.sheet(view.tx, number), lambda code: account_sheet.takings(view.tx, number, code),
        hospital=view.policy.hospital_name, language=view.language,
    )  # fmt: skip
    return File(made, f"YJ-{number}.xlsx", EXCEL, str(number))
