"""What the console shows, read from the tables at the moment of asking."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from fallback_server.acts import masters, receipt_books
from fallback_server.domain.clock import from_text, to_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.policy import Policy
from fallback_server.store import credentials, mirror, mirror_status, sign_off
from fallback_server.store.cash import receipt_book
from fallback_server.store.mode import incident, incident_event
from fallback_server.store.mode_switch import incident_row
from fallback_server.store.outbox import outbox
from fallback_server.store.people import operator
from fallback_server.store.returning import job
from fallback_server.store.session import Tx
from fallback_server.windows.console import rules


def mirror_overview(tx: Tx, policy: Policy) -> dict[str, Any]:
    """Per dataset rows, age, generation and what its run did; held runs and why; alarms; the newest runs."""
    found = mirror_status.overview(tx.conn, tx.now, policy)
    shown = {name: run_view(found[name]) if found[name] else None for name in ("last_run", "last_published")}
    runs = [run_view(row) for row in mirror_status.runs(tx.conn, mirror_status.RUNS_SHOWN)]
    return {**found, **shown, "held": [run_view(row) for row in found["held"]], "runs": runs}


def mirror_run(tx: Tx, run_id: int) -> dict[str, Any]:
    """One run; raises run_not_found."""
    row = tx.conn.execute(select(mirror.run).where(mirror.run.c.run_id == run_id)).mappings().first()
    if row is None:
        raise YjError("run_not_found")
    return run_view(dict(row))


def run_view(row: dict[str, Any]) -> dict[str, Any]:
    """A mirror run as the console and the command line show it."""
    return {"id": str(row["run_id"]), **{name: value for name, value in row.items() if name != "run_id"}}


def held_run(tx: Tx, run_id: int) -> dict[str, Any]:
    """The run, if it is held; raises run_not_found or run_not_held."""
    row = tx.conn.execute(select(mirror.run).where(mirror.run.c.run_id == run_id)).mappings().first()
    if row is None:
        raise YjError("run_not_found")
    if row["state"] != "held":
        raise YjError("run_not_held", state=row["state"])
    return dict(row)


def incidents(tx: Tx, policy: Policy) -> list[dict[str, Any]]:
    """All incidents, newest first, with the documents of each by state and whether the switch-on was confirmed."""
    states = _states(tx)
    rows = tx.conn.execute(select(incident).order_by(incident.c.incident_no.desc())).mappings()
    return [
        {
            **row,
            **rules.confirmation(row, policy.confirm_within_minutes, tx.now),
            "documents": states.get(row["incident_no"], {}),
        }
        for row in map(dict, rows)
    ]


def incident_detail(tx: Tx, policy: Policy, number: int) -> dict[str, Any]:
    """One incident with its timeline and its documents by entity and state."""
    row = incident_row(tx.conn, number)
    events = tx.conn.execute(
        select(incident_event).where(incident_event.c.incident_no == number).order_by(incident_event.c.id)
    ).mappings()
    entities: dict[str, dict[str, int]] = {}
    counts = (
        select(outbox.c.entity, outbox.c.state, func.count().label("n"))
        .where(outbox.c.incident_no == number)
        .group_by(outbox.c.entity, outbox.c.state)
    )
    for count in tx.conn.execute(counts):
        entities.setdefault(count.entity, {})[count.state] = count.n
    return {
        **row,
        **rules.confirmation(row, policy.confirm_within_minutes, tx.now),
        "documents": _states(tx).get(number, {}),
        "entities": entities,
        "timeline": [_event(tx, dict(row)) for row in events],
    }


def _event(tx: Tx, row: dict[str, Any]) -> dict[str, Any]:
    """An event of the timeline with the departments of its scope by name."""
    codes = row["detail"].get("scope")
    return {**row, "scope": list(masters.department_names(tx, codes).values()) if codes else []}


def _states(tx: Tx) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    statement = select(outbox.c.incident_no, outbox.c.state, func.count().label("n")).group_by(
        outbox.c.incident_no, outbox.c.state
    )
    for row in tx.conn.execute(statement):
        found.setdefault(row.incident_no, {})[row.state] = row.n
    return found


def job_view(tx: Tx, job_id: int) -> dict[str, Any]:
    """A job asked of the worker; raises not_found."""
    row = tx.conn.execute(select(job).where(job.c.id == job_id)).mappings().first()
    if row is None:
        raise YjError("not_found")
    return {**dict(row), "id": str(row["id"])}


def opaque(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its id as the opaque text that the contract promises."""
    return {**row, "id": str(row["id"])}


