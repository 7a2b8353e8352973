"""Screens for before and in an outage: overview, switch, roll call, mirror, receipt books."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from flask_babel import gettext as _

from fallback_server.acts import partial, roll_call, standing
from fallback_server.domain import readiness as judge
from fallback_server.domain.modes import Mode
from fallback_server.domain.readiness import Finding
from fallback_server.store import centre_look, jobs, mirror_history, mirror_status, pulse, readiness
from fallback_server.store.mode_switch import incident_row
from fallback_server.store.returns_queries import upload_progress
from fallback_server.store.session import Tx
from fallback_server.web.pages import Pages, View
from fallback_server.windows.console import queries, rules
from fallback_server.windows.console.pages import charts
from fallback_server.windows.console.pages.screen import CONSOLE, OF_AN_INCIDENT, about, causes, place, screen
from fallback_server.windows.console.queries import situation

pages = Pages("console")
HISTORY_HOURS: Final = 24
REJECTIONS_SHOWN: Final = 200


@pages.page("/console", template="console/overview.html", title="console.title", roles=CONSOLE, nav=True)
def overview(view: View) -> dict[str, Any]:
    """What to do next; then the centre, the standby and the mode; then how busy it is."""
    tx, found = view.tx, about(view)
    found_now = readiness.findings(tx, view.policy)
    steps = [_step(view, one, found_now) for one in rules.next_steps(situation.situation(tx, view.policy, found_now))]
    checks = _grouped(found_now)
    roll = roll_call.windows(tx)
    return screen(
        view, "overview", **found, steps=steps, checks=checks,
        ready=judge.ready(checks), in_use=situation.outage(tx),
        centre=centre_look.last(tx.conn, tx.now),
        seen=_seen(roll), roll=_counted(roll), mode=standing.shown_mode(tx, view.policy), now=tx.at,
        on=incident_row(tx.conn, tx.mode.incident_no) if tx.mode.incident_no is not None else None,
        causes=causes(view.language), charts=_charts(view, found["number"]) if _wants_charts(view) else [],
        with_charts=_wants_charts(view),
    )  # fmt: skip


def _grouped(found: list[Finding]) -> list[Finding]:
    """Old datasets as one line a degree, and no line for the others: twenty lines would hide what else is wrong."""
    old: dict[bool | None, list[Finding]] = {}
    for one in found:
        if one.code == "mirror_old":
            old.setdefault(one.ok, []).append(one)
    lines = [one for one in found if one.code not in ("mirror_old", "mirror_fresh")]
    for ok, those in old.items():
        oldest = max(one.values["minutes"] for one in those)
        values = {"n": len(those), "minutes": oldest, "datasets": [one.values["dataset"] for one in those]}
        lines.insert(1, Finding("mirror", ok, "mirror_old_several", values))
    return lines


def _wants_charts(view: View) -> bool:
    # Every few seconds the figures, every half minute the pictures.
    return view.query.get("live") != "figures"


def _step(view: View, one: rules.Step, checks: list[Finding]) -> dict[str, Any]:
    """A step as the page shows it; what is to be mended says so in the words of its finding."""
    values = {name: "–" if value is None else value for name, value in one.values.items()}
    values |= {name: pair[view.language == "en"] for name, pair in values.items() if isinstance(pair, tuple)}
    values["since"] = str(values.get("since", "–"))[11:16] or "–"
    at = place(one.place, one.values.get("no")) if one.place else None
    # The same while it is on the list, wherever it stands there: the cursor stays on it.
    known = f"{one.code}-{one.values['no']}" if one.place in OF_AN_INCIDENT else one.code
    mend = next((bad for bad in checks if bad.ok is False and one.code == f"mend_{bad.check}"), None)
    if mend is None:
        text = _("console.step_" + one.code, **values)
    else:
        what, lang = mend.name(view.language), view.language
        text = _("console.step_mend", what=what, found=mend.sentence(lang), cure=mend.cure(lang))
    return {"id": known + one.part, "text": text, "level": one.level, "who": one.who, "by": one.by, "at": at}


def _seen(roll: list[dict[str, Any]]) -> dict[str, int]:
    """How many live windows say that they reach the centre, that they do not, and that they cannot tell."""
    live = [one["central_ok"] for one in roll if one["live"]]
    return {"yes": live.count(True), "no": live.count(False), "unknown": live.count(None)}


def _counted(roll: list[dict[str, Any]]) -> dict[str, int]:
    return {
        "live": sum(one["live"] for one in roll),
        "switched": sum(one["live"] and one["acknowledged"] for one in roll),
        "missed": sum(one["missed"] for one in roll),
        "all": len(roll),
    }


def _charts(view: View, number: int | None) -> list[dict[str, Any]]:
    """Mirror age of a day; work and queue of the incident that is on, else of the last hour."""
    tx = view.tx
    row = incident_row(tx.conn, number) if number is not None else None
    on = row is not None and row["closed_at"] is None
    begin = queries.moment(row["opened_at"]) if row is not None and on else tx.now - timedelta(minutes=59)
    cut = pulse.slots(min(begin, tx.now - timedelta(minutes=29)), tx.now)
    work, queue = pulse.per_minute(tx.conn, None, cut), pulse.waiting(tx.conn, cut)
    most, now = f"{max(work):g}", queue[-1]
    return [
        mirror_chart(view),
        {
            "title": _("console.chart_work"), "now": _("console.chart_work_now", n=f"{work[-1]:g}", most=most),
            "picture": charts.bars(cut, work, _("console.chart_work_now", n=f"{work[-1]:g}", most=most)), "legend": (),
        },
        {
            "title": _("console.chart_queue"), "now": _("console.chart_queue_now", n=now, most=max(queue)),
            "picture": charts.area(cut, queue, _("console.chart_queue_now", n=now, most=max(queue))), "legend": (),
        },
    ]  # fmt: skip


def mirror_chart(view: View) -> dict[str, Any]:
    """How old the mirror was, minute by minute, over a day: masters and open work."""
    tx = view.tx
    told = mirror_history.history(tx.conn, tx.now, HISTORY_HOURS, view.policy)
    since = queries.moment(told["since"])
    series = {name: charts.age_points(group, since) for name, group in told["groups"].items()}
    ages = {name: f"{points[-1][1]:g}" if points else "–" for name, points in series.items()}
    words = _("console.chart_mirror_now", master=ages["master"], open=ages["open"])
    return {
        "title": _("console.chart_mirror"), "now": words, "picture": charts.lines(since, tx.now, series, words),
        "legend": (_("console.group_master"), _("console.group_open")),
    }  # fmt: skip


@pages.page("/console/switch", template="console/switch.html", title="console.tab_switch", roles=CONSOLE)
def switch(view: View) -> dict[str, Any]:
    """Switch on, change the scope, switch off, release: whatever the mode allows."""
    tx = view.tx
    on = incident_row(tx.conn, tx.mode.incident_no) if tx.mode.incident_no is not None else None
    number = tx.mode.incident_no
    return screen(
        view, "switch", **about(view), mode=standing.shown_mode(tx, view.policy), on=on, causes=causes(view.language),
        wait=rules.confirmation(on, view.policy.confirm_within_minutes, tx.now) if on else None,
        departments=queries.departments(tx), hold_until=queries.text_of(tx.mode.hold_until),
        grace_over=tx.mode.grace_until is not None and not tx.mode.in_grace(tx.now),
        grace=view.policy.grace_seconds, hold=view.policy.return_hold_seconds // 60,
        unpaid=situation.unpaid_there(tx, number) if number is not None else 0,
        progress=upload_progress(tx.conn, number) if number is not None else None,
        centre=centre_look.last(tx.conn, tx.now), mirror_job=situation.at_work(tx, jobs.MIRROR),
        lacking=partial.warnings(tx, tx.mode.scope), alive=partial.windows_alive(tx) if tx.mode.scope else {},
        risk=partial.at_risk(tx) if tx.mode.scope and not tx.mode.drill else None,
    )  # fmt: skip


@pages.page("/console/windows", template="console/windows.html", title="console.tab_windows", roles=CONSOLE)
def windows(view: View) -> dict[str, Any]:
    """Roll call: those that have not switched on top."""
    rows = roll_call.workstations(view.tx)
    roll = [one for one in rows if one["window"]]
    return screen(
        view, "windows", **about(view), rows=rows, roll=_counted(roll), seen=_seen(roll),
        mode=standing.shown_mode(view.tx, view.policy),
    )  # fmt: skip


@pages.page("/console/mirror", template="console/mirror.html", title="console.tab_mirror", roles=CONSOLE)
def mirror(view: View) -> dict[str, Any]:
    """The copy of the centre: datasets, rows set aside, runs, held ones with their reasons, the age over a day."""
    tx = view.tx
    found = queries.mirror_overview(tx, view.policy)
    return screen(
        view, "mirror", **about(view), mirror=found, job=situation.at_work(tx, jobs.MIRROR), frozen=_frozen(tx),
        last_job=situation.last_job(tx, jobs.MIRROR), chart=mirror_chart(view) if _wants_charts(view) else None,
        with_charts=_wants_charts(view),
        rejected=mirror_status.rejections(tx.conn, REJECTIONS_SHOWN), can_roll_back=_can_roll_back(tx),
        lines=[_line(one) for one in found["runs"]],
    )  # fmt: skip


def _line(run: dict[str, Any]) -> dict[str, Any]:
    """A run in one line, with why it did not go through."""
    return {**mirror_history.run_line({**run, "run_id": run["id"]}), "told": run["problems"] or []}


def _frozen(tx: Tx) -> bool:
    """Whether the copy stands still because the whole hospital works with it."""
    return tx.mode.mode is not Mode.NORMAL and not tx.mode.drill and tx.mode.scope is None


def _can_roll_back(tx: Tx) -> bool:
    return tx.mode.mode is Mode.NORMAL or tx.mode.drill


@pages.page("/console/books", template="console/books.html", title="console.tab_books", roles=CONSOLE)
def books(view: View) -> dict[str, Any]:
    """Whose receipt book is in which printer, and who needs a new one."""
    return screen(
        view, "books", **about(view), books=queries.receipt_books_of_all(view.tx),
        preprinted=view.policy.receipt_preprinted, operators=queries.cashiers(view.tx),
    )  # fmt: skip
