"""The screen about drills, and the certificate of one."""

from __future__ import annotations

from typing import Any, Final

from fallback_server.acts import prints, roll_call, standing
from fallback_server.domain.drills import MILESTONES
from fallback_server.domain.modes import Mode
from fallback_server.store import audit, drills, jobs
from fallback_server.web.pages import Pages, View
from fallback_server.windows.console import queries, rules
from fallback_server.windows.console.pages.screen import CONSOLE, about, people, screen
from fallback_server.windows.console.queries import drills as shown
from fallback_server.windows.console.queries import situation

pages = Pages("console")
TESTS_SHOWN: Final = 6


@pages.page(
    "/console/drills", template="console/drills.html", title="drills.title", roles=CONSOLE, words=("drills",)
)  # fmt: skip
def drill(view: View) -> dict[str, Any]:
    """One drill with its figures and findings, all of them, and what the self-tests said."""
    tx = view.tx
    rows = drills.listed(tx.conn)
    number = _chosen(view, rows)
    tests = [shown.self_test(one) for one in drills.self_tests(tx.conn, TESTS_SHOWN)]
    work = {kind: situation.last_job(tx, kind) for kind in (jobs.REHEARSE, jobs.SELF_TEST)}
    return screen(
        view, "drills", **about(view), rows=rows, one=shown.detail(tx, number) if number else None, tests=tests,
        milestones=MILESTONES, mode=standing.shown_mode(tx, view.policy),
        can_start=tx.mode.mode is Mode.NORMAL, at_work={kind: _waits(job) for kind, job in work.items()},
        failed={kind: _failure(job) for kind, job in work.items()},
        stations=[one["code"] for one in roll_call.windows(tx) if one["live"]],
        departments=queries.departments(tx),
    )  # fmt: skip


def _chosen(view: View, rows: list[dict[str, Any]]) -> int | None:
    """The drill that was asked for, else the one that is on, else the newest."""
    asked = view.query.get("drill", "")
    known = {row["id"] for row in rows}
    if asked in known:
        return int(asked)
    on = drills.running(view.tx.conn)
    return on if on is not None else int(rows[0]["id"]) if rows else None


def _waits(job: dict[str, Any] | None) -> bool:
    return job is not None and job["state"] in ("queued", "running")


def _failure(job: dict[str, Any] | None) -> str | None:
    return job["error"] if job is not None and job["state"] == "failed" else None


@pages.paper("/print/drill/{drill}", template="prints/drill.html", title="drills.certificate", size="a4", roles=CONSOLE)
def certificate(view: View) -> dict[str, Any]:
    """What was done, how soon, what was found, for the signatures; with the head of the audit chain."""
    number = rules.require_number(view.path["drill"])
    row, who = drills.require_over(view.tx.conn, number), view.tx.who
    document = shown.certificate_number(number)
    carried = prints.carried(
        view.tx, view.policy, document, incident_no=row["incident_no"], drill=True, at=view.tx.at,
        operator=who.operator_name, workstation=who.workstation,
    )  # fmt: skip
    sequence, digest = audit.head(view.tx.conn)
    names = {one["department_code"]: one["name"] for one in queries.departments(view.tx)}
    return {
        "number": document,
        "carried": carried,
        "head": {"sequence": sequence, "hash": digest},
        "one": shown.detail(view.tx, number),
        "scope": [names.get(code, code) for code in row["departments"] or ()],
        "milestones": MILESTONES,
        "who": people(view),
    }
