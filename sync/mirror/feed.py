"""One COPY into PostgreSQL that takes pages as they come: the server stores one while the next is being made.

The driver pulls from a file object; a greenlet turns that into pages that are pushed, in one thread. See
`sync.central.copy_out` for the other direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sync.central.copy_out import driver_errors


class Feed:
    """A COPY that is open from the first page to `close`; no other statement fits on its connection meanwhile.

    `write` and `close` raise DBAPIError; after that, and after `abandon`, the transaction can only be rolled back.
    """

    def __init__(self, connection: Connection, table: str, columns: Sequence[str], options: str = "") -> None:
        self._connection = connection
        self._statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN WITH (ENCODING 'UTF8'{options})"
        self._page, self._taken = b"", False
        self._writer = greenlet(self._copy)
        self._reader = getcurrent()

    def write(self, data: bytes) -> None:
        """A page of COPY text."""
        if data:
            self._hand_over(data)

    def close(self) -> None:
        """No more pages: returns when the server has taken all rows."""
        self._hand_over(b"")

    def abandon(self) -> None:
        """Give up: the server forgets the rows. For the way out of an error, so it raises none of its own."""
        if self._writer.dead or not self._writer:
            return
        with suppress(DBAPIError, _GivenUpError):
            self._writer.throw(_GivenUpError)

    def _hand_over(self, data: bytes) -> None:
        if self._writer.dead:
            raise RuntimeError("this COPY is at its end")
        self._page, self._reader = data, getcurrent()
        self._writer.switch()

    def _copy(self) -> None:
        with driver_errors(self._connection, self._statement):
            cursor: Any = self._connection.connection.cursor()
            cursor.copy_expert(self._statement, self)
            cursor.close()

    def read(self, _size: int) -> bytes:
        """Called by the driver, which takes whatever it is given. Empty: the end."""
        if self._taken:
            self._reader.switch()  # back when there is another page
        self._taken = True
        return self._page


class _GivenUpError(Exception):
    """Ends a COPY half way."""
