"""How rows leave a centre's database: pages of tuples, streamed, with the names of their columns known beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, text

PAGE_ROWS: Final = 2000


@dataclass(frozen=True)
class Stream:
    """A query under way: columns in lower case, and its rows page by page. No page is empty; closing twice is fine."""

    names: tuple[str, ...]
    pages: Iterator[list[tuple[Any, ...]]]
    close: Callable[[], None]


def cursor_pages(connection: Connection, sql: str, values: Mapping[str, Any], rows: int = PAGE_ROWS) -> Stream:
    """Through the driver's own server-side cursor. Raises what the driver raises, now or at any page."""
    streaming = {"stream_results": True, "max_row_buffer": rows}
    result = connection.execute(text(sql), dict(values), execution_options=streaming)
    names = tuple(str(name).lower() for name in result.keys())  # noqa: SIM118  (of a result, not of a dict)

    def pages() -> Iterator[list[tuple[Any, ...]]]:
        while page := result.fetchmany(rows):
            yield [tuple(row) for row in page]

    return Stream(names, pages(), result.close)
