"""The part of the check that looks at the tables: are they there, what can they hold, does the ledger refuse twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from fallback_server.domain.clock import to_text
from sync.central import ledger, preflight
from sync.central.dialects import Column, Phase
from sync.central.finding import Finding
from sync.central.gateway import LedgerMode, LedgerRow, Refused, Systemic
from sync.central.level100 import newer
from sync.central.remarks import remarks, text_findings
from sync.central.sql_gateway import SqlGateway

EVERYDAY: Final = "张三丰,进口药品:四默(12岁)"  # 进 四 默: their second byte has tripped drivers
RARE: Final = "𠮷田䶮㛃"  # outside GBK, and outside the sixteen bits
COPY_WARN_SECONDS: Final = 600  # open work counts as old from here on, however often it is read
# How a database takes a text without guessing its type.
_TYPED: Final = {"mssql": "CAST(:said AS nvarchar(60))", "postgresql": "CAST(:said AS varchar(60))"}
_LENGTHS: Final = {
    "yj_id": 26, "entity": 21, "installation_id": 26, "payload_hash": 64, "central_key": 20, "operator_code": 10,
    "receipt_no": 20, "yj_no": 15, "applied_at": 29, "opened_at": 29, "closed_at": 29,
}  # fmt: skip


def tables(gateway: SqlGateway) -> Iterator[Finding]:
    """The touched tables and what is particular to their database."""
    options, touched = gateway.mapping.options, gateway.mapping.options.tables.touched
    with gateway.reading() as connection, gateway.errors("catalogue"):
        columns = gateway.edge.columns(connection, touched)
        found = list(remarks(gateway.edge.name, connection, options, touched))
    there = {column.table for column in columns}
    missing = sorted({name.lower() for name in touched} - there)
    for name in missing:
        yield Finding(
            "fail", f"table {name}", "is not there, or hidden from us", "grant SELECT, or mend [tables] touched"
        )
    if touched and not missing:
        yield Finding("ok", "tables", f"{len(there)} tables with {len(columns)} columns")
    yield from text_findings(gateway.edge.name, options, columns)
    yield from found


def characters(gateway: SqlGateway) -> Iterator[Finding]:
    """Text there and back, as a bind and as a word of a statement."""
    typed = _TYPED.get(gateway.edge.name, ":said")
    word = f"N'{RARE}'" if gateway.edge.name == "mssql" else f"'{RARE}'"
    ways = ((EVERYDAY, typed, "everyday text"), (RARE, typed, "rare characters"), (RARE, word, "words of a statement"))
    with gateway.reading() as connection, gateway.errors("characters"):
        broken = []
        for said, how, name in ways:
            binds = {"said": said} if ":said" in how else {}
            back = connection.execute(text(f"SELECT {how} AS heard"), binds).scalar()
            broken += [] if str(back).rstrip() == said else [name]
    if broken:
        yield Finding(
            "fail", "characters", f"{', '.join(broken)} do not come back as they went",
            "check the driver's character set (CHARSET=utf8mb4, ClientCharset=UTF-8) and [text] char_encoding",
        )  # fmt: skip
    else:
        yield Finding("ok", "characters", f"{EVERYDAY} and {RARE} come back as they went")


def ledger_holds(gateway: SqlGateway) -> Iterator[Finding]:
    """Whether the ledger refuses a second row of one identity, or of one sequence, and forgets what is rolled back."""
    at = to_text(gateway.clock.now())
    if gateway.ledger_find([preflight.PROBE_ROW.yj_id]):  # the trial before this one was rolled back
        yield Finding(
            "fail", "ledger", "keeps what was rolled back: its table has no transactions",
            "make it as ledger.sql says (InnoDB), and delete the row yj-preflight-probe",
        )  # fmt: skip
        return
    for again, what in (
        (replace(preflight.PROBE_ROW, sequence=1), "the same yj_id"),
        (replace(preflight.PROBE_ROW, yj_id="yj-check-again"), "the same installation and sequence"),
    ):
        if not _refused(gateway, again, at):
            yield Finding(
                "fail", "ledger", f"takes {what} twice: a document could arrive twice",
                "make the two unique constraints of ledger.sql",
            )  # fmt: skip
    yield from _lengths(gateway)


def link_can_be_undone(gateway: SqlGateway) -> Iterator[Finding]:
    """Whether a wrong link can be taken out of the ledger again; tried and rolled back. No upload waits for it."""
    try:
        with gateway.writing("yj_ledger", rehearse=True) as connection, gateway.errors("yj_ledger"):
            ledger.enter(connection, preflight.PROBE_ROW, to_text(gateway.clock.now()))
            ledger.remove_link(connection, preflight.PROBE_ROW, "0")
    except (Systemic, Refused) as error:
        yield Finding(
            "ok", "ledger", f"no row of it can be removed with this account, as it should be ({error.detail}); to take"
            " back a link that proved wrong the DBA grants DELETE on yj_ledger for that hour",
        )  # fmt: skip


def accounts(gateway: SqlGateway) -> Iterator[Finding]:
    """Whether the mirror, which reads day and night, does so with an account that can change nothing."""
    if gateway.edge.name == "sqlite" or gateway.ledger_mode is not LedgerMode.SAME_TRANSACTION:
        return  # no accounts there, or no table of ours to try it on
    if not preflight.ledger_present(gateway):
        return
    if gateway.mirror_may_write():
        yield Finding(
            "warn", "accounts", "the mirror reads with an account that may write",
            "[central] read_url: an account that may only read, for the schedule; url stays the one that uploads",
        )  # fmt: skip
    else:
        yield Finding("ok", "accounts", "the mirror reads with an account that may not write")


def copy(gateway: SqlGateway) -> Iterator[Finding]:
    """Where the mirror reads a copy: how far that is behind the centre, and whether we are told."""
    late, replica = gateway.behind(), gateway.mapping.options.read.isolation == "replica"
    if late is None and replica:
        yield Finding(
            "warn", "copy", "does not tell us how far it is behind the centre: windows would take it for fresh",
            "grant what shows it (REPLICA MONITOR, VIEW SERVER STATE), or write behind.sql",
        )  # fmt: skip
    elif late is not None and late > COPY_WARN_SECONDS:
        yield Finding(
            "warn", "copy", f"is {late:.0f} s behind the centre", "see why it does not keep up, or read elsewhere"
        )
    elif late or replica:
        yield Finding("ok", "copy", f"is {late or 0:.0f} s behind the centre")


def _refused(gateway: SqlGateway, again: LedgerRow, at: str) -> bool:
    try:
        with gateway.writing("yj_ledger", rehearse=True) as connection:
            ledger.enter(connection, preflight.PROBE_ROW, at)
            try:
                ledger.enter(connection, again, at)
            except DBAPIError as error:
                # The transaction is broken now; leaving by an error rolls it back.
                if gateway.edge.is_duplicate(error):
                    raise _Twice from None
                raise gateway.edge.classify(error, Phase.STATEMENT, "yj_ledger") from None
    except _Twice:
        return True
    return False


class _Twice(Exception):
    """A unique index refused the second row."""


def _lengths(gateway: SqlGateway) -> Iterator[Finding]:
    with gateway.reading() as connection, gateway.errors("catalogue"):
        columns = gateway.edge.columns(connection, ["yj_ledger", "yj_incident"])
    short = [c for c in columns if _is_text(c) and c.length is not None and c.length < _LENGTHS.get(c.name, 0)]
    for column in short:
        yield Finding(
            "fail", f"{column.table}.{column.name}", f"holds {column.length} characters",
            f"make it varchar({_LENGTHS[column.name]}) or longer, as ledger.sql says",
        )  # fmt: skip


def _is_text(column: Column) -> bool:
    return "char" in column.type.lower() or "text" in column.type.lower()


def level(gateway: SqlGateway) -> Iterator[Finding]:
    """On SQL Server: what the mapping's files use that an old compatibility level does not know, and NOLOCK."""
    if gateway.edge.name != "mssql":
        return
    found = 0
    for file in gateway.mapping.files.values():
        for step in file.steps:
            for name in newer(step.sql):
                found += 1
                yield Finding(
                    "fail" if name.startswith("NOLOCK") else "warn", step.file, f"uses {name}",
                    "write it without, unless the database's compatibility level is that new and stays so",
                )  # fmt: skip
    if not found:
        yield Finding("ok", "T-SQL", "the files keep to compatibility level 100")
