"""`yj central check`: does this centre fulfil its mapping? Findings in words, each with a cure; nothing written stays.

The values of columns are judged by the mirror's own rules, which the caller hands in (sync.mirror.normalise.judge),
because this room lies below the mirror.
"""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from fallback_server.domain.datasets import DATASETS
from fallback_server.domain.documents import ENTITIES
from sync.central import check_plans, check_tables, preflight, proof_check
from sync.central.finding import Finding, short_version
from sync.central.gateway import CentralError, ColumnMissing, LedgerMode, Probe, Row, Snapshot, Systemic, Unreachable
from sync.central.sql_gateway import SqlGateway

SLOW_ROWS_PER_SECOND: Final = 2_000
SLOW_FROM_ROWS: Final = 10_000
LARGE: Final = 100_000
LEDGER_TABLES: Final = ("yj_ledger", "yj_incident")
STOP: Final = "stop"  # stop.sql, see sync.mirror.halt
VERIFY: Final = ("registration", "prescription", "order", "charge", "charge_line", "payment", "refund")
BLIND_WINDOW: Final = ("registration", "charge", "patient", "prescription")
QUESTIONS: Final = (
    "upload/match_patient", "upload/settle_check_prescription", "upload/settle_check_order",
    "upload/advance_receipt_book", *(f"verify/{name}" for name in VERIFY),
    *(f"blind_window/{name}" for name in BLIND_WINDOW),
)  # fmt: skip
# What the account can do without, and says less then.
OPTIONAL: Final = {
    "verify/totals": "the centre's sums are not checked in a second way",
    "verify/count": "documents are compared by reading all of them, not by counting too",
    "blind_window/charge_line": "one patient's same item on both sides is noticed only where the sums are equal",
    "verify/closing": "the account cannot tell which day closing took a charge",
}

# Asked and told when the documents are back (sync.after); what is not there stays a list for people.
AFTER: Final = ("after/dispensed", *(f"after/queue_{state}" for state in ("seen", "called", "paused", "absent")))

Judge = Callable[[str, Row], str | None]
"""(dataset, row) → why the mirror would set this row aside, None if it takes it."""


def check(gateway: SqlGateway, judge: Judge, progress: Callable[[str], None] | None = None) -> list[Finding]:
    """Everything that can be found out about a centre; stops early only where it cannot be reached at all."""
    tell = progress or (lambda subject: None)
    try:
        tell("probe")
        probe = gateway.probe()
    except CentralError as error:
        return [_unreached(error)]
    findings = [
        Finding("ok", "reachable", f"answers in {probe.seconds * 1000:.0f} ms: {short_version(probe.version)}"),
        _clock(probe),
    ]
    looks: dict[str, Callable[[], Iterator[Finding]]] = {
        "tables": lambda: check_tables.tables(gateway),
        "characters": lambda: check_tables.characters(gateway),
        "T-SQL": lambda: check_tables.level(gateway),
        "datasets": lambda: _datasets(gateway, judge),
        "scans": lambda: check_plans.scans(gateway),
        "ledger": lambda: _ledger(gateway),
        "accounts": lambda: check_tables.accounts(gateway),
        "copy": lambda: check_tables.copy(gateway),
        "uploads": lambda: _uploads(gateway),
        "questions": lambda: _questions(gateway),
        STOP: lambda: _stop(gateway),
        "triggers": lambda: _triggers(gateway),
        "schema": lambda: _schema(gateway),
    }
    for subject, look in looks.items():
        tell(subject)
        try:
            findings += look()
        except CentralError as error:
            findings.append(Finding("fail", subject, error.detail, "see the centre's log; then run the check again"))
    return findings


def _unreached(error: CentralError) -> Finding:
    cure = "check address, port and firewall; can this machine reach it with the database's own client?"
    if isinstance(error, Systemic):
        cure = "check user, password and database name in [central] url, and the centre's log-in rules"
    kind = "does not answer" if isinstance(error, Unreachable) else "refused us"
    return Finding("fail", "reachable", f"the centre {kind}: {error.detail}", cure)


def _clock(probe: Probe) -> Finding:
    sentence = f"the centre's clock is {probe.clock_offset_seconds:+.1f} s from ours"
    cure = "let both machines follow the same time server"
    return Finding("ok", "clock", sentence) if probe.clock == "ok" else Finding(probe.clock, "clock", sentence, cure)


