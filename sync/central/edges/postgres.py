"""PostgreSQL through psycopg2."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from sync.central.copy_out import copy_pages
from sync.central.dialects import (
    APPLICATION_LOCK,
    APPLICATION_NAME,
    NOT_FOLLOWING,
    Column,
    Edge,
    Phase,
    Routine,
    Scan,
    Session,
    made,
    verdict,
)
from sync.central.driver_sql import execute
from sync.central.gateway import CentralError, Systemic, Transient, Unreachable
from sync.central.pages import Stream
from sync.central.routines import called
from sync.central.sql_file import Step

# Before the log-in this driver hands on no SQLSTATE: only words tell a wrong password from a dead host.
_LOGIN: Final = re.compile(
    r"password authentication failed|no password supplied|no pg_hba\.conf entry|role \".*\" does not exist"
    r"|database \".*\" does not exist|permission denied for database|authentication failed",
)
_FULL: Final = re.compile(r"too many clients|remaining connection slots|too many connections")


class PostgresEdge:
    """See `dialects.Edge`."""

    name = "postgresql"
    undoes_ddl = True
    errors_end = True
    streams = True

    def address(self, url: URL, session: Session) -> URL:
        return url

    def engine_options(self, session: Session) -> dict[str, Any]:
        timeouts = session.timeouts
        options = {
            "timezone": session.zone.key,
            "lock_timeout": f"{timeouts.lock}s",
            "statement_timeout": f"{session.statement_seconds}s",
        }
        if session.writing:
            # What was committed while a document waited must be seen, whatever the server's own default is.
            options["default_transaction_isolation"] = "read\\ committed"
            # A standby that died in the middle must not hold the hospital's rows.
            options["idle_in_transaction_session_timeout"] = f"{timeouts.write}s"
        connect_args = {
            "connect_timeout": timeouts.connect,
            "application_name": APPLICATION_NAME,
            "keepalives_idle": max(5, timeouts.silence // 3),
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": timeouts.silence * 1000,
            "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
        }
        return {"connect_args": connect_args}

    def attach(self, engine: Engine, session: Session) -> None:
        pass

    def snapshot(self, connection: Connection, session: Session) -> None:
        if session.isolation == "pages":
            connection.execution_options(isolation_level="READ COMMITTED", postgresql_readonly=True)
        else:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        connection.execute(text("SELECT 1"))

    def lag_seconds(self, connection: Connection) -> float | None:
        # All that came is replayed: that says something only while somebody is there to send more.
        behind = connection.execute(
            text(
                "SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0"
                " WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()"
                " AND EXISTS (SELECT 1 FROM pg_stat_wal_receiver) THEN 0"
                " ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END"
            )
        ).scalar()
        if behind is None:
            raise Transient(NOT_FOLLOWING)
        return max(0.0, float(behind))

    def oldest_running(self, connection: Connection) -> datetime | None:
        value: datetime | None = connection.execute(
            text(
                "SELECT min(xact_start) FROM pg_stat_activity"
                " WHERE datname = current_database() AND backend_xid IS NOT NULL"
            )
        ).scalar()
        return value

    def row_version_limit(self, connection: Connection) -> int | None:
        return None

    def pages(self, connection: Connection, sql: str, values: Mapping[str, Any], rows: int) -> Stream:
        return copy_pages(connection, sql, values)

    def classify(self, error: DBAPIError, phase: Phase, where: str) -> CentralError:
        cause = error.orig
        sqlstate = getattr(cause, "pgcode", None)
        words = str(cause).strip()
        if phase is Phase.CONNECT and sqlstate is None:
            return _connect_error(words)
        diagnostics = getattr(cause, "diag", None)
        said = getattr(diagnostics, "message_primary", None)
        lost = error.connection_invalidated or (sqlstate is None and _is_connection_error(cause, words))
        # The server's detail line and quoted words may hold a patient's data: only names of things are passed on.
        named = {
            "constraint": getattr(diagnostics, "constraint_name", None),
            "table": getattr(diagnostics, "table_name", None),
            "column": getattr(diagnostics, "column_name", None),
            "sqlstate": sqlstate,
        }
        meaning = verdict(sqlstate, phase, lost=lost)
        detail = f"{where}: {sqlstate or 'connection'} {_without_values(sqlstate, said)}".strip()
        return made(meaning, detail, {name: value for name, value in named.items() if value})

    def is_duplicate(self, error: DBAPIError) -> bool:
        return getattr(error.orig, "pgcode", None) == "23505"

    def read_only(self, connection: Connection) -> None:
        connection.execute(text("SET TRANSACTION READ ONLY"))

    def lock(self, connection: Connection, seconds: int) -> None:
        execute(connection, "SELECT pg_advisory_xact_lock(:key)", {"key": APPLICATION_LOCK})

    def unlock(self, connection: Connection) -> None:
        pass

    def identity(self, connection: Connection) -> str:
        asked = (
            # A number: the text of a time depends on the time zone and style of the session that asks.
            "SELECT concat(current_database(), '/', oid, '/', extract(epoch from pg_postmaster_start_time()))"
            " FROM pg_database WHERE datname = current_database()"
        )
        return f"postgresql {connection.execute(text(asked)).scalar_one()}"

    def free_megabytes(self, connection: Connection) -> int | None:
        return None  # no function of the server tells it

    def guard(self, connection: Connection) -> None:
        pass  # COMMIT in a procedure or a DO block inside a transaction is refused by the server (2D000)

    def intact(self, connection: Connection) -> bool:
        return True

    def check_constraints_now(self, connection: Connection) -> None:
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))

    def try_statement(self, connection: Connection, step: Step, binds: Mapping[str, Any]) -> None:
        if called(step.sql):
            return  # no plan is made of a CALL: `routine` says whether it is there
        connection.execute(text(f"EXPLAIN {step.sql}"), dict(binds))

    def may_create(self, connection: Connection, tables: Sequence[str]) -> bool | None:
        return None

    def scans(self, connection: Connection, sql: str, binds: Mapping[str, Any]) -> list[Scan]:
        plan = connection.execute(text(f"EXPLAIN (FORMAT JSON) {sql}"), dict(binds)).scalar()
        tables = _scanned(plan[0]["Plan"]) if plan else []
        return [Scan(table, _rows_of(connection, table)) for table in tables]

    def columns(self, connection: Connection, tables: Sequence[str]) -> list[Column]:
        rows = connection.execute(
            text(
                "SELECT c.table_name, c.column_name, c.data_type, c.character_maximum_length, c.numeric_precision,"
                " c.numeric_scale, c.is_nullable, c.collation_name FROM information_schema.columns c"
                " WHERE c.table_name = ANY(:tables) AND c.table_schema = ANY(current_schemas(false))"
                " ORDER BY c.table_name, c.ordinal_position"
            ),
            {"tables": [table.lower() for table in tables]},
        )
        return [
            Column(table, name, kind if scale is None else f"{kind}({precision},{scale})", length, null == "YES", order)
            for table, name, kind, length, precision, scale, null, order in rows
        ]

    def triggers(self, connection: Connection, tables: Sequence[str]) -> list[str]:
        rows = connection.execute(
            text(
                "SELECT c.relname || '.' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
                " WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND c.relname = ANY(:tables) ORDER BY 1"
            ),
            {"tables": [table.lower() for table in tables]},
        )
        return [str(row[0]) for row in rows]

    def hidden_triggers(self, connection: Connection, tables: Sequence[str]) -> list[str]:
        return []  # the catalogue is open to everybody

    def unique_columns(self, connection: Connection, tables: Sequence[str]) -> set[str]:
        rows = connection.execute(
            text(
                "SELECT c.relname || '.' || a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
                " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
                " WHERE i.indisunique AND i.indisvalid AND i.indnkeyatts = 1 AND i.indexprs IS NULL"
                " AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) LIKE '%IS NOT NULL%')"
                " AND c.relname = ANY(:tables)"
            ),
            {"tables": [table.lower() for table in tables]},
        )
        return {str(row[0]).lower() for row in rows}

    def routine(self, connection: Connection, name: str) -> Routine | None:
        row = connection.execute(
            text(
                "SELECT p.proname, p.prosrc FROM pg_proc p WHERE p.proname = lower(:name)"
                " AND pg_function_is_visible(p.oid) AND has_function_privilege(p.oid, 'EXECUTE') LIMIT 1"
            ),
            {"name": name.rpartition(".")[2]},
        ).first()
        return None if row is None else Routine(str(row[0]), row[1])


def _connect_error(words: str) -> CentralError:
    first = words.splitlines()[0] if words else "no answer"
    if _LOGIN.search(words):
        return Systemic(f"log-in refused: {first}")
    return Transient(first) if _FULL.search(words) else Unreachable(first)


def _is_connection_error(cause: BaseException | None, words: str) -> bool:
    name = type(cause).__name__
    return name == "InterfaceError" or (name == "OperationalError" and "SSL" not in words) or name == "DatabaseError"


def _without_values(sqlstate: str | None, said: str | None) -> str:
    if not said:
        return ""
    return re.sub(r"\"[^\"]*\"", '"…"', said) if (sqlstate or "").startswith(("22", "P0")) else said


def _scanned(node: Mapping[str, Any]) -> list[str]:
    own = [str(node["Relation Name"])] if node.get("Node Type") == "Seq Scan" else []
    return own + [table for child in node.get("Plans", ()) for table in _scanned(child)]


def _rows_of(connection: Connection, table: str) -> int:
    count = connection.execute(
        text("SELECT reltuples FROM pg_class WHERE relname = :table AND relkind IN ('r', 'p')"), {"table": table}
    ).scalar()
    return max(0, int(count or 0))


EDGE: Edge = PostgresEdge()
