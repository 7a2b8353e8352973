"""What all ODBC drivers share: an error is a SQLSTATE and words; the server's own number stands in the words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from sync.central.pages import Stream, shape_of

# pyodbc ends each diagnostic with "(number) (function of ODBC)"; the first one says what happened.
_NUMBER: Final = re.compile(r"\((-?\d+)\) \(SQL")
_ANY_NUMBER: Final = re.compile(r"\((-?\d+)\)\s*$")
_PREFIX: Final = re.compile(r"(?:\[[^\]]*\]\s*)+")
# Names of things, as the servers quote them; everything else in quotes may be a patient's data.
_NAMED: Final = {
    "constraint": re.compile(r"(?i)(?:constraint|key) ['`\"]([\w.]+)['`\"]"),
    "table": re.compile(r"(?i)(?:(?:table|object|object name) ['\"`]|fail\w* (?:for |\()`[^`]*`\.`)([\w.#]+)['\"`]"),
    "column": re.compile(r"(?i)column ['\"`]([\w.`]+)['\"`]"),
}


def keep_no_pool(engine: Engine) -> None:
    """Connections are kept by SQLAlchemy alone: a pool of the driver manager's would show a look an old log-in."""
    driver: Any = engine.dialect.loaded_dbapi
    driver.pooling = False


def said(error: DBAPIError) -> tuple[str | None, int | None, str]:
    """SQLSTATE, the server's number, and the words of a driver's error."""
    arguments: tuple[Any, ...] = getattr(error.orig, "args", ())
    sqlstate = str(arguments[0]) if arguments and re.fullmatch(r"[0-9A-Z]{5}", str(arguments[0])) else None
    words = str(arguments[1] if len(arguments) > 1 else error.orig)
    number = _NUMBER.search(words) or _ANY_NUMBER.search(words)
    return sqlstate, int(number[1]) if number else None, words


def things(words: str, sqlstate: str | None, number: int | None) -> dict[str, Any]:
    """Names of constraint, table and column in an error's words, and its codes: nothing a patient owns."""
    found = {name: match[1].replace("`", "") for name, pattern in _NAMED.items() if (match := pattern.search(words))}
    codes = {"sqlstate": sqlstate, "number": str(number) if number else None}
    return found | {name: value for name, value in codes.items() if value}


def sentence(where: str, words: str, central: Mapping[str, Any], *, safe: bool) -> str:
    """An error in one line for IT. Words that may quote values are left out; codes and names stay."""
    codes = " ".join(str(central[name]) for name in ("sqlstate", "number") if name in central) or "connection"
    if safe:
        first = _PREFIX.sub("", words, count=1).splitlines()
        return f"{where}: {codes} {_NUMBER.split(first[0])[0].strip() if first else ''}".strip()
    names = ", ".join(f"{name} {central[name]}" for name in ("constraint", "table", "column") if name in central)
    return f"{where}: {codes} {names}".strip()


def driver_pages(connection: Connection, sql: str, values: Mapping[str, Any], rows: int) -> Stream:
    """Straight from the driver's cursor: a Row of SQLAlchemy for every row costs more than the rest of the way."""
    result = connection.execute(text(sql), dict(values), execution_options={"stream_results": True})
    names = tuple(str(name).lower() for name in result.keys())  # noqa: SIM118  (of a result, not of a dict)
    cursor, failures = result.cursor, connection.dialect.loaded_dbapi.Error

    def pages() -> Iterator[list[tuple[Any, ...]]]:
        while cursor is not None:
            try:
                page = cursor.fetchmany(rows)
            except failures as error:
                raise DBAPIError(sql, None, error) from None
            if not page:
                return
            yield list(map(tuple, page))

    return Stream(names, pages(), result.close, shape_of(cursor.description if cursor else None))
