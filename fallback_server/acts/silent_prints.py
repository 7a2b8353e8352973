"""Printing by the agent of a workstation: asked for by its page or the console, taken once, told how it went.

Counting a copy is another matter (acts.prints) and comes first, whoever prints it.
"""

from __future__ import annotations

import re
from typing import Any, Final

from sqlalchemy import select

from fallback_server.domain.clock import from_text
from fallback_server.domain.errors import YjError
from fallback_server.domain.numbers import new_ulid
from fallback_server.domain.stations import Printer
from fallback_server.store import print_jobs, stations
from fallback_server.store.mode_switch import LIVE_SECONDS
from fallback_server.store.people import workstation
from fallback_server.store.session import Tx

PRINT_PATH: Final = re.compile(r"/print/([a-z_]{1,16})/[A-Za-z0-9_.~-]{1,128}")
PATIENCE: Final = 5.0  # a page prints by its browser after less than this
TEST_PATIENCE: Final = 60.0
_SHOWN: Final = ("id", "kind", "printer", "state", "detail")


def ask(tx: Tx, job: str, path: str, language: str) -> dict[str, Any]:
    """Let the agent of the caller's workstation print what stands at `path`.

    Raises no_silent_print where the table names no printer for it or the agent is not there: the browser prints then.
    """
    found = PRINT_PATH.fullmatch(path)
    if found is None:
        raise YjError("invalid_request", field="path", problem="不是打印件的地址 / not the address of a print")
    entry = stations.entry(tx.conn, tx.who.workstation)
    printer = entry.printer_for(found[1]) if entry else None
    if printer is None or not printer.printer or not agent_lives(tx, tx.who.workstation):
        raise YjError("no_silent_print")
    return _asked(tx, job, tx.who.workstation, found[1], path, language, printer, PATIENCE)


def ask_test(tx: Tx, job: str, code: str, kind: str, language: str) -> dict[str, Any]:
    """A test page on one printer of a workstation. Raises printer_unknown, no_silent_print."""
    entry = stations.entry(tx.conn, code)
    printer = next((one for one in entry.printers if one.kind == kind), None) if entry else None
    if printer is None:
        raise YjError("printer_unknown")
    if not agent_lives(tx, code):
        raise YjError("no_silent_print")
    tx.audit("printer.test", subject=code, kind=kind)
    return _asked(tx, job, code, kind, "", language, printer, TEST_PATIENCE)


def ask_own_tests(tx: Tx) -> list[dict[str, Any]]:
    """A test page on each printer of the calling agent's workstation. Raises station_unknown."""
    entry = stations.entry(tx.conn, tx.who.workstation)
    if entry is None:
        raise YjError("station_unknown", workstation=tx.who.workstation)
    tx.audit("printer.test", subject=entry.code)
    return [_asked(tx, new_ulid(tx.now), entry.code, one.kind, "", "zh", one, TEST_PATIENCE) for one in entry.printers]


def _asked(
    tx: Tx, job: str, code: str, kind: str, path: str, language: str, printer: Printer, patience: float
) -> dict[str, Any]:
    row = {
        **vars(printer), "id": job, "workstation": code, "kind": kind, "path": path, "language": language,
        "operator_code": tx.who.operator_code, "operator_name": tx.who.operator_name, "roles": sorted(tx.who.roles),
        "test": not path,
    }  # fmt: skip
    print_jobs.ask(tx.conn, row, tx.now, patience)
    return {"id": job, "kind": kind, "printer": printer.printer, "state": "waiting", "detail": None}


def agent_lives(tx: Tx, code: str) -> bool:
    """Whether an agent of this workstation was heard of just now."""
    seen = tx.conn.execute(select(workstation.c.agent_seen_at).where(workstation.c.code == code)).scalar()
    return seen is not None and (tx.now - from_text(seen)).total_seconds() <= LIVE_SECONDS


def state(tx: Tx, job: str) -> dict[str, Any]:
    """How far a print is. Raises not_found."""
    found = print_jobs.find(tx.conn, job)
    if found is None:
        raise YjError("not_found")
    return {name: found[name] for name in _SHOWN}


def withdraw(tx: Tx, job: str) -> dict[str, Any]:
    """Take a print back that nobody has taken; the answer says whether that was still possible. Raises not_found."""
    print_jobs.withdraw(tx.conn, tx.who.workstation, job, tx.at)
    return state(tx, job)


def take(tx: Tx, instance: str | None) -> list[dict[str, Any]]:
    """What the calling agent shall print: each handed out once, and again to the same running agent that lost it."""
    names = ("id", "kind", "printer", "tray", "copies", "test")
    found = print_jobs.take(tx.conn, tx.who.workstation, tx.now, instance)
    return [{name: row[name] for name in names} for row in found]


def finish(tx: Tx, job: str, *, ok: bool | None, detail: str) -> dict[str, Any]:
    """How it went at the printer, from the agent, who may say it again; None: the command came to no end.

    A test page speaks for the printer that it was asked for, not for one that took its place in the table meanwhile,
    and not at all where nobody knows. Raises not_found for what this agent never took.
    """
    row, news = print_jobs.finish(tx.conn, tx.who.workstation, job, tx.at, ok=ok, detail=detail)
    if row is None:
        raise YjError("not_found")
    if row["test"] and news and ok is not None:
        same = (row["printer"], row["tray"])
        stations.keep_test(tx.conn, row["workstation"], row["kind"], tx.at, ok, detail, of=same)
    if not ok and news:
        tx.audit("print.failed", subject=row["workstation"], kind=row["kind"], printer=row["printer"], ok=False)
    return {name: row[name] for name in _SHOWN}
