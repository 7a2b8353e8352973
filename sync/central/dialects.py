"""The edges where databases differ: connection settings, what an error means, locks, catalogues.

One class a database; everything above speaks SQLAlchemy and the mapping's SQL. Drivers that need a system library are
imported inside their edge only, when a centre of that kind is opened.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from sync.central.gateway import CentralError, OutcomeUnknown, Refused, Systemic, Transient, Unreachable
from sync.central.pages import Stream, cursor_pages
from sync.central.sql_file import MappingError, Step

APPLICATION_NAME: Final = "his-yj"
APPLICATION_LOCK: Final = 0x594A5501  # one uploader at a time inside the centre, whoever started it


class Phase(Enum):
    """Where in its life a central transaction was when an error came."""

    CONNECT = auto()
    STATEMENT = auto()
    COMMIT = auto()


@dataclass(frozen=True)
class Timeouts:
    """Seconds. `lock` bounds every wait for somebody else's row, `write` and `read` one statement."""

    connect: int = 5
    lock: int = 15
    write: int = 60
    read: int = 300
    silence: int = 30  # a peer that vanished without a word


class Edge(Protocol):
    """What the gateway must know about one kind of database."""

    name: str

    def connect_args(self, timeouts: Timeouts, zone: ZoneInfo, *, writing: bool) -> dict[str, Any]:
        """Arguments of the driver's connect."""

    def snapshot_options(self) -> dict[str, Any]:
        """Execution options of a connection that reads everything as of one moment."""

    def pages(self, connection: Connection, sql: str, values: Mapping[str, Any], rows: int) -> Stream:
        """The rows of a SELECT, streamed in pages of about `rows`, in bounded memory."""

    def classify(self, error: DBAPIError, phase: Phase, where: str) -> CentralError:
        """What an error of the driver means for a document. The text carries no row values."""

    def is_duplicate(self, error: DBAPIError) -> bool:
        """Whether a unique index refused a row."""

    def read_only(self, connection: Connection) -> None:
        """Make the transaction just begun refuse writes."""

    def lock(self, connection: Connection) -> None:
        """Take the application lock until the transaction ends; an error of the driver after `Timeouts.lock`."""

    def check_constraints_now(self, connection: Connection) -> None:
        """Let deferred constraints speak before a rehearsal is rolled back."""

    def try_statement(self, connection: Connection, step: Step, binds: Mapping[str, Any]) -> None:
        """Let the database parse, plan and check the grants of a statement without running it."""

    def triggers(self, connection: Connection, tables: Sequence[str]) -> list[str]:
        """Names of the triggers on these tables, as `table.trigger`."""


# SQLSTATE → what becomes of the document. The first prefix that fits decides; nothing fits: a person decides.
_SQLSTATES: Final[tuple[tuple[str, type[CentralError] | str], ...]] = (
    ("08", Unreachable), ("57P01", Unreachable), ("57P02", Unreachable), ("57P03", Unreachable), ("57P05", Unreachable),
    ("40", Transient), ("55P03", Transient), ("55006", Transient), ("57014", Transient), ("53300", Transient),
    ("25P03", Transient), ("25P04", Transient),
    ("23", "constraint_violation"), ("44", "constraint_violation"), ("22", "value_not_accepted"),
    ("P0001", "refused_by_centre"),
    ("28", Systemic), ("3D", Systemic), ("3F", Systemic), ("42", Systemic), ("53", Systemic), ("54", Systemic),
    ("58", Systemic), ("25006", Systemic), ("0A", Systemic), ("F0", Systemic), ("XX", Systemic),
)  # fmt: skip


def verdict(sqlstate: str | None, phase: Phase, *, lost: bool) -> type[CentralError] | str:
    """The class of error, or the conflict code of a Refused. A pure function, tested as a table.

    A commit that failed is unknown, unless the server itself said that it rolled back (classes 23 and 40, not 40003).
    """
    if phase is Phase.COMMIT:
        if lost or sqlstate is None or sqlstate == "40003" or sqlstate[:2] not in ("23", "40"):
            return OutcomeUnknown
    elif lost:
        return Unreachable
    if sqlstate is None:
        return Unreachable if phase is Phase.CONNECT else "central_error"
    return next((meaning for prefix, meaning in _SQLSTATES if sqlstate.startswith(prefix)), "central_error")