def _datasets(gateway: SqlGateway, judge: Judge) -> Iterator[Finding]:
    offered = set(gateway.offers())
    for name in DATASETS:
        if name not in offered:
            yield Finding(
                "warn", f"mirror/{name}", "is not offered by this mapping", f"write mirror/{name}.sql, or do without"
            )
    with gateway.snapshot() as snapshot:
        for name in gateway.offers():
            try:
                found = _dataset(gateway, snapshot, judge, name)
                yield found if found.status != "ok" else _in_one_piece(gateway, name, found)
                yield from _read_whole(gateway, name, found)
            except ColumnMissing as error:
                yield Finding(
                    "fail", f"mirror/{name}", error.detail, "add them to the SELECT, as NULL where there is nothing"
                )
            except CentralError as error:
                # The snapshot is broken now; the others are read in the next check.
                yield Finding("fail", f"mirror/{name}", error.detail, f"mend mirror/{name}.sql and run the check again")
                return


def _dataset(gateway: SqlGateway, snapshot: Snapshot, judge: Judge, name: str) -> Finding:
    binds = check_plans.horizon(gateway)
    begun, rows, keys = time.monotonic(), 0, Keys()
    wrong: Counter[str] = Counter()
    names = DATASETS[name].keys
    for row in snapshot.rows(name, binds):
        rows += 1
        keys.add(row[key] for key in names)
        reason = judge(name, row)
        if reason is not None:
            wrong[reason] += 1
    seconds = time.monotonic() - begun
    repeated = keys.repeated()
    if repeated:
        wrong["duplicate_key"] += repeated
    return _judged(name, rows, seconds, wrong)


class Keys:
    """The keys of a dataset by their 64-bit hashes, eight bytes each: a centre may have millions."""

    def __init__(self) -> None:
        self._hashes = [array("Q") for _ in range(256)]

    def add(self, parts: Iterable[Any]) -> None:
        text = "\x1f".join(map(str, parts))
        found = int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
        self._hashes[found & 255].append(found)

    def repeated(self) -> int:
        """How many rows had a key that another had before."""
        return sum(len(some) - len(set(some)) for some in self._hashes)


def _in_one_piece(gateway: SqlGateway, name: str, found: Finding) -> Finding:
    """A large dataset without `-- paged` lines, where rows should come in pages."""
    rows = int(found.sentence.split()[0])
    whole = not gateway.edge.streams or gateway.mapping.options.read.isolation == "pages"
    if rows < LARGE or not whole or gateway.file(f"mirror/{name}").steps[-1].paged is not None:
        return found
    return Finding(
        "warn", found.subject, f"{found.sentence}, in one piece",
        "give it `-- paged` lines: the driver keeps a whole result in memory, or locks would be held for long",
    )  # fmt: skip


def _read_whole(gateway: SqlGateway, name: str, found: Finding) -> Iterator[Finding]:
    """A large table of which nobody can say what changed: each run reads all of it, at any hour."""
    rows = int(found.sentence.split()[0]) if found.sentence[:1].isdigit() else 0
    hints = gateway.hints(name)
    if rows < LARGE or hints.watermark or hints.rests:
        return
    yield Finding(
        "warn", f"changes/{name}", f"all {rows} rows are read in every run, also at the busiest hour",
        f"name a change time or row version: [datasets.{name}] watermark, and a `-- changed` line in its file; or let"
        ' it wait for the night: read = "sweep_hours"',
    )  # fmt: skip


def _judged(name: str, rows: int, seconds: float, wrong: Mapping[str, int]) -> Finding:
    subject, read = f"mirror/{name}", f"{rows} rows in {seconds:.1f} s"
    if wrong.get("duplicate_key"):
        return Finding("fail", subject, f"{read}; {_list(wrong)}", "the key columns must be unique; choose others")
    if wrong:
        return Finding(
            "warn",
            subject,
            f"{read}; {_list(wrong)}",
            "these rows are set aside; mend them at the centre or in the SQL",
        )
    if rows == 0 and DATASETS[name].group == "master":
        return Finding("warn", subject, "gives no rows", "is the WHERE clause right, may we read the table?")
    if rows >= SLOW_FROM_ROWS and rows / max(seconds, 0.001) < SLOW_ROWS_PER_SECOND:
        return Finding("warn", subject, f"{read}: slow", "look at the plan of this SELECT; is an index missing?")
    return Finding("ok", subject, read)


def _list(wrong: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(wrong.items()))


def _ledger(gateway: SqlGateway) -> Iterator[Finding]:
    if gateway.ledger_mode is not LedgerMode.SAME_TRANSACTION:
        yield from proof_check.findings(gateway)
        return
    if preflight.ledger_present(gateway):
        problems = preflight.write_problems(gateway)
        yield from (
            Finding("fail", "ledger", problem, "grant SELECT, INSERT, UPDATE on our two tables") for problem in problems
        )
        if not problems:
            bad = list(check_tables.ledger_holds(gateway))
            yield from bad or [Finding("ok", "ledger", "is there, can be written, and refuses everything twice")]
            yield from check_tables.link_can_be_undone(gateway)
        return
    refused = _cannot_make_ledger(gateway)
    if refused:
        yield Finding(
            "fail", "ledger", f"is missing and we may not make it: {refused}", "ask the DBA to run ledger.sql"
        )
    else:
        yield Finding(
            "warn", "ledger", "is missing; the first upload would make it", "better: let the DBA run ledger.sql now"
        )