def account(tx: Tx, number: int) -> dict[str, Any]:
    """The newest account with explanations and signatures as they stand; raises not_found before the first."""
    report = sign_off.current_report(tx.conn, number)
    if report is None:
        raise YjError("not_found")
    return report


def report_number(tx: Tx, number: int, paper: str) -> str:
    """The document number of a report: DZ of one stored account, SJ (report) and YX (run-sheet) of an incident."""
    if paper in ("incident", "run_sheet"):
        return f"{'SJ' if paper == 'incident' else 'YX'}-{number}"
    report = sign_off.current_report(tx.conn, number)
    return f"DZ-{number}-{report['reconciliation_id'] if report else 0}"


def moment(text: str) -> datetime:
    """A stored time."""
    return from_text(text)


def text_of(at: datetime | None) -> str | None:
    """A time as it is sent, or None."""
    return None if at is None else to_text(at)


def departments(tx: Tx) -> list[dict[str, Any]]:
    """Departments that can be put into YJ, those that see patients first: code, name, kind."""
    table = mirror.datasets["department"]
    rows = tx.conn.execute(
        select(table.c.department_code, table.c.name, table.c.kind)
        .where(table.c.active.is_(True))
        .order_by(table.c.department_code)
    ).mappings()
    first = {"outpatient": 0, "emergency": 0}
    return sorted((dict(row) for row in rows), key=lambda row: (first.get(row["kind"], 1), row["department_code"]))


def receipt_books_of_all(tx: Tx) -> list[dict[str, Any]]:
    """Every book that somebody may print from now, as `receipt_books.plan` counts it, with its holder's name."""
    table = mirror.datasets["receipt_book"]
    theirs = [] if tx.mode.drill else [dict(row) for row in tx.conn.execute(select(table)).mappings()]
    kind = receipt_book.c.source == "drill" if tx.mode.drill else receipt_book.c.source != "drill"
    ours = [dict(row) for row in tx.conn.execute(select(receipt_book).where(kind)).mappings()]
    names = {one["operator_code"]: one["name"] for one in cashiers(tx)}
    found = []
    for code in sorted({row["operator_code"] for row in (*theirs, *ours)}):
        mine = [[row for row in rows if row["operator_code"] == code] for rows in (theirs, ours)]
        books = receipt_books.plan(code, mine[0], mine[1], tx.mode.incident_no)
        left = receipt_books.beside_the_his(books, mine[0]) if receipt_books.shared_with_the_his(tx) else []
        for book in books:
            shown = {
                "operator": code, "name": names.get(code, ""), "prefix": book.prefix, "from": book.text(book.start_no),
                "to": book.text(book.end_no), "remaining": book.remaining, "source": book.source,
                "next": book.text(book.next_no) if book.remaining else None,
                "low": book.remaining <= receipt_books.LOW_WATERMARK, "with_his": book in left,
            }  # fmt: skip
            found.append(shown)
    return found


def everybody(tx: Tx) -> dict[str, str]:
    """Code → name of everybody who can log in; one of our own hides a mirrored one."""
    table = mirror.datasets["operator"]
    found = {row.operator_code: row.name for row in tx.conn.execute(select(table.c.operator_code, table.c.name))}
    own = tx.conn.execute(select(operator.c.operator_code, operator.c.name))
    return found | {row.operator_code: row.name for row in own}


def cashiers(tx: Tx) -> list[dict[str, Any]]:
    """People who may hold a receipt book: code and name, ours before the mirrored ones of the same code."""
    table = mirror.datasets["operator"]
    wanted = {"registrar", "cashier", "supervisor"}
    rows = tx.conn.execute(select(table.c.operator_code, table.c.name, table.c.roles).where(table.c.active.is_(True)))
    out = credentials.disabled(tx.conn)
    found = {
        row.operator_code: row.name
        for row in rows
        if wanted & set(row.roles.split(",")) and row.operator_code not in out
    }
    for own in tx.conn.execute(select(operator)):
        found.pop(own.operator_code, None)
        if own.disabled_at is None and wanted & set(own.roles):
            found[own.operator_code] = own.name
    return [{"operator_code": code, "name": found[code]} for code in sorted(found)]
