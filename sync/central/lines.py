"""A page of rows as the text a database sends for COPY: one line a row, a tab between columns, NULL as a mark.

It reads like any other page of tuples, but who is in a hurry takes the bytes: hashing a line needs no columns at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, overload

NULL: Final = "\\N"
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_MEANING: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Lines(Sequence[tuple[Any, ...]]):
    """Rows in COPY text form. `data` is UTF-8 and ends with a line feed; every line has the same number of columns."""

    __slots__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data

    def split(self) -> list[bytes]:
        """One line a row, without line feeds."""
        return self.data[:-1].split(b"\n") if self.data else []

    def __len__(self) -> int:
        return self.data.count(b"\n")

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return map(values, self.split())

    @overload
    def __getitem__(self, index: int) -> tuple[Any, ...]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[tuple[Any, ...]]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if index == 0 and self.data:
            return values(self.data[: self.data.index(b"\n")])
        found = self.split()[index]
        return list(map(values, found)) if isinstance(found, list) else values(found)


def values(line: bytes) -> tuple[str | None, ...]:
    """The values of one line. Raises UnicodeDecodeError for bytes that are no text."""
    fields = line.decode().split("\t")
    return tuple(None if field == NULL else _plain(field) for field in fields)


def escaped(text: str) -> str:
    """A value in COPY text form."""
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if "\t" in text or "\n" in text or "\r" in text:
        text = text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return text


def _plain(field: str) -> str:
    return _ESCAPE.sub(lambda found: _MEANING.get(found[1], found[1]), field) if "\\" in field else field
