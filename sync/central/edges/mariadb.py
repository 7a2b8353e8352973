"""MariaDB and MySQL through pyodbc and an ODBC driver, InnoDB tables.

Writing is READ COMMITTED: a document must see what was committed while it waited for the ledger's unique index, the
server's usual REPEATABLE READ would show it the past. Reading for the mirror is one consistent InnoDB snapshot.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, bindparam, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from sync.central.dialects import NOT_FOLLOWING, Column, Edge, Phase, Routine, Scan, Session, made, verdict
from sync.central.edges import odbc
from sync.central.edges.aliases import table_of
from sync.central.gateway import CentralError, OutcomeUnknown, Systemic, Transient, Unreachable
from sync.central.pages import Stream
from sync.central.routines import called
from sync.central.sql_file import Step

_LITERAL: Final = re.compile(r"'(?:[^']|'')*'")
_GUARD: Final = "yj_document"
_NO_SAVEPOINT: Final = 1305
_LOCK: Final = "concat(coalesce(database(), ''), '.his-yj')"
# The server's numbers, where the SQLSTATE says less.
LOST: Final = frozenset({1053, 1077, 1080, 1152, 1158, 1159, 1160, 1161, 1184, 1927, 2002, 2003, 2005, 2006, 2013, 2055,
                         4031, 5014})  # fmt: skip
NUMBERS: Final[Mapping[int, type[CentralError] | str]] = {
    1040: Transient, 1203: Transient, 1226: Transient, 1205: Transient, 1213: Transient, 1020: Transient,
    1317: Transient, 1969: Transient, 3024: Transient, 1412: Transient,
    1021: Systemic, 1114: Systemic, 1030: Systemic, 1290: Systemic, 1298: Systemic, 1665: Systemic, 1792: Systemic,
    1836: Systemic, 1049: Systemic, 1044: Systemic, 1045: Systemic,
    # A text with a character that the column's code page lacks cannot be compared with it: this document's fault alone.
    1267: "value_not_accepted",
    1364: "constraint_violation", 1366: "value_not_accepted",
    1644: "refused_by_centre",
}  # fmt: skip
_ROLLED_BACK: Final = frozenset({1205, 1213, 1020, 1180})


class MariadbEdge:
    """See `dialects.Edge`."""

    name = "mariadb"
    undoes_ddl = False
    errors_end = False
    # Only drivers since 3.1.17 stream, and none says its version before it connects: the files' pages are always used.
    streams = False

    def address(self, url: URL, session: Session) -> URL:
        return url

    def engine_options(self, session: Session) -> dict[str, Any]:
        timeouts = session.timeouts
        silence = session.statement_seconds + timeouts.silence
        connect_args: dict[str, Any] = {
            "CHARSET": "utf8mb4",
            "CONN_TIMEOUT": timeouts.connect,
            "READ_TIMEOUT": silence,
            "WRITE_TIMEOUT": timeouts.silence,
            "AUTO_RECONNECT": 0,  # a connection that comes back by itself would lose its transaction without a word
        }
        if session.use == "mirror":
            connect_args |= {"NO_CACHE": 1, "FORWARDONLY": 1}
        return {"connect_args": connect_args}

    def attach(self, engine: Engine, session: Session) -> None:
        odbc.keep_no_pool(engine)
        refused = engine.dialect.loaded_dbapi.Error
        event.listen(engine, "connect", lambda connection, _: _prepare(connection, session, refused))
        event.listen(engine, "handle_error", _notice_loss)
        event.listen(engine, "before_cursor_execute", spell_out, retval=True)

    def snapshot(self, connection: Connection, session: Session) -> None:
        if session.isolation == "pages":
            connection.execute(text("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"))
        else:
            connection.execute(text("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"))

    def lag_seconds(self, connection: Connection) -> float | None:
        try:
            row = connection.execute(text("SHOW SLAVE STATUS")).mappings().first()
        except DBAPIError:
            return None  # no right to look
        if row is None:
            return 0.0
        behind = row.get("Seconds_Behind_Master")
        if behind is None:  # one of its two threads does not run
            raise Transient(NOT_FOLLOWING)
        return float(behind)

    def oldest_running(self, connection: Connection) -> datetime | None:
        try:
            # Our own snapshot holds no row that could still appear.
            value: datetime | None = connection.execute(
                text(
                    "SELECT min(trx_started) FROM information_schema.innodb_trx"
                    " WHERE trx_mysql_thread_id <> connection_id()"
                )
            ).scalar()
        except DBAPIError:
            return None
        return value

    def row_version_limit(self, connection: Connection) -> int | None:
        return None

    def pages(self, connection: Connection, sql: str, values: Mapping[str, Any], rows: int) -> Stream:
        return odbc.driver_pages(connection, sql, values, rows)

    def classify(self, error: DBAPIError, phase: Phase, where: str) -> CentralError:
        sqlstate, number, words = odbc.said(error)
        lost = error.connection_invalidated or number in LOST or (sqlstate or "").startswith("08")
        central = odbc.things(words, sqlstate, number)
        meaning = meaning_of(sqlstate, number, phase, lost=lost)
        safe = meaning in (Systemic, Unreachable, Transient)
        return made(meaning, odbc.sentence(where, words, central, safe=safe), central)

    def is_duplicate(self, error: DBAPIError) -> bool:
        return odbc.said(error)[1] in (1062, 1586)

    def read_only(self, connection: Connection) -> None:
        pass  # the session is: see _prepare

    def lock(self, connection: Connection, seconds: int) -> None:
        got = connection.execute(text(f"SELECT get_lock({_LOCK}, :seconds)"), {"seconds": seconds}).scalar()
        if got != 1:
            raise Transient("another upload holds the application lock at the centre")

    def unlock(self, connection: Connection) -> None:
        # The lock belongs to the connection, not to the transaction, and the connection goes back to a pool.
        connection.execute(text(f"DO release_lock({_LOCK})"))
        connection.commit()

    def identity(self, connection: Connection) -> str:
        asked = "SELECT CONCAT(@@hostname, ':', @@port, @@datadir, DATABASE())"
        return f"mariadb {connection.execute(text(asked)).scalar_one()}"

    def free_megabytes(self, connection: Connection) -> int | None:
        return None  # only a plugin that few servers load tells it

    def guard(self, connection: Connection) -> None:
        # A transaction that was ended on the way has lost its savepoints; @@in_transaction would only tell that some
        # transaction is open, and the next statement opens one.
        connection.execute(text(f"SAVEPOINT {_GUARD}"))

    def intact(self, connection: Connection) -> bool:
        try:
            connection.execute(text(f"RELEASE SAVEPOINT {_GUARD}"))
        except DBAPIError as error:
            if odbc.said(error)[1] == _NO_SAVEPOINT:
                return False
            raise
        return True

    def check_constraints_now(self, connection: Connection) -> None:
        pass  # InnoDB checks every row at once

    def try_statement(self, connection: Connection, step: Step, binds: Mapping[str, Any]) -> None:
        if called(step.sql):
            return  # no plan is made of a CALL: `routine` says whether it is there
        connection.execute(text(f"EXPLAIN {step.sql}"), dict(binds))

    def may_create(self, connection: Connection, tables: Sequence[str]) -> bool | None:
        database = str(connection.execute(text("SELECT database()")).scalar())
        grants = [str(grant) for grant in connection.execute(text("SHOW GRANTS")).scalars()]
        return all(creates(grants, database, table) for table in tables)

    def scans(self, connection: Connection, sql: str, binds: Mapping[str, Any]) -> list[Scan]:
        plan = connection.execute(text(f"EXPLAIN FORMAT=JSON {sql}"), dict(binds)).scalar()
        return [Scan(table_of(table, sql), rows) for table, rows in _scanned(json.loads(plan or "{}"))]

    def columns(self, connection: Connection, tables: Sequence[str]) -> list[Column]:
        statement = text(
            "SELECT lower(table_name), lower(column_name), column_type, character_maximum_length, is_nullable,"
            " collation_name FROM information_schema.columns"
            " WHERE table_schema = database() AND lower(table_name) IN :tables ORDER BY table_name, ordinal_position"
        ).bindparams(bindparam("tables", expanding=True))
        rows = connection.execute(statement, {"tables": [table.lower() for table in tables]})
        return [
            Column(table, name, _text(kind), None if length is None else int(length), null == "YES", order)
            for table, name, kind, length, null, order in rows
        ]

    def triggers(self, connection: Connection, tables: Sequence[str]) -> list[str]:
        statement = text(
            "SELECT concat(event_object_table, '.', trigger_name) FROM information_schema.triggers"
            " WHERE trigger_schema = database() AND lower(event_object_table) IN :tables ORDER BY 1"
        ).bindparams(bindparam("tables", expanding=True))
        rows = connection.execute(statement, {"tables": [table.lower() for table in tables]})
        return [str(row[0]) for row in rows]

    def hidden_triggers(self, connection: Connection, tables: Sequence[str]) -> list[str]:
        return []  # seen with 10.11: whoever may write a table is shown the names of its triggers

    def unique_columns(self, connection: Connection, tables: Sequence[str]) -> set[str]:
        statement = text(
            "SELECT lower(concat(table_name, '.', min(column_name))) FROM information_schema.statistics"
            " WHERE table_schema = database() AND lower(table_name) IN :tables AND non_unique = 0"
            " GROUP BY table_name, index_name HAVING count(*) = 1 AND max(sub_part) IS NULL"
        ).bindparams(bindparam("tables", expanding=True))
        rows = connection.execute(statement, {"tables": [table.lower() for table in tables]})
        return {_text(row[0]) for row in rows}

    def routine(self, connection: Connection, name: str) -> Routine | None:
        statement = text(
            "SELECT routine_name, routine_definition FROM information_schema.routines"
            " WHERE routine_schema = database() AND lower(routine_name) = lower(:name)"
        )
        row = connection.execute(statement, {"name": name.rpartition(".")[2]}).first()
        return None if row is None else Routine(_text(row[0]), None if row[1] is None else _text(row[1]))


_GRANT: Final = re.compile(r"GRANT (.+?) ON (?:TABLE )?`?(.+?)`?\.`?(.+?)`? TO ")


def creates(grants: Iterable[str], database: str, table: str) -> bool:
    """Whether lines of SHOW GRANTS let an account make this table. Rights of a role count while it is the default."""
    for grant in grants:
        found = _GRANT.match(grant)
        if found is None:
            continue
        rights = {right.strip() for right in found[1].split(",")}
        if not rights & {"CREATE", "ALL PRIVILEGES"}:
            continue
        if found[2] == "*" or (_like(found[2], database) and found[3] in ("*", table)):
            return True
    return False


def _like(pattern: str, name: str) -> bool:
    """A database in a grant: % and _ stand for any characters and any one, unless a backslash stands before them."""
    parts = re.split(r"(\\.|%|_)", pattern)
    meaning = {"%": ".*", "_": "."}
    said = "".join(meaning.get(part) or re.escape(part[1:] if part.startswith("\\") else part) for part in parts)
    return re.fullmatch(said, name, re.IGNORECASE) is not None


def meaning_of(sqlstate: str | None, number: int | None, phase: Phase, *, lost: bool) -> type[CentralError] | str:
    """The verdict by number, then by SQLSTATE. A pure function, tested as a table."""
    if phase is Phase.COMMIT:
        # Anything else at a commit may have happened: the ledger is asked.
        return Transient if number in _ROLLED_BACK and not lost else OutcomeUnknown
    if lost:
        return Unreachable
    if number is not None and number in NUMBERS:
        return NUMBERS[number]
    return verdict(sqlstate, phase, lost=False)


def _prepare(connection: Any, session: Session, refused: type[Exception]) -> None:
    """Every new connection: text as UTF-8 both ways, time-outs, zone, mode.

    Never UTF-16: the driver takes a character whose low byte is D8 to DB (进, 四, 默 …) for half of a pair and cuts the
    end off, read or written. Seen with 3.1.15, the driver of Debian 12.
    """
    connection.setdecoding(1, encoding=session.char_encoding or "utf-8")
    connection.setdecoding(-8, encoding="utf-8")
    connection.setencoding(encoding="utf-8")
    level = "READ COMMITTED" if session.writing else "REPEATABLE READ"
    access = "READ WRITE" if session.writing else "READ ONLY"
    with closing(connection.cursor()) as cursor:
        cursor.execute(
            f"SET SESSION innodb_lock_wait_timeout = {session.timeouts.lock},"
            f" lock_wait_timeout = {session.timeouts.lock},"
            # Without it a text that is too long is cut without a word.
            " sql_mode = concat(@@sql_mode, ',STRICT_ALL_TABLES')"
        )
        _first_that_works(
            cursor,
            refused,
            f"SET SESSION max_statement_time = {session.statement_seconds}",
            f"SET SESSION max_execution_time = {session.statement_seconds * 1000}",  # MySQL
        )
        utc = cursor.execute("SELECT utc_timestamp()").fetchone()[0]
        offset = int((session.zone.utcoffset(utc) or utc - utc).total_seconds()) // 60
        sign, minutes = "-" if offset < 0 else "+", abs(offset)
        _first_that_works(
            cursor,
            refused,
            f"SET SESSION time_zone = '{session.zone.key}'",
            f"SET SESSION time_zone = '{sign}{minutes // 60:02d}:{minutes % 60:02d}'",  # zone tables not loaded
        )
        cursor.execute(f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")
        cursor.execute(f"SET SESSION TRANSACTION {access}")
    connection.commit()


def spell_out(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
) -> tuple[str, Any]:
    """Write the words of a statement that are not ASCII as their bytes: the driver reads a statement in the code page
    of the machine's locale, whatever that is, and has none for rare characters. Binds go as they are."""
    return _LITERAL.sub(_bytes_of, statement) if not statement.isascii() else statement, parameters


