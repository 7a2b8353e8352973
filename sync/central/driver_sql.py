"""Statements handed to the driver as it takes them, worded once: per document they are the same dozen.

SQLAlchemy compiles a statement once too, but finds its wording anew at each execution, which costs about as much as the
centre needs to run it. Errors, events and results are SQLAlchemy's as ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import ClauseElement, Connection, CursorResult, Dialect, text


def execute(connection: Connection, statement: str | ClauseElement, values: Mapping[str, Any]) -> CursorResult[Any]:
    """Run a statement with named binds, SQL text or a constant built once, with at least the values it names.

    Values go to the driver as they are: text, int, bool or None.
    """
    sql, order = _worded(statement, connection.dialect)
    given = tuple(values[name] for name in order) if connection.dialect.positional else {n: values[n] for n in order}
    return connection.exec_driver_sql(sql, given)


@lru_cache(maxsize=1024)
def _worded(statement: str | ClauseElement, dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    """The SQL in the driver's own style, and the names of its parameters, in order where that tells them apart."""
    compiled = (text(statement) if isinstance(statement, str) else statement).compile(dialect=dialect)
    positions: list[str] | None = getattr(compiled, "positiontup", None)
    return str(compiled), tuple(compiled.params if positions is None else positions)
