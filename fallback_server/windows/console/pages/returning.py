"""Screens for the way back: incidents, upload, conflicts, the account, one document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fallback_server.acts import account_sheet, timeline
from fallback_server.domain import conflict_kinds, differences
from fallback_server.store import conflicts, jobs, pulse, stop_orders
from fallback_server.store.mode_switch import incident_row
from fallback_server.store.returns_queries import last_run, upload_progress
from fallback_server.web.pages import Pages, View
from fallback_server.windows.console import queries, rules
from fallback_server.windows.console.pages.afterwards import sheet_lines
from fallback_server.windows.console.pages.documents import TECHNICAL, told
from fallback_server.windows.console.pages.screen import CONSOLE, about, causes, kinds, names, screen, told_lines
from fallback_server.windows.console.queries import records, situation

pages = Pages("console")
UNSAID: Final = TECHNICAL - {"lines", "payments", "total"} | {"yj_mark"}


@pages.page(
    "/console/incidents", template="console/incidents.html", title="console.tab_incidents", roles=CONSOLE,
    words=("after",),
)  # fmt: skip
def incidents(view: View) -> dict[str, Any]:
    """All incidents; the chosen one with its run-sheet, its timeline and what was audited in it."""
    tx, found = view.tx, about(view)
    number = found["number"]
    shown: dict[str, Any] = {"one": None, "lines": [], "timeline": [], "audit": []}
    if number is not None:
        shown = {
            "one": queries.incident_detail(tx, view.policy, number),
            "lines": sheet_lines(view, number),
            "timeline": told_lines(timeline.page(tx, view.policy, number)["items"], view.language),
            "audit": records.audited(tx, number),
        }
    return screen(
        view, "incidents", **found, **shown, items=queries.incidents(tx, view.policy), causes=causes(view.language)
    )


@pages.page("/console/upload", template="console/upload.html", title="console.tab_upload", roles=CONSOLE)
def upload(view: View) -> dict[str, Any]:
    """How far the documents are on their way back: by kind, how fast, how long still, what holds them up."""
    tx, found = view.tx, about(view)
    number = found["number"]
    if number is None:
        return screen(view, "upload", **found, row=None)
    progress = upload_progress(tx.conn, number)
    run = last_run(tx.conn, number, dry_run=False)
    return screen(
        view, "upload", **found, row=incident_row(tx.conn, number), progress=progress, run=run,
        rehearsal=last_run(tx.conn, number, dry_run=True), pace=pulse.upload_pace(tx.conn, number, progress, tx.now),
        job=situation.at_work(tx, jobs.UPLOAD, number), paused=stop_orders.stopped(tx.conn, stop_orders.UPLOAD),
        failed=_failed(situation.last_job(tx, jobs.UPLOAD, number)), outage=situation.outage(view.tx),
        refusal=lambda error: conflict_kinds.refusal(error, view.language),
    )  # fmt: skip


def _failed(job: dict[str, Any] | None) -> str | None:
    return str(job["error"]) if job is not None and job["state"] == "failed" else None


@pages.page("/console/conflicts", template="console/conflicts.html", title="console.tab_conflicts", roles=CONSOLE)
def conflict_list(view: View) -> dict[str, Any]:
    """What waits for a person; the chosen one with both versions side by side and what each decision means."""
    tx, found = view.tx, about(view)
    number = found["number"]
    items = conflicts.list_conflicts(tx.conn, number) if number is not None else []
    asked = view.query.get("conflict", "")
    chosen = rules.require_number(asked) if asked else next((one["id"] for one in items), None)
    one = conflicts.show_conflict(tx.conn, chosen) if chosen is not None else None
    return screen(
        view, "conflicts", **found, items=items, one=one, versions=_side_by_side(one) if one else [],
        keys=_candidates(one["central"]) if one else [], names=names(view.language),
        waiting=sum(item["decision"] is None for item in items),
    )  # fmt: skip


def _side_by_side(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Field by field what either side says, the centre's first; `differs` only where both say something."""
    local, central = dict(one["local"]), {k: v for k, v in one["central"].items() if k != conflicts.CHOSEN_KEY}
    fields = [name for name in (*central, *(one for one in local if one not in central)) if name not in UNSAID]
    rows = []
    for name in fields:
        sides = [told(side.get(name)) if side.get(name) is not False else "" for side in (local, central)]
        if any(sides):
            rows.append({"field": name, "local": sides[0], "central": sides[1], "differs": _differ(*sides)})
    return rows


def _differ(local: str, central: str) -> bool:
    return bool(local and central) and local != central


def _candidates(central: Mapping[str, Any]) -> list[dict[str, str]]:
    """The records of the centre that a link may mean: key and what is known of it."""
    if central.get("candidates"):
        told = ("name", "sex", "birth_date")
        return [
            {"key": str(one["patient_no"]), "words": " ".join(str(one[name]) for name in told if one.get(name))}
            for one in central["candidates"]
        ]
    return [{"key": str(central["central_key"]), "words": ""}] if central.get("central_key") else []


@pages.page("/console/account", template="console/account.html", title="console.tab_account", roles=CONSOLE)
def account(view: View) -> dict[str, Any]:
    """The account: totals, sums over all, cashier by cashier, differences to explain, two signatures."""
    tx, found = view.tx, about(view)
    number = found["number"]
    if number is None:
        return screen(view, "account", **found, sheet=None)
    cashier = view.query.get("cashier", "")
    return screen(
        view, "account", **found, sheet=account_sheet.sheet(tx, number), cashier=cashier,
        takings=account_sheet.takings(tx, number, cashier) if cashier else [], names=names(view.language),
        causes=causes(view.language), kinds=kinds(view.language),
        told=lambda value: differences.words(value, view.language), job=situation.at_work(tx, jobs.RECONCILE, number),
        failed=_failed(situation.last_job(tx, jobs.RECONCILE, number)), outage=situation.outage(view.tx),
    )  # fmt: skip
