"""Fast loading of many rows: COPY on PostgreSQL, ``executemany`` in batches elsewhere; memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TextIO, cast

from psycopg2.extensions import connection as PsycopgConnection  # noqa: N812 - the driver's name for its class
from sqlalchemy import Table, insert
from sqlalchemy.engine import Connection

Row = tuple[object, ...]
BATCH = 2000
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


class _CopyStream:
    """The text of a COPY, made row by row as the driver reads it."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = iter(rows)
        self._rest = ""
        self.count = 0

    def read(self, size: int = -1) -> str:
        wanted = size if size > 0 else 1 << 16
        parts = [self._rest]
        length = len(self._rest)
        while length < wanted:
            batch = list(islice(self._rows, 200))
            if not batch:
                break
            text = "".join(map(_copy_line, batch))
            self.count += len(batch)
            length += len(text)
            parts.append(text)
        whole = "".join(parts)
        self._rest = whole[wanted:]
        return whole[:wanted]


def _copy_line(row: Row) -> str:
    return "\t".join(["\\N" if value is None else str(value).translate(_ESCAPES) for value in row]) + "\n"


def load(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Insert all rows into the named columns and return how many; the caller's transaction, the caller commits."""
    if connection.dialect.name == "postgresql":
        stream = _CopyStream(rows)
        driver = cast(PsycopgConnection, connection.connection.driver_connection)
        with driver.cursor() as cursor:
            cursor.copy_expert(
                f"COPY {table.name} ({', '.join(columns)}) FROM STDIN", cast(TextIO, stream), size=1 << 16
            )
        return stream.count
    total = 0
    for batch in _batches(iter(rows)):
        connection.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in batch])
        total += len(batch)
    return total


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, BATCH)):
        yield batch
