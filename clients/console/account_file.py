"""The account in a file: JSON for programs, a page to print and sign, a workbook for finance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fallback_server.domain.categories import ADJUSTING_NAMES, CAUSE_NAMES, PAYMENT_METHODS, RECEIPT_CATEGORIES
from fallback_server.domain.differences import LAYERS, kind, words

if TYPE_CHECKING:
    from fallback_server.store.session import Tx

SUFFIXES = (".json", ".html", ".xlsx")


def write(tx: Tx, incident_no: int, path: Path, *, hospital: str) -> None:
    """Write the newest account of an incident, by the name's ending (one of SUFFIXES).

    Raises OSError where it cannot be written, excel_unavailable where the workbook's library is missing.
    """
    from fallback_server.acts import account_book, account_sheet
    from fallback_server.store.sign_off import current_report

    if path.suffix == ".json":
        report = current_report(tx.conn, incident_no)
        path.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        return
    account = account_sheet.sheet(tx, incident_no)
    if path.suffix == ".html":
        path.write_text(html(account, hospital=hospital), encoding="utf-8")
    else:
        packed = account_book.workbook(
            account, lambda operator: account_sheet.takings(tx, incident_no, operator), hospital=hospital
        )
        path.write_bytes(packed)


def html(account: Mapping[str, Any], *, hospital: str) -> str:
    """A page of its own to print and sign (account_sheet.sheet); everything from outside is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pairs = RECEIPT_CATEGORIES | PAYMENT_METHODS | ADJUSTING_NAMES
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("account.html").render(
        account=account, hospital=hospital, names={code: zh for code, (zh, _) in pairs.items()}, kind=kind, text=words,
        layers=LAYERS,
        cause=CAUSE_NAMES[account["cause"]][0],
    )  # fmt: skip
