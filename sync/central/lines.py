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

    __slots__ = ("_data", "_lines")

    def __init__(self, data: bytes) -> None:
        self._data: bytes | None = data
        self._lines: list[bytes] | None = None

    @classmethod
    def of(cls, lines: list[bytes]) -> Lines:
        """From lines without their line feeds."""
        made = cls(b"")
        made._data, made._lines = None, lines
        return made

    @property
    def data(self) -> bytes:
        """The whole page."""
        if self._data is None:
            self._data = b"\n".join(self._lines) + b"\n" if self._lines else b""
        return self._data

    def split(self) -> list[bytes]:
        """One line a row, without line feeds."""
        if self._lines is not None:
            return self._lines
        return self.data[:-1].split(b"\n") if self.data else []

    def __len__(self) -> int:
        return self.data.count(b"\n") if self._lines is None else len(self._lines)

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
