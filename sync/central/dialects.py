"""The edges where databases differ: connection settings, what an error means, locks, catalogues.

One file a database in `edges`, imported when a centre of that kind is opened; everything above speaks SQLAlchemy and
the mapping's SQL. What an error means is a table, tested as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from importlib import import_module
from typing import Any, Final, Literal, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from sync.central.gateway import CentralError, OutcomeUnknown, Refused, Systemic, Transient, Unreachable
from sync.central.pages import Stream
from sync.central.sql_file import MappingError, Step

APPLICATION_NAME: Final = "his-yj"
NOT_FOLLOWING: Final = "the copy that the mirror reads follows the centre no longer, and cannot say how old it is"
CHANGED: Final = "yj_changed"
"""In a connection's `info`: how many rows its last statement changed, where the driver's own count is not that."""
APPLICATION_LOCK: Final = 0x594A5501  # one uploader at a time inside the centre, whoever started it

DIALECTS: Final = {"postgresql": "postgres", "mysql": "mariadb", "mariadb": "mariadb", "sqlite": "sqlite",
                   "mssql": "mssql"}  # fmt: skip
"""Dialect of a mapping → its file in `edges`."""

Isolation = Literal["snapshot", "replica", "pages"]
Use = Literal["mirror", "questions", "writing"]
USES: Final[tuple[Use, ...]] = ("mirror", "questions", "writing")


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


@dataclass(frozen=True)
class Session:
    """What a connection is for, and how the hospital wants it.

    `use`: the mirror's long reads (a replica may serve them), short questions to the primary, or writing.
    """

    use: Use
    zone: ZoneInfo
    timeouts: Timeouts = Timeouts()
    isolation: Isolation = "snapshot"
    read_only_intent: bool = True
    char_encoding: str | None = None

    @property
    def writing(self) -> bool:
        return self.use == "writing"

    @property
    def statement_seconds(self) -> int:
        """How long one statement may run."""
        return self.timeouts.write if self.writing else self.timeouts.read


@dataclass(frozen=True)
class Scan:
    """A table that a statement would read from end to end. `rows` is the database's own estimate."""

    table: str
    rows: int


@dataclass(frozen=True)
class Column:
    """A column of the centre's catalogue; `length` in characters, `collation` carries the code page."""

    table: str
    name: str
    type: str
    length: int | None = None
    nullable: bool = True
    collation: str | None = None


@dataclass(frozen=True)
class Routine:
    """A stored procedure or function of the centre; `source` where we may read it."""

    name: str
    source: str | None


