"""What an agent prints, as one file that needs nothing else: the print as the person who asked for it may see it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Final, Literal

from flask import Flask

from fallback_server.domain.errors import YjError
from fallback_server.domain.stations import KINDS, Printer
from fallback_server.store import print_jobs
from fallback_server.store.session import Actor, Store
from fallback_server.web import archive, papers
from fallback_server.web.pages import Site

Form = Literal["html", "pdf"]
TEST: Final = "prints/printer_test.html"


@dataclass(frozen=True)
class _Job:
    """What is printed, and where."""

    row: dict[str, Any]
    printer: Printer

    @property
    def person(self) -> Actor:
        row = self.row
        roles = frozenset(row["roles"])
        return Actor(row["operator_code"], row["operator_name"], roles, row["workstation"])


def document(app: Flask, store: Store, agent: Actor, job: str, form: Form) -> dict[str, Any]:
    """The print that this agent has taken: `html`, or `pdf` in base64.

    Raises not_found for one that is not its own or is over, pdf_unavailable, and what the print's page raises.
    """
    with store.reading() as tx:
        row = print_jobs.find(tx.conn, job)
        now = tx.at
    if row is None or row["workstation"] != agent.workstation or row["state"] != "taken":
        raise YjError("not_found")
    one = _Job(row, Printer(**{name: row[name] for name in Printer.__dataclass_fields__}))
    site: Site = app.extensions["yj_site"]
    if row["test"]:
        html = _test_page(site, one, now)
    else:
        html = archive.printed(app, row["path"], one.person, row["language"]).html
    whole = papers.alone(html, site.folder / "static", site.files, one.printer.offset_x_mm, one.printer.offset_y_mm)
    if form == "html":
        return {"html": whole}
    return {"pdf": base64.b64encode(papers.as_pdf(whole, site.folder / "static", site.files)).decode()}


def _test_page(site: Site, one: _Job, now: str) -> str:
    row, kind = one.row, one.printer.kind
    size = next((page.size for page in site.pages if page.path.startswith(f"/print/{kind}/")), "a5")
    with site.app.test_request_context("/", query_string={"lang": row["language"]}):
        return str(
            site.app.jinja_env.get_template(TEST).render(
                files=site.files, size=size, hospital=site.policy.hospital_name, workstation=row["workstation"],
                lang=row["language"], kind=KINDS[kind][row["language"] == "en"], printer=one.printer, at=now,
                operator=row["operator_name"],
            )
        )  # fmt: skip
