"""Reading a dataset into a staging table of the run's own connection: streamed, in batches, in bounded memory.

Staging tables are temporary: they vanish with the connection, so a run that dies leaves nothing behind.
"""

# ruff: noqa: S608  (names of tables and columns come from domain.datasets, never from data)

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, text

from fallback_server.domain.datasets import DATASETS, Dataset
from sync.central.gateway import Snapshot
from sync.mirror.normalise import Normaliser, Rejection
from sync.mirror.workspace import transaction

REJECTIONS_KEPT: Final = 500  # a dataset; all are counted

_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(frozen=True)
class Diff:
    """How a staged dataset differs from the mirror, in rows."""

    published: int = 0
    changed: int = 0
    gone: int = 0
    new: int = 0


@dataclass
class Staged:
    """What was read of one dataset. `rejected` counts all rows set aside, `rejections` holds the first of them."""

    dataset: Dataset
    columns: tuple[str, ...]
    read: int = 0
    rejected: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)
    diff: Diff = Diff()

    @property
    def table(self) -> str:
        return staging_table(self.dataset.name)

    def set_aside(self, rejection: Rejection) -> None:
        self.rejected += 1
        self.reasons[rejection.reason] = self.reasons.get(rejection.reason, 0) + 1
        if len(self.rejections) < REJECTIONS_KEPT:
            self.rejections.append(rejection)


def staging_table(dataset: str) -> str:
    """The name of a dataset's staging table."""
    return f"stage_{dataset}"


def diff_table(dataset: str) -> str:
    """The name of the table of differences: id and op, one of u(pdate), d(elete), i(nsert)."""
    return f"diff_{dataset}"


def pull(connection: Connection, snapshot: Snapshot, name: str, binds: Mapping[str, Any]) -> Staged:
    """Read, normalise and stage one dataset. Raises what the snapshot raises; commits the staging as it goes."""
    dataset = DATASETS[name]
    normaliser = Normaliser(dataset)
    staged = Staged(dataset, normaliser.columns)
    with transaction(connection):
        _create(connection, name)
    for batch in snapshot.pages(name, binds):
        good, kept = _normalised(normaliser, batch, staged)
        with transaction(connection):
            _insert(connection, staged.table, normaliser.columns, good)
            _insert(connection, f"{staged.table}_kept", ("id",), kept)
    with transaction(connection):
        _index(connection, staged.table)
    return staged


def _normalised(
    normaliser: Normaliser, batch: Sequence[tuple[Any, ...]], staged: Staged
) -> tuple[list[tuple[Any, ...]], list[tuple[str]]]:
    good: list[tuple[Any, ...]] = []
    kept: list[tuple[str]] = []
    row = normaliser.row
    for source in batch:
        made = row(source)
        if isinstance(made, Rejection):
            staged.set_aside(made)
            if made.row_id is not None:
                kept.append((made.row_id,))
        else:
            good.append(made)
    staged.read += len(batch)
    return good, kept


def _create(connection: Connection, name: str) -> None:
    table = staging_table(name)
    for leftover in (table, f"{table}_kept"):
        connection.execute(text(f"DROP TABLE IF EXISTS {leftover}"))
    connection.execute(text(f"CREATE TEMPORARY TABLE {table} AS SELECT * FROM mirror.{name} WHERE 1 = 0"))
    # Ids of rows that were set aside: their last good version stays in the mirror.
    connection.execute(text(f"CREATE TEMPORARY TABLE {table}_kept (id varchar(32))"))


def _index(connection: Connection, table: str) -> None:
    # Both columns: what differs is then found in the index alone, without a look at the wide rows.
    connection.execute(text(f"CREATE INDEX ix_{table} ON {table} (id, row_hash)"))
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ANALYZE {table}"))


def _insert(connection: Connection, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    if not rows:
        return
    names = ", ".join(columns)
    if connection.dialect.name == "postgresql":
        cursor = connection.connection.cursor()
        cursor.copy_expert(f"COPY {table} ({names}) FROM STDIN", _CopyStream(rows))
        cursor.close()
        return
    marks = ", ".join("?" * len(columns))
    connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", list(rows))


class _CopyStream(io.StringIO):
    """A batch in PostgreSQL's COPY text form."""

    def __init__(self, rows: Sequence[tuple[Any, ...]]) -> None:
        super().__init__("".join(_lines(rows)))


def _lines(rows: Sequence[tuple[Any, ...]]) -> Iterator[str]:
    for row in rows:
        yield "\t".join("\\N" if value is None else str(value).translate(_COPY_ESCAPES) for value in row) + "\n"
