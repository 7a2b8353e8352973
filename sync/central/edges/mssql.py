"""SQL Server through pyodbc: Microsoft's ODBC Driver 17 or 18, or FreeTDS.

The hospital's own work always wins: LOCK_TIMEOUT bounds every wait, DEADLOCK_PRIORITY LOW makes us the victim, and no
statement says NOLOCK. Nothing here is newer than compatibility level 100 (2008 R2), but for views asked in vain there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Integer, Unicode, bindparam, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from sync.central.dialects import (
    APPLICATION_NAME,
    CHANGED,
    Column,
    Edge,
    Phase,
    Routine,
    Scan,
    Session,
    made,
    verdict,
)
from sync.central.edges import odbc
from sync.central.gateway import CentralError, OutcomeUnknown, Systemic, Transient, Unreachable
from sync.central.pages import Stream
from sync.central.sql_file import Step

# The server's numbers, where the SQLSTATE says less. From 50000 on they are the vendor's own (RAISERROR, THROW).
NUMBERS: Final[Mapping[int, type[CentralError] | str]] = {
    1205: Transient, 1222: Transient, 1204: Transient, 3960: Transient, 3961: Transient, 3635: Transient,
    701: Transient, 802: Transient, 8645: Transient, 8651: Transient, 10928: Transient, 10929: Transient,
    40197: Transient, 40501: Transient, 40613: Transient, 49918: Transient, 983: Transient, 976: Transient,
    2627: "constraint_violation", 2601: "constraint_violation", 547: "constraint_violation",
    515: "constraint_violation", 1505: "constraint_violation",
    8152: "value_not_accepted", 2628: "value_not_accepted", 245: "value_not_accepted", 241: "value_not_accepted",
    242: "value_not_accepted", 248: "value_not_accepted", 8114: "value_not_accepted", 8115: "value_not_accepted",
    220: "value_not_accepted", 232: "value_not_accepted", 295: "value_not_accepted", 8169: "value_not_accepted",
    3609: "refused_by_centre", 3616: "refused_by_centre", 550: "refused_by_centre",
    208: Systemic, 207: Systemic, 201: Systemic, 2812: Systemic, 102: Systemic, 156: Systemic, 137: Systemic,
    229: Systemic, 230: Systemic, 262: Systemic, 297: Systemic, 300: Systemic, 916: Systemic, 4060: Systemic,
    18452: Systemic, 18456: Systemic, 18486: Systemic, 18487: Systemic, 18488: Systemic,
    1101: Systemic, 1105: Systemic, 9002: Systemic, 3906: Systemic, 3908: Systemic, 3952: Systemic, 978: Systemic,
    468: Systemic, 942: Systemic, 945: Systemic, 824: Systemic, 823: Systemic,
}  # fmt: skip
LOST: Final = frozenset({64, 121, 233, 10053, 10054, 10060, 10061, 11001, 6001, 6002, 6005, 17142, 596, 20003, 20004,
                         20006, 20009, 20047})  # fmt: skip
# The statement said that the whole transaction was rolled back, also where it was the commit.
_ROLLED_BACK: Final = frozenset({1205, 3960, 3961, 2627, 2601, 547})
_DEPTH: Final = "yj_depth"
_CURES: Final = {
    3952: "ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON, or isolation = \"replica\" or \"pages\" in mapping.toml",
    978: "the secondary takes only connections that say ApplicationIntent=ReadOnly",
}  # fmt: skip
_SCAN: Final = ("Table Scan", "Clustered Index Scan", "Index Scan", "Columnstore Index Scan")
_OBJECT: Final = re.compile(r"OBJECT:\((?:\[[^\]]*\]\.){0,2}\[([^\]]*)\]")


class MssqlEdge:
    """See `dialects.Edge`."""

    name = "mssql"
    undoes_ddl = True
    errors_end = True
    streams = True  # the server sends as we fetch; neither driver keeps the rows

    def address(self, url: URL, session: Session) -> URL:
        return url

    def engine_options(self, session: Session) -> dict[str, Any]:
        connect_args: dict[str, Any] = {"timeout": session.timeouts.connect, "APP": APPLICATION_NAME}
        if session.use == "mirror" and session.read_only_intent:
            connect_args["ApplicationIntent"] = "ReadOnly"
        return {"connect_args": connect_args, "ignore_no_transaction_on_rollback": True}

    def attach(self, engine: Engine, session: Session) -> None:
        odbc.keep_no_pool(engine)
        event.listen(engine, "connect", lambda connection, _: _prepare(connection, session))
        event.listen(engine, "handle_error", _notice_loss)
        event.listen(engine, "after_cursor_execute", _count_last)

    def snapshot(self, connection: Connection, session: Session) -> None:
        if session.isolation == "snapshot":
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL SNAPSHOT"))
        # A readable secondary gives every transaction a snapshot by itself, whatever level it says.
        connection.execute(text("SELECT count(*) FROM sys.tables"))

    def lag_seconds(self, connection: Connection) -> float | None:
        # Nothing waits to be redone: that says something only while the primary is there to send more (1, 2).
        behind = _asked(
            connection,
            "SELECT coalesce(max(CASE WHEN coalesce(d.redo_queue_size, 0) = 0 AND d.is_suspended = 0"
            " AND d.synchronization_state IN (1, 2) THEN 0"
            " ELSE datediff(second, d.last_commit_time, getdate()) END), 0)"
            " FROM sys.dm_hadr_database_replica_states d"
            " JOIN sys.dm_hadr_availability_replica_states r ON r.replica_id = d.replica_id AND r.group_id = d.group_id"
            " WHERE d.database_id = db_id() AND d.is_local = 1 AND r.role_desc = 'SECONDARY'",
        )
        return None if behind is None else max(0.0, float(behind))

    def oldest_running(self, connection: Connection) -> datetime | None:
        value: datetime | None = _asked(
            connection,
            "SELECT min(d.database_transaction_begin_time) FROM sys.dm_tran_database_transactions d"
            " JOIN sys.dm_tran_session_transactions s ON s.transaction_id = d.transaction_id"
            " WHERE d.database_id = db_id() AND s.session_id <> @@SPID",
        )
        return value

    def row_version_limit(self, connection: Connection) -> int | None:
        value = _asked(connection, "SELECT CAST(min_active_rowversion() AS bigint) - 1")
        return None if value is None else int(value)

    def pages(self, connection: Connection, sql: str, values: Mapping[str, Any], rows: int) -> Stream:
        return odbc.driver_pages(connection, sql, values, rows)

    def classify(self, error: DBAPIError, phase: Phase, where: str) -> CentralError:
        sqlstate, number, words = odbc.said(error)
        lost = error.connection_invalidated or is_lost(sqlstate, number)
        central = odbc.things(words, sqlstate, number)
        meaning = meaning_of(sqlstate, number, phase, lost=lost)
        safe = meaning in (Systemic, Unreachable, Transient) and number != 245
        detail = odbc.sentence(where, words, central, safe=safe)
        cure = _CURES.get(number or 0)
        return made(meaning, f"{detail} ({cure})" if cure else detail, central)

    def is_duplicate(self, error: DBAPIError) -> bool:
        return odbc.said(error)[1] in (2627, 2601)

    def read_only(self, connection: Connection) -> None:
        pass  # this server has no such transactions: whatever a question did is rolled back at its end

    def lock(self, connection: Connection, seconds: int) -> None:
        # Reading a table first: only that begins the transaction that is to own the lock.
        got = connection.execute(
            text(
                "SET NOCOUNT ON; DECLARE @rows int, @got int; SELECT @rows = count(*) FROM sys.tables;"
                " EXEC @got = sp_getapplock @Resource = 'his-yj', @LockMode = 'Exclusive',"
                " @LockOwner = 'Transaction', @LockTimeout = :milliseconds; SET NOCOUNT OFF; SELECT @got AS got"
            ),
            {"milliseconds": seconds * 1000},
        ).scalar()
        if got is None or int(got) < 0:
            raise Transient(f"another upload holds the application lock at the centre (sp_getapplock {got})")

    def unlock(self, connection: Connection) -> None:
        pass  # it ends with the transaction

    def identity(self, connection: Connection) -> str:
        asked = "SELECT coalesce(@@SERVERNAME, '') + '/' + db_name()"
        return f"mssql {connection.execute(text(asked)).scalar_one()}"

    def free_megabytes(self, connection: Connection) -> int | None:
        try:
            return connection.execute(
                text(
                    "SELECT MIN(v.available_bytes) / 1048576 FROM sys.database_files f"
                    " CROSS APPLY sys.dm_os_volume_stats(DB_ID(), f.file_id) v"
                )
            ).scalar()
        except DBAPIError:  # VIEW SERVER STATE is a right that few accounts have
            connection.rollback()
            return None

    def guard(self, connection: Connection) -> None:
        # One level more: a COMMIT of a procedure then ends our level only, and nothing is kept by it.
        connection.execute(text("BEGIN TRANSACTION"))
        connection.info[_DEPTH] = connection.execute(text("SELECT @@TRANCOUNT")).scalar_one()

    def intact(self, connection: Connection) -> bool:
        # The application lock belongs to the transaction: one that was ended, and another begun, does not hold it.
        same = connection.execute(
            text(
                "SELECT CASE WHEN @@TRANCOUNT = :depth"
                " AND APPLOCK_MODE('public', 'his-yj', 'Transaction') = 'Exclusive' THEN 1 ELSE 0 END"
            ),
            {"depth": connection.info.pop(_DEPTH, -1)},
        ).scalar_one()
        if not same:
            return False
        connection.execute(text("COMMIT TRANSACTION"))  # of our extra level: the document is still open
        return True

    def check_constraints_now(self, connection: Connection) -> None:
        pass  # nothing is deferred here

    def try_statement(self, connection: Connection, step: Step, binds: Mapping[str, Any]) -> None:
        # FMTONLY finds tables, columns and grants and runs nothing; SHOWPLAN would need a right of its own.
        with _switched(connection, "FMTONLY"):
            connection.exec_driver_sql(literal(connection, step.sql, binds)).close()

    def may_create(self, connection: Connection, tables: Sequence[str]) -> bool | None:
        return None

    def scans(self, connection: Connection, sql: str, binds: Mapping[str, Any]) -> list[Scan]:
        with _switched(connection, "SHOWPLAN_ALL"):
            plan = connection.exec_driver_sql(literal(connection, sql, binds)).mappings().all()
        tables = scanned([(str(row["PhysicalOp"]), str(row["Argument"])) for row in plan])
        return [Scan(table, self._rows_of(connection, table)) for table in tables]

    def columns(self, connection: Connection, tables: Sequence[str]) -> list[Column]:
        statement = text(
            "SELECT lower(table_name), lower(column_name), data_type, character_maximum_length, numeric_precision,"
            " numeric_scale, is_nullable, collation_name FROM information_schema.columns"
            " WHERE lower(table_name) IN :tables ORDER BY table_name, ordinal_position"
        ).bindparams(bindparam("tables", expanding=True))
        rows = connection.execute(statement, {"tables": [table.lower() for table in tables]})
        return [
            Column(table, name, kind if scale is None else f"{kind}({precision},{scale})", length, null == "YES", order)
            for table, name, kind, length, precision, scale, null, order in rows
        ]

    def triggers(self, connection: Connection, tables: Sequence[str]) -> list[str]:
        statement = text(
            "SELECT t.name + '.' + g.name FROM sys.triggers g JOIN sys.tables t ON t.object_id = g.parent_id"
            " WHERE g.is_disabled = 0 AND lower(t.name) IN :tables ORDER BY 1"
        ).bindparams(bindparam("tables", expanding=True))
        rows = connection.execute(statement, {"tables": [table.lower() for table in tables]})
        return [str(row[0]) for row in rows]

    def hidden_triggers(self, connection: Connection, tables: Sequence[str]) -> list[str]:
        statement = text(
            "SELECT lower(t.name) FROM sys.tables t WHERE lower(t.name) IN :tables"
            " AND coalesce(has_perms_by_name(schema_name(t.schema_id) + '.' + t.name, 'OBJECT', 'VIEW DEFINITION'), 0)"
            " = 0 ORDER BY 1"
        ).bindparams(bindparam("tables", expanding=True))
        rows = connection.execute(statement, {"tables": [table.lower() for table in tables]})
        return [str(row[0]) for row in rows]

    def unique_columns(self, connection: Connection, tables: Sequence[str]) -> set[str]:
        statement = text(
            "SELECT lower(t.name + '.' + min(c.name)) FROM sys.indexes i JOIN sys.tables t ON t.object_id = i.object_id"
            " JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id AND k.key_ordinal > 0"
            " JOIN sys.columns c ON c.object_id = i.object_id AND c.column_id = k.column_id"
            " WHERE i.is_unique = 1 AND i.is_disabled = 0 AND lower(t.name) IN :tables"
            " GROUP BY t.name, i.name HAVING count(*) = 1"
        ).bindparams(bindparam("tables", expanding=True))
        rows = connection.execute(statement, {"tables": [table.lower() for table in tables]})
        return {str(row[0]) for row in rows}

    def routine(self, connection: Connection, name: str) -> Routine | None:
        # A procedure that is not for us has no object_id. Its source is not looked at: BEGIN TRAN and COMMIT nest here,
        # and are customary.
        found = connection.execute(text("SELECT object_id(:name)"), {"name": name}).scalar()
        return None if found is None else Routine(name, None)

    def _rows_of(self, connection: Connection, table: str) -> int:
        asked = text(
            "SELECT sum(p.rows) FROM sys.partitions p WHERE p.object_id = object_id(:name) AND p.index_id IN (0, 1)"
        )
        return int(connection.execute(asked, {"name": table}).scalar() or 0)


def is_lost(sqlstate: str | None, number: int | None) -> bool:
    """Whether the connection is gone."""
    return number in LOST or (sqlstate or "").startswith("08") or sqlstate == "HYT01"


def meaning_of(sqlstate: str | None, number: int | None, phase: Phase, *, lost: bool) -> type[CentralError] | str:
    """The verdict by number, then by SQLSTATE. A pure function, tested as a table."""
    if phase is Phase.COMMIT:
        return NUMBERS[number] if number is not None and number in _ROLLED_BACK and not lost else OutcomeUnknown
    # A refused log-in comes with SQLSTATE 28000 and 08001 alike: the number knows.
    if number is not None and number in NUMBERS:
        return NUMBERS[number]
    if lost:
        return Unreachable
    if number is not None and number >= 50000:
        return "refused_by_centre"
    return verdict(sqlstate, phase, lost=False)


def scanned(operators: Sequence[tuple[str, str]]) -> list[str]:
    """The tables that a plan of SHOWPLAN_ALL reads from end to end, given (PhysicalOp, Argument)."""
    found = [match[1] for kind, what in operators if kind in _SCAN and (match := _OBJECT.search(what))]
    return list(dict.fromkeys(found))


def literal(connection: Connection, sql: str, binds: Mapping[str, Any]) -> str:
    """A statement with its values written in: the switches below see no parameters."""
    given = [
        bindparam(name, value, type_=Integer() if isinstance(value, int) else Unicode())
        for name, value in binds.items()
    ]
    compiled = text(sql).bindparams(*given).compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    return str(compiled)


@contextmanager
def _switched(connection: Connection, switch: str) -> Iterator[None]:
    """A session switch for one statement; a connection that cannot be switched back is thrown away."""
    connection.exec_driver_sql(f"SET {switch} ON")
    try:
        yield
    finally:
        try:
            connection.exec_driver_sql(f"SET {switch} OFF")
        except DBAPIError:
            connection.invalidate()


def _asked(connection: Connection, sql: str) -> Any:
    """One value of a view that may be missing, or hidden from us: None then."""
    try:
        return connection.execute(text(sql)).scalar()
    except DBAPIError:
        connection.rollback()
        return None


def _prepare(connection: Any, session: Session) -> None:
    connection.timeout = session.statement_seconds
    if session.char_encoding is not None:
        connection.setdecoding(1, encoding=session.char_encoding)
    with closing(connection.cursor()) as cursor:
        cursor.execute(
            # XACT_ABORT: an error ends the whole document, never a part of it. NOCOUNT OFF: rows are counted.
            f"SET XACT_ABORT ON; SET NOCOUNT OFF; SET LOCK_TIMEOUT {session.timeouts.lock * 1000};"
            " SET DEADLOCK_PRIORITY LOW; SET DATEFORMAT ymd; SET ANSI_WARNINGS ON; SET ANSI_NULLS ON;"
            " SET QUOTED_IDENTIFIER ON; SET TRANSACTION ISOLATION LEVEL READ COMMITTED"
        )
    connection.commit()


def _count_last(connection: Connection, cursor: Any, *_: Any) -> None:
    """A trigger without SET NOCOUNT ON says its own counts first; the statement's own comes last."""
    connection.info.pop(CHANGED, None)
    if cursor.description is not None:
        return
    count = cursor.rowcount
    while cursor.nextset():
        if cursor.description is None and cursor.rowcount >= 0:
            count = cursor.rowcount
    connection.info[CHANGED] = count


def _notice_loss(context: Any) -> None:
    if isinstance(context.sqlalchemy_exception, DBAPIError):
        sqlstate, number, _ = odbc.said(context.sqlalchemy_exception)
        if is_lost(sqlstate, number):
            context.is_disconnect = True


EDGE: Edge = MssqlEdge()
