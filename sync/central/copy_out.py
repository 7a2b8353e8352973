"""PostgreSQL's COPY as a stream of pages: the quickest way out of it, in bounded memory.

The driver pushes rows into a file object; a greenlet turns that into pages which the reader pulls, in one thread.
A second thread would fight for the interpreter's lock at every row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BufferedWriter, RawIOBase
from typing import Any, Final

import psycopg2
from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from sync.central.lines import Lines
from sync.central.pages import Stream, shape_of

_OPEN: Final = "yj_copy"
PAGE_BYTES: Final = 1 << 18


def copy_pages(connection: Connection, sql: str, values: Mapping[str, Any]) -> Stream:
    """The rows of a SELECT as pages of `Lines`. Raises DBAPIError, as every statement does.

    One at a time: the driver would hand the rows of two streams on one connection to whoever asks first.
    """
    if connection.info.get(_OPEN):
        raise RuntimeError("another stream of this connection is not at its end")
    cursor = connection.connection.cursor()
    statement = _with_values(connection, cursor, sql, values)
    with driver_errors(connection, sql):
        # A first load takes as long as it takes; a peer that vanished is noticed by the keep-alives.
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(f"SELECT * FROM ({statement}\n) AS yj_columns LIMIT 0")  # noqa: S608  (the mapping's own statement)
    columns = cursor.description or ()
    flow = _Flow(lambda file: cursor.copy_expert(f"COPY ({statement}\n) TO STDOUT (ENCODING 'UTF8')", file))

    def pages() -> Iterator[Any]:
        with driver_errors(connection, sql):
            while data := flow.next():
                yield Lines(data)

    connection.info[_OPEN] = True

    def close() -> None:
        if connection.closed:
            return
        if not connection.invalidated:
            connection.info[_OPEN] = False
        if flow.unfinished:
            # There is no polite way out of a COPY half read: the connection goes with it.
            connection.invalidate()
        elif not cursor.closed:
            cursor.close()

    return Stream(tuple(str(column[0]).lower() for column in columns), pages(), close, shape_of(columns))


def _with_values(connection: Connection, cursor: Any, sql: str, values: Mapping[str, Any]) -> str:
    """The statement with its binds written out by the driver: COPY takes none."""
    compiled = text(sql).compile(dialect=connection.dialect)
    statement: bytes = cursor.mogrify(str(compiled), compiled.construct_params(dict(values)))
    return statement.decode()


class _Flow(RawIOBase):
    """What the driver writes, handed on a quarter of a megabyte at a time.

    The driver calls with every row; a buffer of the interpreter's own takes those, and only a full one comes here. It
    never cuts a row in two: what does not fit any more begins the next page.
    """

    def __init__(self, copy: Callable[[Any], None]) -> None:
        self._page = b""
        self._given_up = False
        self._reader = getcurrent()
        self._writer = greenlet(lambda: self._run(copy))

    @property
    def unfinished(self) -> bool:
        return bool(self._writer) and not self._writer.dead

    def writable(self) -> bool:
        return True

    def write(self, rows: Any) -> int:
        """Called with a page of rows. A buffer that is thrown away with rows in it calls too: nobody wants those."""
        if not self._given_up:
            self._page = bytes(rows)
            try:
                self._reader.switch()
            # Whatever ends the reader, its own giving-up included: the driver may write once more on its way out.
            except BaseException:
                self._given_up = True
                raise
        return len(rows)

    def next(self) -> bytes:
        """The next page; empty at the end. Raises what the driver raises."""
        self._page = b""
        if not self._writer.dead:
            self._reader = getcurrent()
            self._writer.switch()
        return self._page

    def _run(self, copy: Callable[[Any], None]) -> None:
        try:
            with BufferedWriter(self, PAGE_BYTES) as file:
                copy(file)
        finally:
            self._given_up = True


@contextmanager
def driver_errors(connection: Connection, sql: str) -> Iterator[None]:
    """Errors of the bare driver in SQLAlchemy's clothes, as everything above expects them."""
    try:
        yield
    except psycopg2.Error as error:
        raw = connection.connection.dbapi_connection
        lost = bool(raw is None or getattr(raw, "closed", False))
        kind = IntegrityError if isinstance(error, psycopg2.IntegrityError) else DBAPIError
        raise kind(sql, None, error, hide_parameters=True, connection_invalidated=lost) from None
