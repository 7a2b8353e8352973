"""What must be in order at the centre before the first document. Nothing written stays, but our two tables."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from fallback_server.domain.clock import to_text
from sync.central import ledger
from sync.central.dialects import Phase
from sync.central.gateway import (
    CentralError,
    LedgerMode,
    LedgerRow,
    OutcomeUnknown,
    PreflightReport,
    Probe,
    Refused,
    Systemic,
    Transient,
    Unreachable,
)
from sync.central.proof_check import mode_problems
from sync.central.sql_file import Step

if TYPE_CHECKING:
    from sync.central.sql_gateway import SqlGateway

LEAST_MEGABYTES: Final = 200  # a return writes a few kilobytes a document; below this the centre itself is in trouble
PROBE_ROW: Final = LedgerRow(
    "yj-preflight-probe", "probe", 0, "yj-preflight", 0, "0" * 64, None, "0.00", "", None, "", "2000-01-01"
)


def preflight(gateway: SqlGateway, entities: Sequence[str]) -> PreflightReport:
    """See the port. Raises what passes by itself (no connection, a lock held by another), and Systemic.

    A problem is what somebody must mend: a run that found one does not go on by itself.
    """
    probe = gateway.probe()
    problems = [*clock_problems(probe), *missing_files(gateway, entities)]
    made = False
    if gateway.ledger_mode is LedgerMode.SAME_TRANSACTION:
        made, ledger_problem = ensure_ledger(gateway)
        problems += [ledger_problem] if ledger_problem else write_problems(gateway)
    problems += mode_problems(gateway, entities)
    problems += [f"{step.where}: {said}" for step, said in refused_statements(gateway, entities)]
    problems += fingerprint_problems(gateway)
    strange = unknown_triggers(gateway)
    problems += [trigger_problem(name) for name in strange]
    free = free_megabytes(gateway)
    problems += [] if free is None or free >= LEAST_MEGABYTES else [f"the centre has only {free} MB free"]
    facts = {
        "free_megabytes": "not told" if free is None else str(free),
        "version": probe.version,
        "clock_offset_seconds": format(probe.clock_offset_seconds, ".1f"),
        "ledger": "made now" if made else _ledger_fact(gateway.ledger_mode),
        "schema_fingerprint": fingerprint(gateway),
        "unknown_triggers": ", ".join(strange),
        "hidden_triggers": ", ".join(hidden_triggers(gateway)),
    }
    return PreflightReport(tuple(problems), facts)


def _ledger_fact(mode: LedgerMode) -> str:
    return "present" if mode is LedgerMode.SAME_TRANSACTION else mode.value


def clock_problems(probe: Probe) -> list[str]:
    """A clock so far off that times at the centre would be wrong."""
    if probe.clock != "fail":
        return []
    return [f"the centre's clock is {probe.clock_offset_seconds:.0f} s off; set the clocks before anything is uploaded"]


def missing_files(gateway: SqlGateway, entities: Sequence[str]) -> list[str]:
    """Entities that the mapping cannot upload."""
    return [f"upload/{e}.sql is missing in the mapping" for e in entities if not gateway.has(f"upload/{e}")]


def ledger_present(gateway: SqlGateway) -> bool:
    """Whether our two tables are there and have our columns."""
    try:
        gateway.ledger_find(["-"])
        with gateway.reading() as connection, gateway.errors("yj_incident"):
            connection.execute(
                text("SELECT installation_id, incident_no, epoch, opened_at, closed_at FROM yj_incident WHERE 1 = 0")
            )
    except Systemic:
        return False
    return True


def ensure_ledger(gateway: SqlGateway) -> tuple[bool, str | None]:
    """Make our tables if they are missing. Returns (made now, problem)."""
    if ledger_present(gateway):
        return False, None
    try:
        with gateway.writing("ledger.sql") as connection, gateway.errors("ledger.sql"):
            for step in gateway.file("ledger").steps:
                connection.execute(step.statement)
    except (Systemic, Refused, Transient) as error:
        if ledger_present(gateway):  # somebody else made it at the same moment
            return False, None
        if isinstance(error, Transient):
            raise
        return False, f"the ledger is missing and cannot be made ({error.detail}); ask the DBA to run ledger.sql"
    if ledger_present(gateway):
        return True, None
    return False, "ledger.sql ran, but yj_ledger or yj_incident lacks columns; compare them with the contract"


def write_problems(gateway: SqlGateway) -> list[str]:
    """Whether we may write our tables; tried and rolled back."""
    at = to_text(gateway.clock.now())
    try:
        with gateway.writing("yj_ledger", rehearse=True) as connection, gateway.errors("yj_ledger"):
            gateway.edge.lock(connection, gateway.timeouts.lock)
            ledger.enter(connection, PROBE_ROW, at)
            ledger.complete(connection, PROBE_ROW, "0")
            ledger.close(connection, PROBE_ROW.installation_id, 0, at)
    except (Systemic, Refused) as error:
        return [f"the ledger cannot be written: {error.detail}"]
    return []


def refused_statements(gateway: SqlGateway, entities: Sequence[str]) -> Iterator[tuple[Step, str]]:
    """Statements of upload files that the centre would not run: missing tables, columns or grants."""
    for entity in entities:
        if not gateway.has(f"upload/{entity}"):
            continue
        for step in gateway.file(f"upload/{entity}").steps:
            said = statement_problem(gateway, step)
            if said is not None:
                yield step, said


def statement_problem(gateway: SqlGateway, step: Step) -> str | None:
    """What the centre says against one statement, with NULL for every bind; None if it would run it.

    Raises what says nothing about the statement: Unreachable, Transient, OutcomeUnknown.
    """
    try:
        with gateway.writing(step.where, rehearse=True) as connection:
            try:
                gateway.edge.try_statement(connection, step, dict.fromkeys(step.statement_binds))
            except DBAPIError as error:
                raise gateway.edge.classify(error, Phase.STATEMENT, step.where) from None
    except (Unreachable, Transient, OutcomeUnknown):
        raise
    except CentralError as error:
        return error.detail
    return None


def fingerprint(gateway: SqlGateway) -> str:
    """A hash over the columns of the tables the mapping names, with types, lengths and code pages; a vendor's change
    shows in it."""
    with gateway.reading() as connection, gateway.errors("catalogue"):
        columns = gateway.edge.columns(connection, gateway.mapping.options.tables.touched)
    there = {column.table for column in columns}
    missing = sorted({name.lower() for name in gateway.mapping.options.tables.touched} - there)
    return hashlib.sha256(repr((missing, [astuple(column) for column in columns])).encode()).hexdigest()[:32]


def fingerprint_problems(gateway: SqlGateway) -> list[str]:
    """A schema other than the one the mapping was tested with, where mapping.toml names one."""
    tested = gateway.mapping.options.tables.fingerprint
    if tested is None or tested == fingerprint(gateway):
        return []
    return ["the columns of the touched tables have changed since the mapping was tested; test it again"]


def free_megabytes(gateway: SqlGateway) -> int | None:
    """Free space at the centre, where its database tells it."""
    with gateway.reading() as connection, gateway.errors("free space"):
        return gateway.edge.free_megabytes(connection)


def trigger_problem(name: str) -> str:
    """Why an unknown trigger stops a return, and the cure."""
    return (
        f"{name}: a trigger that mapping.toml does not name; ask the vendor what it does with rows of ours,"
        " then write it under [triggers] known"
    )


def hidden_triggers(gateway: SqlGateway) -> list[str]:
    """Touched tables whose triggers the centre does not show to our account."""
    with gateway.reading() as connection, gateway.errors("catalogue"):
        return gateway.edge.hidden_triggers(connection, gateway.mapping.options.tables.touched)


def unknown_triggers(gateway: SqlGateway) -> list[str]:
    """Triggers on touched tables that mapping.toml does not name; `table.trigger`."""
    options = gateway.mapping.options
    known = {name.lower() for name in options.triggers.known}
    with gateway.reading() as connection, gateway.errors("catalogue"):
        found = gateway.edge.triggers(connection, options.tables.touched)
    return [name for name in found if name.lower() not in known and name.rpartition(".")[2].lower() not in known]
