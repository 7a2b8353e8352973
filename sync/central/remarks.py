"""What one kind of database lets go wrong that another cannot: the part of the check that knows their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, text

from sync.central.dialects import Column
from sync.central.finding import Finding
from sync.central.options import MappingFile

Look = Callable[[Connection, MappingFile, Sequence[str]], Iterator[Finding]]

# The beginning of a collation's name → the code page of its CHAR columns; None: every character.
_PAGES: Final[dict[str, tuple[tuple[str, str | None], ...]]] = {
    "mssql": (("Chinese_PRC", "gbk"), ("Chinese_Simplified", "gbk"), ("Chinese_Taiwan", "big5"),
              ("Chinese_Traditional", "big5"), ("Latin1_", "cp1252"), ("SQL_Latin1", "cp1252")),
    "mariadb": (("utf8mb4", None), ("gb18030", None), ("gbk", "gbk"), ("gb2312", "gb2312"), ("big5", "big5"),
                ("latin1", "cp1252"), ("utf8mb3", "utf8mb3"), ("utf8", "utf8mb3")),
}  # fmt: skip


def code_page_of(dialect: str, collation: str) -> str | None:
    """What a CHAR column of this collation can hold; `unknown` where nobody told us. `utf8mb3` is the BMP."""
    if dialect == "mssql" and collation.upper().endswith("_UTF8"):
        return None
    pages = _PAGES.get(dialect, ())
    return next((page for start, page in pages if collation.lower().startswith(start.lower())), "unknown")


def text_findings(dialect: str, options: MappingFile, columns: Sequence[Column]) -> Iterator[Finding]:
    """Collations and code pages of the touched tables, against what mapping.toml says of them."""
    own = [column for column in columns if column.collation]
    if not own or dialect not in _PAGES:
        return
    collations = sorted({str(column.collation) for column in own})
    expected = options.text.collation
    others = [name for name in collations if expected and name != expected]
    if others:
        yield Finding(
            "warn", "collation", f"besides {expected} there are {', '.join(others)}",
            "columns of two collations cannot be compared without COLLATE; mend the SQL or [text] collation",
        )  # fmt: skip
    else:
        yield Finding("ok", "collation", ", ".join(collations))
    yield from _code_page_findings(dialect, options, own)


def _code_page_findings(dialect: str, options: MappingFile, columns: Sequence[Column]) -> Iterator[Finding]:
    narrow = [c for c in columns if not (dialect == "mssql" and c.type.startswith("n"))]
    pages = {page for c in narrow if (page := code_page_of(dialect, str(c.collation))) is not None}
    if not pages:
        yield Finding("ok", "code page", "the text columns hold every character")
    elif options.text.code_page is None:
        first = next(c for c in narrow if code_page_of(dialect, str(c.collation)) in pages)
        yield Finding(
            "warn", "code page", f"text columns hold {', '.join(sorted(pages))} alone, as {first.table}.{first.name}",
            f'say [text] code_page = "{min(pages)}" and name the binds that go to N-columns in unicode, so that other'
            " characters are refused instead of becoming question marks",
        )  # fmt: skip
    else:
        yield Finding(
            "ok", "code page", f"{', '.join(sorted(pages))}; text outside {options.text.code_page} is refused"
        )


def remarks(dialect: str, connection: Connection, options: MappingFile, tables: Sequence[str]) -> Iterator[Finding]:
    """What is particular to this kind of database."""
    look = _LOOKS.get(dialect)
    if look is not None:
        yield from look(connection, options, tables)


def _postgres(connection: Connection, options: MappingFile, tables: Sequence[str]) -> Iterator[Finding]:
    encoding = str(connection.execute(text("SHOW server_encoding")).scalar())
    if encoding.upper() != "UTF8":
        yield Finding(
            "warn", "code page", f"the database's encoding is {encoding}",
            'say [text] code_page, so that other characters are refused instead of stopping the document with an error',
        )  # fmt: skip


def _mariadb(connection: Connection, options: MappingFile, tables: Sequence[str]) -> Iterator[Finding]:
    asked = text(
        "SELECT lower(table_name), engine FROM information_schema.tables WHERE table_schema = database()"
        " AND lower(table_name) IN :tables AND engine <> 'InnoDB' AND table_type = 'BASE TABLE'"
    ).bindparams(bindparam("tables", expanding=True))
    wanted = [*(table.lower() for table in tables), "yj_ledger", "yj_incident"]
    for table, engine in connection.execute(asked, {"tables": wanted}):
        yield Finding(
            "fail", f"table {table}", f"is kept by {engine}, which has no transactions",
            f"ALTER TABLE {table} ENGINE = InnoDB; until then a document can arrive in part",
        )  # fmt: skip
    if str(connection.execute(text("SELECT @@binlog_format")).scalar()).upper() == "STATEMENT":
        yield Finding(
            "fail", "binlog_format", "is STATEMENT, with which the server refuses to write READ COMMITTED",
            "SET GLOBAL binlog_format = 'MIXED' (or ROW)",
        )  # fmt: skip


def _sqlite(connection: Connection, options: MappingFile, tables: Sequence[str]) -> Iterator[Finding]:
    mode = str(connection.execute(text("PRAGMA journal_mode")).scalar())
    if mode.lower() != "wal":
        yield Finding(
            "warn", "journal_mode", f"is {mode}: while the mirror reads, the centre's own writers wait",
            "PRAGMA journal_mode = WAL",
        )  # fmt: skip


def _mssql(connection: Connection, options: MappingFile, tables: Sequence[str]) -> Iterator[Finding]:
    state = connection.execute(
        text(
            "SELECT compatibility_level, snapshot_isolation_state, is_read_committed_snapshot_on"
            " FROM sys.databases WHERE name = db_name()"
        )
    ).first()
    if state is None:
        return
    level, snapshots, versions = (int(value) for value in state)
    yield Finding("ok", "compatibility level", f"{level}; the reference mapping needs 100")
    if options.read.isolation == "snapshot" and snapshots != 1:
        yield Finding(
            "fail", "snapshot", "the database does not allow SNAPSHOT isolation",
            "ALTER DATABASE … SET ALLOW_SNAPSHOT_ISOLATION ON (rows get versions in tempdb), or say"
            ' [read] isolation = "replica" for a readable secondary or a restored copy, or "pages"',
        )  # fmt: skip
    if options.read.isolation == "pages" and not versions:
        yield Finding(
            "warn", "pages", "readers and writers wait for one another here, for [read] lock_timeout at most",
            "READ_COMMITTED_SNAPSHOT ON would end that; it changes what the HIS itself sees: ask the vendor",
        )  # fmt: skip


_LOOKS: Final[dict[str, Look]] = {
    "postgresql": _postgres, "mariadb": _mariadb, "sqlite": _sqlite, "mssql": _mssql,
}  # fmt: skip
