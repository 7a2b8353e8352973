"""A page of normalised rows: their canonical lines, what we make for each, and their values where somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from typing import Any, Final

from sync.central.lines import NULL
from sync.mirror.normalise import Rejection, copy_text

_ESCAPED: Final = ("\\", "\t", "\n", "\r")


@dataclass(frozen=True)
class Texts:
    """The dataset's columns as they were read, and what differs from that.

    `odd` holds the rows that the row rules made, by place; where `nulls` says so, NULL stands there as its mark.
    """

    columns: Sequence[list[Any]]
    nulls: Sequence[bool]
    odd: Mapping[int, Sequence[Any]] = field(default_factory=dict)

    def values(self) -> list[list[Any]]:
        """The columns as the mirror keeps them."""
        return [self.value(place) for place in range(len(self.columns))]

    def value(self, place: int) -> list[Any]:
        """One of them."""
        column = self.columns[place]
        if self.nulls[place]:
            column = [None if value == NULL else value for value in column]
        elif self.odd:
            column = column.copy()
        for number, row in self.odd.items():
            column[number] = row[place]
        return column


@dataclass
class Batch:
    """Normalised rows in the order of `Normaliser.columns`: the dataset's own, then id, hash and search columns.

    `lines` are the canonical lines, COPY text without the columns we made. `filled`: a column of the dataset holds
    more than its line, a search code we made.
    """

    texts: Texts
    lines: list[bytes]
    ids: list[str]
    hashes: list[str]
    search: list[list[Any]]
    rejections: list[Rejection] = field(default_factory=list)
    filled: bool = False

    def __len__(self) -> int:
        return len(self.lines)

    @cached_property
    def columns(self) -> list[list[Any]]:
        """All columns as values. Who writes text has no need of them."""
        return [*self.texts.values(), self.ids, self.hashes, *self.search]

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows as tuples."""
        return zip(*self.columns, strict=True)

    def only(self, wanted: Sequence[bool]) -> Batch:
        """The rows for which `wanted` holds."""
        width = len(self.texts.columns)
        own, made = self.columns[:width], [self.ids, self.hashes, *self.search]
        kept = [list(compress(column, wanted)) for column in own]
        ids, hashes, *search = (list(compress(column, wanted)) for column in made)
        lines = list(compress(self.lines, wanted))
        return Batch(plain(kept), lines, ids, hashes, search, self.rejections, self.filled)

    def copy_text(self) -> bytes:
        """The rows as COPY text. The canonical lines are that already; what we made for each stands behind them."""
        made = [self.ids, self.hashes, *map(self._copied, self.search)]
        if self.filled:
            made = [list(map(copy_text, column)) for column in self.columns]
            return ("\n".join(map("\t".join, zip(*made, strict=True))) + "\n").encode()
        tails = "\n".join(map("\t".join, zip(*made, strict=True))).encode().split(b"\n")
        return b"\n".join(map(b"\t".join, zip(self.lines, tails, strict=True))) + b"\n"

    def _copied(self, column: list[Any]) -> list[str]:
        text = "".join(filter(None, column))
        if any(mark in text for mark in _ESCAPED):
            return list(map(copy_text, column))
        return [NULL if value is None else value for value in column] if None in column else column


def plain(columns: Sequence[list[Any]]) -> Texts:
    """Columns that are values already."""
    return Texts(columns, [False] * len(columns))