def made(meaning: type[CentralError] | str, detail: str, central: Mapping[str, Any] | None = None) -> CentralError:
    """The error a verdict stands for."""
    if isinstance(meaning, str):
        return Refused(meaning, detail, central)
    return meaning(detail)


def edge_for(dialect: str) -> Edge:
    """The edge of a mapping's dialect. Raises MappingError for one that is not there."""
    edges: dict[str, type[PostgresEdge]] = {"postgresql": PostgresEdge}
    if dialect not in edges:
        raise MappingError([f"mapping.toml: dialect {dialect!r}: use one of {', '.join(edges)}"])
    return edges[dialect]()


class PostgresEdge:
    """PostgreSQL through psycopg2."""

    name = "postgresql"

    # Before the log-in this driver hands on no SQLSTATE: only words tell a wrong password from a dead host.
    _LOGIN = re.compile(
        r"password authentication failed|no password supplied|no pg_hba\.conf entry|role \".*\" does not exist"
        r"|database \".*\" does not exist|permission denied for database|authentication failed",
    )
    _FULL = re.compile(r"too many clients|remaining connection slots|too many connections")

    def connect_args(self, timeouts: Timeouts, zone: ZoneInfo, *, writing: bool) -> dict[str, Any]:
        statement = timeouts.write if writing else timeouts.read
        options = {
            "timezone": zone.key,
            "lock_timeout": f"{timeouts.lock}s",
            "statement_timeout": f"{statement}s",
        }
        if writing:
            # A standby that died in the middle must not hold the hospital's rows.
            options["idle_in_transaction_session_timeout"] = f"{timeouts.write}s"
        return {
            "connect_timeout": timeouts.connect,
            "application_name": APPLICATION_NAME,
            "keepalives_idle": max(5, timeouts.silence // 3),
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": timeouts.silence * 1000,
            "options": " ".join(f"-c {name}={value}" for name, value in options.items()),
        }

    def snapshot_options(self) -> dict[str, Any]:
        return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}

    def pages(self, connection: Connection, sql: str, values: Mapping[str, Any], rows: int) -> Stream:
        return cursor_pages(connection, sql, values, rows)

    def classify(self, error: DBAPIError, phase: Phase, where: str) -> CentralError:
        cause = error.orig
        sqlstate = getattr(cause, "pgcode", None)
        words = str(cause).strip()
        if phase is Phase.CONNECT and sqlstate is None:
            return _connect_error(self, words)
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

    def lock(self, connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": APPLICATION_LOCK})

    def check_constraints_now(self, connection: Connection) -> None:
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))

    def try_statement(self, connection: Connection, step: Step, binds: Mapping[str, Any]) -> None:
        connection.execute(text(f"EXPLAIN {step.sql}"), dict(binds))

    def triggers(self, connection: Connection, tables: Sequence[str]) -> list[str]:
        rows = connection.execute(
            text(
                "SELECT c.relname || '.' || t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
                " WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND c.relname = ANY(:tables) ORDER BY 1"
            ),
            {"tables": [table.lower() for table in tables]},
        )
        return [str(row[0]) for row in rows]


def _connect_error(edge: PostgresEdge, words: str) -> CentralError:
    first = words.splitlines()[0] if words else "no answer"
    if edge._LOGIN.search(words):
        return Systemic(f"log-in refused: {first}")
    return Transient(first) if edge._FULL.search(words) else Unreachable(first)


def _is_connection_error(cause: BaseException | None, words: str) -> bool:
    name = type(cause).__name__
    return name == "InterfaceError" or (name == "OperationalError" and "SSL" not in words) or name == "DatabaseError"


def _without_values(sqlstate: str | None, said: str | None) -> str:
    if not said:
        return ""
    return re.sub(r"\"[^\"]*\"", '"…"', said) if (sqlstate or "").startswith(("22", "P0")) else said