def _bytes_of(literal: re.Match[str]) -> str:
    words = literal[0]
    if words.isascii() or "\\" in words:
        return words
    return f"_utf8mb4 0x{words[1:-1].replace(chr(39) * 2, chr(39)).encode().hex()}"


def _first_that_works(cursor: Any, refused: type[Exception], *statements: str) -> None:
    *tries, last = statements
    for statement in tries:
        try:
            cursor.execute(statement)
        except refused:
            continue
        return
    cursor.execute(last)


def _notice_loss(context: Any) -> None:
    """The driver's broken pipe has a number SQLAlchemy does not know; the pool must let the connection go."""
    if isinstance(context.sqlalchemy_exception, DBAPIError):
        sqlstate, number, _ = odbc.said(context.sqlalchemy_exception)
        if number in LOST or (sqlstate or "").startswith("08"):
            context.is_disconnect = True


def _scanned(node: Any) -> list[tuple[str, int]]:
    if isinstance(node, list):
        return [scan for child in node for scan in _scanned(child)]
    if not isinstance(node, dict):
        return []
    own = []
    if node.get("access_type") in ("ALL", "index") and "table_name" in node:
        own = [(str(node["table_name"]), int(node.get("rows", 0)))]
    return own + [scan for child in node.values() for scan in _scanned(child)]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


EDGE: Edge = MariadbEdge()
