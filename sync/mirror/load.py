"""A first load: rows straight into a table that nobody reads yet, its indexes made when all rows are there.

Everything happens in the caller's one transaction: until it commits, windows see the table as it was, empty.
SQLite: the table itself, without its indexes meanwhile. PostgreSQL: a table beside it that takes its place at the end,
because dropping an index there would make every reader wait for as long as the load takes.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence

from sqlalchemy import Connection, Index, text
from sqlalchemy.schema import CreateIndex

from fallback_server.domain.datasets import DATASETS, TEXT
from fallback_server.store.mirror import datasets
from fallback_server.store.schema import MIRROR_SCHEMA
from sync.mirror import stage
from sync.mirror.batch import Batch
from sync.mirror.feed import Feed

_BESIDE = "load_"


class Loader:
    """The load of one dataset. `begin`, `add` page by page, `finish`, and at the publish `show`."""

    def __init__(self, connection: Connection, name: str, columns: Sequence[str]) -> None:
        self._connection, self._name, self._columns = connection, name, columns
        self._beside = connection.dialect.name == "postgresql"
        self._table = f"{MIRROR_SCHEMA}.{_BESIDE if self._beside else ''}{name}"
        keys = DATASETS[name].keys
        one_text = len(keys) == 1 and next(c for c in DATASETS[name].columns if c.key).type == TEXT
        self._key = columns.index(keys[0]) if one_text else None
        self.rows = 0
        self.contents = 0
        self.greatest_key: str | None = None

    def start(self) -> None:
        """Make the table ready for rows."""
        if self._beside:
            self._run(f"DROP TABLE IF EXISTS {self._table}")
            # Room in every page: a changed row stays there, and its indexes need not know.
            like = f"LIKE {MIRROR_SCHEMA}.{self._name} INCLUDING DEFAULTS"
            self._run(f"CREATE TABLE {self._table} ({like}) WITH (fillfactor = 90)")
            # Nobody can see the table yet: its rows are as settled as they will ever be.
            self._feed = Feed(self._connection, self._table, self._columns, ", FREEZE")
            return
        for index in self._indexes():
            self._run(f"DROP INDEX {MIRROR_SCHEMA}.{index.name}")

    def add(self, batch: Batch) -> None:
        """Write a page. Raises IntegrityError (now or in `finish`) where a key stands there twice."""
        if self._beside:
            self._feed.write(batch.copy_text() if len(batch) else b"")
        else:
            stage.write(self._connection, self._table, self._columns, batch)
        self.rows += len(batch)
        self.contents += _sum(batch.hashes)
        if self._key is not None and len(batch):
            keys = batch.texts.value(self._key)
            longest = max(map(len, keys))
            best = max(keys if min(map(len, keys)) == longest else [key for key in keys if len(key) == longest])
            if self.greatest_key is None or (longest, best) > (len(self.greatest_key), self.greatest_key):
                self.greatest_key = best

    def finish(self) -> None:
        """Make the indexes."""
        if not self._beside:
            for index in self._indexes():
                self._connection.execute(CreateIndex(index))
            return
        self._feed.close()
        # Sorting a million names in the usual 64 MB goes to disk and back.
        self._run("SET LOCAL maintenance_work_mem = '256MB'")
        keys = ", ".join(DATASETS[self._name].keys)
        self._run(f"ALTER TABLE {self._table} ADD CONSTRAINT {_BESIDE}pk_{self._name} PRIMARY KEY ({keys})")
        for index in self._indexes():
            columns = ", ".join(column.name for column in index.columns)
            unique = "UNIQUE " if index.unique else ""
            self._run(f"CREATE {unique}INDEX {_BESIDE}{index.name} ON {self._table} ({columns})")
        # A rough look is enough until the server's own: at a hundred it costs more than an index.
        self._run("SET LOCAL default_statistics_target = 20")
        self._run(f"ANALYZE {self._table}")

    def abandon(self) -> None:
        """The way out of an error while pages come; the transaction is rolled back after it."""
        if self._beside:
            self._feed.abandon()

    def show(self) -> None:
        """Let the loaded rows be the dataset, within the transaction that publishes them."""
        if not self._beside:
            return
        name = self._name
        self._run(f"DROP TABLE {MIRROR_SCHEMA}.{name}")
        self._run(f"ALTER TABLE {self._table} RENAME TO {name}")
        self._run(f"ALTER TABLE {MIRROR_SCHEMA}.{name} RENAME CONSTRAINT {_BESIDE}pk_{name} TO pk_{name}")
        for index in self._indexes():
            self._run(f"ALTER INDEX {MIRROR_SCHEMA}.{_BESIDE}{index.name} RENAME TO {index.name}")

    def _indexes(self) -> list[Index]:
        return sorted(datasets[self._name].indexes, key=lambda index: str(index.name))

    def _run(self, sql: str) -> None:
        self._connection.execute(text(sql))


def _sum(hashes: Sequence[str]) -> int:
    """A sum does not mind in which order the centre gives its rows. The same as of `int(value, 16)`, sooner."""
    found = array("Q", bytes.fromhex("".join(hashes)))
    if sys.byteorder == "little":
        found.byteswap()
    return sum(found)
