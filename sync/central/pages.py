"""How rows leave a centre's database: pages of tuples, streamed, with the names of their columns known beforehand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection, text

PAGE_ROWS: Final = 2000
PAGE_SECONDS: Final = 2.0  # locks of a page are held no longer than about this
LEAST_ROWS: Final = 100


@dataclass(frozen=True)
class Stream:
    """A query under way: columns in lower case, and its rows page by page. No page is empty; closing twice is fine."""

    names: tuple[str, ...]
    pages: Iterator[list[tuple[Any, ...]]]
    close: Callable[[], None]
    shape: str | None = None  # the columns and their types, one a line, where the driver says them


def cursor_pages(connection: Connection, sql: str, values: Mapping[str, Any], rows: int = PAGE_ROWS) -> Stream:
    """Through the driver's own server-side cursor. Raises what the driver raises, now or at any page."""
    streaming = {"stream_results": True, "max_row_buffer": rows}
    result = connection.execute(text(sql), dict(values), execution_options=streaming)
    names = tuple(str(name).lower() for name in result.keys())  # noqa: SIM118  (of a result, not of a dict)

    def pages() -> Iterator[list[tuple[Any, ...]]]:
        while page := result.fetchmany(rows):
            yield [tuple(row) for row in page]

    return Stream(names, pages(), result.close, shape_of(result.cursor.description if result.cursor else None))


def shape_of(description: Any) -> str | None:
    """What a driver says of its columns, in words that change when a column is widened or becomes another type."""
    if not description:
        return None
    return "\n".join(_column(*column) for column in description)


def _column(name: str, kind: Any, _shown: Any, size: Any, precision: Any, scale: Any, *_rest: Any) -> str:
    said = getattr(kind, "__name__", kind)
    width = "" if size is None and precision is None else f"({size if precision is None else precision},{scale})"
    return str(name).lower() if said is None else f"{str(name).lower()} {said}{width}"


def keyset_pages(
    read: Callable[[Mapping[str, Any]], Stream],
    keys: tuple[str, ...],
    rows: int,
    seconds: Callable[[], float] = time.monotonic,
) -> Stream:
    """One statement a page, each beginning after the last row of the one before: for drivers that keep a whole result,
    and for databases where no long transaction is welcome.

    `read` runs the statement with `page_rows` and `after_<key>` for every key ("" at first), in the order of the keys.
    A page holds `rows` at most, and fewer while the centre is slow.
    """

    def ask(size: int, after: Mapping[str, Any]) -> tuple[Stream, int]:
        begun = seconds()
        stream = _whole(read({"page_rows": size, **after}))
        return stream, next_size(size, seconds() - begun, rows)

    first, then = ask(rows, {f"after_{key}": "" for key in keys})
    places = [first.names.index(key) for key in keys]

    def pages() -> Iterator[list[tuple[Any, ...]]]:
        page, asked, size = [row for part in first.pages for row in part], rows, then
        while page:
            yield page
            if len(page) < asked:
                return
            after = {f"after_{key}": _key(page[-1][place]) for key, place in zip(keys, places, strict=True)}
            asked = size
            stream, size = ask(asked, after)
            page = [row for part in stream.pages for row in part]

    return Stream(first.names, pages(), lambda: None, first.shape)


def next_size(size: int, spent: float, most: int) -> int:
    """How many rows the next page asks for, so that it takes about two seconds: at most twice or half as many."""
    if spent <= 0:  # a clock that was set back says nothing
        return size
    wanted = size * min(2.0, max(0.5, PAGE_SECONDS / spent))
    return min(most, max(LEAST_ROWS, int(wanted)))


def _whole(stream: Stream) -> Stream:
    """A page read to its end and closed, so that nothing is open between two."""
    rows = list(chain.from_iterable(stream.pages))
    stream.close()
    return Stream(stream.names, iter([rows] if rows else []), stream.close, stream.shape)


def _key(value: Any) -> Any:
    return value.rstrip() if isinstance(value, str) else value