def _cannot_make_ledger(gateway: SqlGateway) -> str | None:
    """Try the DDL and roll it back, where the database can; what it, or the account's rights, say against it."""
    if not gateway.edge.undoes_ddl:  # nothing that the check writes may stay: its rights are asked instead
        with gateway.reading() as connection, gateway.errors("grants"):
            may = gateway.edge.may_create(connection, LEDGER_TABLES)
        return "this account has no right to make tables there (CREATE)" if may is False else None
    try:
        with gateway.writing("ledger.sql", rehearse=True) as connection, gateway.errors("ledger.sql"):
            for step in gateway.file("ledger").steps:
                connection.execute(step.statement)
    except CentralError as error:
        return error.detail
    return None


def _uploads(gateway: SqlGateway) -> Iterator[Finding]:
    for entity in ENTITIES:
        name = f"upload/{entity}"
        if not gateway.has(name):
            yield Finding("fail", name, "is missing in the mapping", f"write {name}.sql")
            continue
        said = list(preflight.refused_statements(gateway, [entity]))
        ending = list(proof_check.routine_problems(gateway, [entity]))
        yield from (Finding("fail", name, problem, "see it mended before go-live") for problem in ending)
        for step, problem in said:
            yield Finding("fail", name, f"step {step.name}: {problem}", "grant the right, or mend the statement")
        if not said and not ending:
            yield Finding("ok", name, f"all {len(gateway.file(name).steps)} statements would run")


def _questions(gateway: SqlGateway) -> Iterator[Finding]:
    for name in (*QUESTIONS, *OPTIONAL, *(one for one in AFTER if gateway.has(one))):
        if not gateway.has(name):
            wanted = name in OPTIONAL
            missing = f"is not offered by this mapping: {OPTIONAL[name]}" if wanted else "is missing in the mapping"
            yield Finding("warn" if wanted else "fail", name, missing, f"write {name}.sql")
            continue
        problems = [said for step in gateway.file(name).steps if (said := preflight.statement_problem(gateway, step))]
        yield from (Finding("fail", name, said, "grant the right, or mend the statement") for said in problems)
    if all(gateway.has(name) for name in QUESTIONS):
        yield Finding("ok", "questions", f"{len(QUESTIONS)} questions of the return are there")


def _stop(gateway: SqlGateway) -> Iterator[Finding]:
    """The DBA's switch: one that breaks stops every run, and is found here before it does."""
    if not gateway.has(STOP):
        return
    try:
        rows = gateway.ask(STOP, {})
    except CentralError as error:
        yield Finding(
            "fail", STOP, error.detail, "grant SELECT on its table, or mend stop.sql: no run begins without it"
        )
        return
    if rows:
        reason = str(next(iter(rows[0].values()), "")).strip() or "-"
        yield Finding("warn", STOP, f"stops the mirror now: {reason}", "delete the row at the centre when it may go on")
    else:
        yield Finding("ok", STOP, "can be asked, and stops nothing now")


def _triggers(gateway: SqlGateway) -> Iterator[Finding]:
    unknown = preflight.unknown_triggers(gateway)
    for name in unknown:
        yield Finding(
            "warn", f"trigger {name}", "is on a table we write and mapping.toml does not name it",
            "ask the vendor what it does with rows of ours, then name it in [triggers] known",
        )  # fmt: skip
    hidden = preflight.hidden_triggers(gateway)
    if hidden:
        yield Finding(
            "warn", "triggers", f"we may not see those of {', '.join(hidden)}",
            "let the DBA list them and name them in [triggers] known; or grant VIEW DEFINITION on"
            " these tables, so that a new one stops a return",
        )  # fmt: skip
    elif not unknown:
        yield Finding("ok", "triggers", "no trigger that mapping.toml does not name")


def _schema(gateway: SqlGateway) -> Iterator[Finding]:
    found = preflight.fingerprint(gateway)
    tested = gateway.mapping.options.tables.fingerprint
    if tested is None:
        yield Finding("ok", "schema", f"fingerprint {found}; write it into [tables] fingerprint to be told of changes")
    elif tested == found:
        yield Finding("ok", "schema", "the columns are those the mapping was tested with")
    else:
        yield Finding(
            "fail",
            "schema",
            "the columns of the touched tables have changed",
            "test the mapping again, then write the new one",
        )


def worst(findings: Sequence[Finding]) -> str:
    """ok, warn or fail: what the exit code of the check says."""
    states = {finding.status for finding in findings}
    return "fail" if "fail" in states else "warn" if "warn" in states else "ok"
