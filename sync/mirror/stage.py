"""Temporary tables of the run's own connection: what was read and differs, until it is published or forgotten.

They vanish with the connection, so a run that dies leaves nothing behind.
"""

# ruff: noqa: S608  (names of tables and columns come from domain.datasets, never from data)

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, text

from sync.central.copy_out import driver_errors
from sync.mirror.batch import Batch
from sync.mirror.normalise import copy_text


def staging_table(dataset: str) -> str:
    """The name of a dataset's staging table."""
    return f"stage_{dataset}"


def diff_table(dataset: str) -> str:
    """The name of the table of differences: id and op, one of u(pdate), d(elete), i(nsert)."""
    return f"diff_{dataset}"


def gone_table(dataset: str) -> str:
    """The name of the table of row hashes that a read of everything did not meet again."""
    return f"gone_{dataset}"


def create(connection: Connection, name: str) -> None:
    """Empty staging tables for a dataset; what an earlier attempt left is dropped."""
    table = staging_table(name)
    for leftover in (table, f"{table}_kept", gone_table(name)):
        connection.execute(text(f"DROP TABLE IF EXISTS {leftover}"))
    connection.execute(text(f"CREATE TEMPORARY TABLE {table} AS SELECT * FROM mirror.{name} WHERE 1 = 0"))
    # Ids of rows that were set aside: their last good version stays in the mirror.
    connection.execute(text(f"CREATE TEMPORARY TABLE {table}_kept (id varchar(32))"))
    connection.execute(text(f"CREATE TEMPORARY TABLE {gone_table(name)} (row_hash varchar(16) PRIMARY KEY)"))


def index(connection: Connection, name: str) -> None:
    """Make the staged rows quick to find, once all are there."""
    table = staging_table(name)
    # Both columns: what differs is then found in the index alone, without a look at the wide rows.
    connection.execute(text(f"CREATE INDEX ix_{table} ON {table} (id, row_hash)"))
    if connection.dialect.name == "postgresql":
        for each in (table, f"{table}_kept", gone_table(name)):
            connection.execute(text(f"ANALYZE {each}"))


def add(connection: Connection, name: str, columns: Sequence[str], batch: Batch) -> None:
    """Stage a page: its rows, and the ids of those that were set aside."""
    write(connection, staging_table(name), columns, batch)
    kept = [(rejection.row_id,) for rejection in batch.rejections if rejection.row_id is not None]
    _rows(connection, f"{staging_table(name)}_kept", ("id",), kept)


def add_gone(connection: Connection, name: str, hashes: Iterable[str]) -> None:
    """Note which published rows were not met again."""
    _rows(connection, gone_table(name), ("row_hash",), [(value,) for value in hashes])


def write(connection: Connection, table: str, columns: Sequence[str], batch: Batch) -> None:
    """Insert a batch in the quickest way its database has."""
    if not len(batch):
        return
    if connection.dialect.name == "postgresql":
        _copy_in(connection, table, columns, batch.copy_text())
    else:
        _many(connection, table, columns, list(batch.rows()))


def _rows(connection: Connection, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        data = "".join("\t".join(map(copy_text, row)) + "\n" for row in rows)
        _copy_in(connection, table, columns, data.encode())
    else:
        _many(connection, table, columns, rows)


def _many(connection: Connection, table: str, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> None:
    marks = ", ".join("?" * len(columns))
    # A list of tuples takes the driver's quick path, and nothing looks at each row on the way there.
    connection.exec_driver_sql(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)


def _copy_in(connection: Connection, table: str, columns: Sequence[str], data: bytes) -> None:
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (ENCODING 'UTF8')"
    cursor: Any = connection.connection.cursor()
    with driver_errors(connection, statement):
        cursor.copy_expert(statement, io.BytesIO(data))
    cursor.close()
