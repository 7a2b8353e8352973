"""SQLite: a small centre, a restored copy, or a test. The file must be there; it is never made.

Reading beside a writer needs the file in WAL mode; without it the mirror's snapshot makes the centre's writers wait.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from shutil import disk_usage
from typing import Any, Final

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from sync.central.dialects import Column, Edge, Phase, Routine, Scan, Session, made
from sync.central.edges.aliases import table_of
from sync.central.gateway import CentralError, OutcomeUnknown, Refused, Systemic, Transient, Unreachable
from sync.central.pages import Stream, cursor_pages
from sync.central.sql_file import Step

# The name of SQLite's own (extended) code → what becomes of the document. The first prefix that fits decides.
NAMES: Final[tuple[tuple[str, type[CentralError] | str], ...]] = (
    ("SQLITE_BUSY", Transient), ("SQLITE_LOCKED", Transient), ("SQLITE_INTERRUPT", Transient),
    ("SQLITE_PROTOCOL", Transient),
    ("SQLITE_CONSTRAINT_TRIGGER", "refused_by_centre"), ("SQLITE_CONSTRAINT_DATATYPE", "value_not_accepted"),
    ("SQLITE_CONSTRAINT", "constraint_violation"), ("SQLITE_MISMATCH", "value_not_accepted"),
    ("SQLITE_TOOBIG", "value_not_accepted"), ("SQLITE_RANGE", Systemic),
    ("SQLITE_CANTOPEN", Unreachable), ("SQLITE_IOERR", Unreachable),
    ("SQLITE_ERROR", Systemic), ("SQLITE_FULL", Systemic), ("SQLITE_READONLY", Systemic), ("SQLITE_CORRUPT", Systemic),
    ("SQLITE_NOTADB", Systemic), ("SQLITE_PERM", Systemic), ("SQLITE_AUTH", Systemic), ("SQLITE_SCHEMA", Transient),
    ("SQLITE_NOMEM", Systemic),
)  # fmt: skip


class SqliteEdge:
    """See `dialects.Edge`."""

    name = "sqlite"
    undoes_ddl = True
    errors_end = False
    streams = True

    def address(self, url: URL, session: Session) -> URL:
        if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
            return url
        return url.set(database=f"file:{url.database}", query={**url.query, "mode": "rw", "uri": "true"})

    def engine_options(self, session: Session) -> dict[str, Any]:
        # A file that was moved away must not go on answering from an open handle.
        return {"poolclass": NullPool, "connect_args": {"timeout": session.timeouts.lock, "check_same_thread": False}}

    def attach(self, engine: Engine, session: Session) -> None:
        @event.listens_for(engine, "connect")
        def prepare(connection: Any, _: Any) -> None:
            connection.isolation_level = None  # the driver's own BEGIN comes too late for a snapshot
            connection.execute("PRAGMA foreign_keys = ON")
            if not session.writing:
                connection.execute("PRAGMA query_only = ON")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if session.writing else "BEGIN")

    def snapshot(self, connection: Connection, session: Session) -> None:
        connection.execute(text("SELECT count(*) FROM sqlite_master"))  # the first read fixes the moment

    def lag_seconds(self, connection: Connection) -> float:
        return 0.0

    def oldest_running(self, connection: Connection) -> datetime | None:
        return None  # one writer at a time: nothing can still come with an older time

    def row_version_limit(self, connection: Connection) -> int | None:
        return None

    def pages(self, connection: Connection, sql: str, values: Mapping[str, Any], rows: int) -> Stream:
        return cursor_pages(connection, sql, values, rows)

    def classify(self, error: DBAPIError, phase: Phase, where: str) -> CentralError:
        name = str(getattr(error.orig, "sqlite_errorname", "") or "")
        meaning = meaning_of(name, phase)
        words = str(error.orig)
        # "UNIQUE constraint failed: table.column" names things; what a trigger raises may quote values.
        shown = "" if meaning == "refused_by_centre" else f" {words}"
        return made(meaning, f"{where}: {name or 'connection'}{shown}", {"number": name, **_things(words)})

    def is_duplicate(self, error: DBAPIError) -> bool:
        name = getattr(error.orig, "sqlite_errorname", "")
        return name in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_ROWID")

    def read_only(self, connection: Connection) -> None:
        pass  # PRAGMA query_only, see attach

    def lock(self, connection: Connection, seconds: int) -> None:
        pass  # BEGIN IMMEDIATE holds the only write lock there is

    def unlock(self, connection: Connection) -> None:
        pass

    def identity(self, connection: Connection) -> str:
        file = connection.execute(text("PRAGMA database_list")).first()
        known = Path(str(file[2])).stat() if file and file[2] else None
        return f"sqlite {known.st_dev}:{known.st_ino}" if known is not None else "sqlite in memory"

    def free_megabytes(self, connection: Connection) -> int | None:
        file = connection.execute(text("PRAGMA database_list")).first()
        folder = Path(str(file[2])).parent if file and file[2] else None
        return disk_usage(folder).free // 2**20 if folder is not None else None

    def guard(self, connection: Connection) -> None:
        pass  # there are no procedures, and the mapping's own statements are read before

    def intact(self, connection: Connection) -> bool:
        return True

    def check_constraints_now(self, connection: Connection) -> None:
        row = connection.execute(text("PRAGMA foreign_key_check")).first()
        if row is not None:
            raise Refused("constraint_violation", f"a foreign key of {row[0]} has no {row[2]}", {"table": row[0]})

    def try_statement(self, connection: Connection, step: Step, binds: Mapping[str, Any]) -> None:
        connection.execute(text(f"EXPLAIN {step.sql}"), dict(binds))

    def may_create(self, connection: Connection, tables: Sequence[str]) -> bool | None:
        return None

    def scans(self, connection: Connection, sql: str, binds: Mapping[str, Any]) -> list[Scan]:
        plan = connection.execute(text(f"EXPLAIN QUERY PLAN {sql}"), dict(binds)).mappings()
        words = [str(row["detail"]).split() for row in plan]
        # "SCAN t" and "SCAN t USING INDEX i" read it all; "SEARCH" does not.
        names = [said[2] if said[1] == "TABLE" else said[1] for said in words if said[0] == "SCAN" and len(said) > 1]
        tables = [table_of(name, sql) for name in names]
        return [Scan(table, _rows_of(connection, table)) for table in tables if _is_table(connection, table)]

    def columns(self, connection: Connection, tables: Sequence[str]) -> list[Column]:
        found = []
        for table in sorted({table.lower() for table in tables}):
            for row in connection.execute(text("SELECT * FROM pragma_table_info(:table)"), {"table": table}).mappings():
                found.append(Column(table, row["name"].lower(), row["type"].lower(), None, not row["notnull"]))
        return found

    def triggers(self, connection: Connection, tables: Sequence[str]) -> list[str]:
        wanted = {table.lower() for table in tables}
        rows = connection.execute(text("SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger' ORDER BY 1, 2"))
        return [f"{table}.{name}" for table, name in rows if table.lower() in wanted]

    def hidden_triggers(self, connection: Connection, tables: Sequence[str]) -> list[str]:
        return []

    def unique_columns(self, connection: Connection, tables: Sequence[str]) -> set[str]:
        rows = connection.execute(
            text(
                "SELECT lower(t.name || '.' || max(c.name)) FROM sqlite_master t"
                ' JOIN pragma_index_list(t.name) i ON i."unique" = 1 JOIN pragma_index_info(i.name) c'
                " WHERE t.type = 'table' GROUP BY t.name, i.name HAVING count(*) = 1"
            )
        )
        wanted = {table.lower() for table in tables}
        return {str(row[0]) for row in rows if str(row[0]).partition(".")[0] in wanted}

    def routine(self, connection: Connection, name: str) -> Routine | None:
        return None  # there are none


def meaning_of(name: str, phase: Phase) -> type[CentralError] | str:
    """The verdict on one of SQLite's error names. A pure function, tested as a table."""
    if phase is Phase.COMMIT:
        if name.startswith("SQLITE_BUSY"):
            return Transient  # the transaction is still open and is rolled back by us
        return "constraint_violation" if name.startswith("SQLITE_CONSTRAINT") else OutcomeUnknown
    if phase is Phase.CONNECT and not name:
        return Unreachable
    return next((meaning for prefix, meaning in NAMES if name.startswith(prefix)), "central_error")


def _things(words: str) -> dict[str, str]:
    head, _, named = words.partition("constraint failed: ")
    if not named:
        return {}
    table, dot, column = named.split(",")[0].strip().partition(".")
    return {"table": table, "column": column} if dot else {"constraint": f"{head.strip()} {table}".strip()}


def _is_table(connection: Connection, name: str) -> bool:
    asked = text("SELECT 1 FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(:name)")
    return connection.execute(asked, {"name": name}).first() is not None


def _rows_of(connection: Connection, table: str) -> int:
    quoted = table.replace('"', '""')
    return int(connection.execute(text(f'SELECT count(*) FROM "{quoted}"')).scalar() or 0)  # noqa: S608  (from the plan)


EDGE: Edge = SqliteEdge()
