"""One consistent read of a real centre: every dataset as of one moment, in pages of tuples."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection

from fallback_server.domain.datasets import DATASETS
from sync.central.binds import Binds
from sync.central.dialects import Edge, Session
from sync.central.gateway import ColumnMissing, DatasetHints, Row
from sync.central.pages import Stream, keyset_pages
from sync.central.sql_file import Step

Errors = Callable[[str], AbstractContextManager[None]]
Change = Callable[[Sequence[Any]], tuple[Any, ...]]
PAGE_ROWS = 5000


@dataclass(frozen=True)
class SqlSnapshot:
    """See `gateway.Snapshot`. `step` finds a dataset's SELECT, `errors` turns the driver's errors into the port's."""

    connection: Connection
    edge: Edge
    as_of: datetime
    step: Callable[[str], Step]
    binds: Callable[[Row], Binds]
    hints: Callable[[str], DatasetHints]
    errors: Errors
    session: Session
    convert: Callable[[str], Change | None]
    page_rows: int = PAGE_ROWS
    oldest_running: datetime | None = None
    row_version_limit: int | None = None
    shapes: dict[str, str | None] = field(default_factory=dict)

    streams: list[Stream] = field(default_factory=list)

    def close(self) -> None:
        """End what is still being read: an exception may leave a stream open, and its connection goes to another."""
        for stream in self.streams:
            stream.close()
        self.streams.clear()

    @property
    def one_moment(self) -> bool:
        return self.session.isolation != "pages"

    def shape(self, dataset: str) -> str | None:
        return self.shapes.get(dataset)

    def pages(
        self, dataset: str, binds: Row | None = None, *, changed: bool = False
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        where = f"mirror/{dataset}.sql"
        step = self.step(dataset)
        if changed:
            step = step.only_changed()
        with self.errors(where):
            stream = self._stream(dataset, step, binds or {})
        self.shapes[dataset] = stream.shape
        self.streams.append(stream)
        try:
            order = _picker(where, stream, self._wanted(dataset), DATASETS[dataset].optional)
            pick = _both(order, self.convert(dataset))
            yield from self._read(where, stream, pick)
        finally:
            stream.close()
            if stream in self.streams:
                self.streams.remove(stream)

    def rows(self, dataset: str, binds: Row | None = None) -> Iterator[Row]:
        names = self._wanted(dataset)
        for page in self.pages(dataset, binds):
            for row in page:
                yield dict(zip(names, row, strict=True))

    def _stream(self, dataset: str, step: Step, binds: Row) -> Stream:
        if step.paged is None or (self.edge.streams and self.session.isolation != "pages"):
            values = self.binds(binds).of(step)
            return self.edge.pages(self.connection, step.sql, values, self.page_rows)
        one = step.by_pages()

        def read(page: Row) -> Stream:
            if self.session.isolation == "pages":
                self.connection.rollback()  # a page is a transaction of its own: nothing is held between two
            values = self.binds({**binds, **page}).of(one)
            return self.edge.pages(self.connection, one.sql, values, self.page_rows)

        return keyset_pages(read, DATASETS[dataset].keys, self.page_rows)

    def _wanted(self, dataset: str) -> tuple[str, ...]:
        watermark = self.hints(dataset).watermark
        return (*DATASETS[dataset].names, *((watermark,) if watermark else ()))

    def _read(self, where: str, stream: Stream, pick: Change | None) -> Iterator[Sequence[tuple[Any, ...]]]:
        while True:
            with self.errors(where):
                page = next(stream.pages, None)
            if page is None:
                return
            yield page if pick is None else list(map(pick, page))


def _both(first: Change | None, then: Change | None) -> Change | None:
    if first is None or then is None:
        return first or then
    return lambda row: then(first(row))


def _picker(where: str, stream: Stream, wanted: tuple[str, ...], optional: Collection[str]) -> Change | None:
    """What brings a row into our order; None if it has that order already. Optional columns left out become NULL."""
    if stream.names == wanted:
        return None
    absent = [name for name in wanted if name not in stream.names]
    missing = [name for name in absent if name not in optional]
    if missing:
        raise ColumnMissing(f"{where}: the columns {', '.join(missing)} are missing")
    places = [-1 if name in absent else stream.names.index(name) for name in wanted]
    if absent:
        return lambda row: tuple(None if place < 0 else row[place] for place in places)
    return itemgetter(*places) if len(places) > 1 else lambda row: (row[places[0]],)