class Edge(Protocol):
    """What the gateway must know about one kind of database."""

    name: str
    undoes_ddl: bool
    """Whether a table made in a transaction is gone when that is rolled back."""
    errors_end: bool
    """Whether an error of a statement rolls the transaction back by itself, or dooms it."""
    streams: bool
    """Whether the driver hands on a result while it arrives; where not, the `-- paged` lines of a file are in force."""

    def address(self, url: URL, session: Session) -> URL:
        """The address with what a session of this kind adds to it."""

    def engine_options(self, session: Session) -> dict[str, Any]:
        """Arguments of create_engine: those of the driver's connect, pool, isolation."""

    def attach(self, engine: Engine, session: Session) -> None:
        """Listen for what must be done at every connect or begin."""

    def snapshot(self, connection: Connection, session: Session) -> None:
        """Begin a transaction that reads everything as of one moment (with `pages`: each statement as of its own)."""

    def lag_seconds(self, connection: Connection) -> float | None:
        """How far this server is behind the one it copies; 0 where it copies none, None where it hides it from us.

        One that no longer follows grows older by the minute; Transient where it cannot say by how much.
        """

    def oldest_running(self, connection: Connection) -> datetime | None:
        """When the oldest transaction still running began, by the centre's clock (naive if it has no zone): a row with
        an older change time may still come. None where there is none or it cannot be seen."""

    def row_version_limit(self, connection: Connection) -> int | None:
        """The greatest row version below which nothing can still come; None where the database has no row versions."""

    def pages(self, connection: Connection, sql: str, values: Mapping[str, Any], rows: int) -> Stream:
        """The rows of a SELECT, streamed in pages of about `rows`, in bounded memory where `streams`."""

    def classify(self, error: DBAPIError, phase: Phase, where: str) -> CentralError:
        """What an error of the driver means for a document. The text carries no row values."""

    def is_duplicate(self, error: DBAPIError) -> bool:
        """Whether a unique index refused a row."""

    def read_only(self, connection: Connection) -> None:
        """Make the transaction just begun refuse writes."""

    def lock(self, connection: Connection, seconds: int) -> None:
        """Take the application lock until `unlock`; an error of the driver, or Transient, after about `seconds`."""

    def unlock(self, connection: Connection) -> None:
        """Give the lock back after the transaction, where it does not end with it."""

    def identity(self, connection: Connection) -> str:
        """What no other database answers the same, by whatever address this one is reached."""

    def free_megabytes(self, connection: Connection) -> int | None:
        """Free space where the database lives; None where it does not tell, or not to us."""

    def guard(self, connection: Connection) -> None:
        """Mark the transaction before the steps of a document run, so that `intact` knows it again."""

    def intact(self, connection: Connection) -> bool:
        """Whether the transaction is still the one that `guard` marked, neither committed nor rolled back since."""

    def check_constraints_now(self, connection: Connection) -> None:
        """Let deferred constraints speak before a rehearsal is rolled back."""

    def try_statement(self, connection: Connection, step: Step, binds: Mapping[str, Any]) -> None:
        """Let the database parse, plan and check the grants of a statement without running it."""

    def may_create(self, connection: Connection, tables: Sequence[str]) -> bool | None:
        """Whether the account may make these tables, by what the database says of its rights; None where trying is the
        better answer, because it can be undone (see `undoes_ddl`)."""

    def scans(self, connection: Connection, sql: str, binds: Mapping[str, Any]) -> list[Scan]:
        """The tables this SELECT would read from end to end, by its plan; empty where no plan can be had."""

    def columns(self, connection: Connection, tables: Sequence[str]) -> list[Column]:
        """The columns of these tables, by table and position, in lower case; for the fingerprint and the check."""

    def triggers(self, connection: Connection, tables: Sequence[str]) -> list[str]:
        """Names of the triggers on these tables, as `table.trigger`."""

    def hidden_triggers(self, connection: Connection, tables: Sequence[str]) -> list[str]:
        """Those of these tables whose triggers the account may not see, in lower case."""

    def unique_columns(self, connection: Connection, tables: Sequence[str]) -> set[str]:
        """The columns that a unique index or key keeps unique by themselves, as `table.column` in lower case."""

    def routine(self, connection: Connection, name: str) -> Routine | None:
        """The routine a CALL or EXEC of this name would run; None if it is not there, or not for us."""


# SQLSTATE → what becomes of the document. The first prefix that fits decides; nothing fits: a person decides.
_SQLSTATES: Final[tuple[tuple[str, type[CentralError] | str], ...]] = (
    ("08", Unreachable), ("57P01", Unreachable), ("57P02", Unreachable), ("57P03", Unreachable), ("57P05", Unreachable),
    ("HYT01", Unreachable),
    ("40", Transient), ("55P03", Transient), ("55006", Transient), ("57014", Transient), ("53300", Transient),
    ("25P03", Transient), ("25P04", Transient), ("HYT00", Transient), ("HY008", Transient), ("HY018", Transient),
    ("23", "constraint_violation"), ("44", "constraint_violation"), ("22", "value_not_accepted"),
    ("P0001", "refused_by_centre"), ("45000", "refused_by_centre"),
    ("2D", Systemic), ("28", Systemic), ("3D", Systemic), ("3F", Systemic), ("42", Systemic), ("53", Systemic),
    ("54", Systemic), ("58", Systemic), ("25006", Systemic), ("0A", Systemic), ("F0", Systemic), ("XX", Systemic),
    ("IM", Systemic),
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
    if dialect not in DIALECTS:
        raise MappingError([f"mapping.toml: dialect {dialect!r}: use one of {', '.join(DIALECTS)}"])
    edge: Edge = import_module(f"sync.central.edges.{DIALECTS[dialect]}").EDGE
    return edge
