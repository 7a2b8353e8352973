"""The hashes of the rows that are published, in eight bytes a row, and which of them a read of everything met again."""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import Connection, text

_FETCH: Final = 20_000


class Known:
    """A sorted array of 64-bit hashes with a mark each. Nine bytes a row, whatever the rows hold."""

    def __init__(self, hashes: array[int]) -> None:
        self.hashes = hashes
        self.met = bytearray(len(hashes))
        self._doors = _doors(hashes)

    @classmethod
    def of(cls, connection: Connection, name: str) -> Known:
        """Those of a published dataset. Call inside a transaction."""
        found: array[int] = array("Q")
        for part in _sorted(connection, name):
            found.frombytes(bytes.fromhex(part))
        return cls(_swapped(found))

    def meet(self, digests: Iterable[bytes]) -> tuple[list[bool], list[int]]:
        """Mark what is known. Returns which of them are not, and the places of those met for a second time."""
        values = _swapped(array("Q", b"".join(digests)))
        hashes, met, doors = self.hashes, self.met, self._doors
        last = len(hashes) - 1
        if last < 0:
            return [True] * len(values), []
        spots = [bisect_left(hashes, value, doors[value >> 48], doors[(value >> 48) + 1]) for value in values]
        # Behind the last there is nothing to compare with; the last itself is smaller.
        unknown = [hashes[at if at < last else last] != value for at, value in zip(spots, values, strict=True)]
        again = []
        for place, at in enumerate(spots):
            if not unknown[place]:
                if met[at]:
                    again.append(place)
                met[at] = 1
        return unknown, again

    def unmet(self) -> Iterator[str]:
        """The hashes of published rows that were not there any more, as the mirror writes them."""
        at = self.met.find(0)
        while at >= 0:
            yield f"{self.hashes[at]:016x}"
            at = self.met.find(0, at + 1)


def _doors(hashes: array[int]) -> array[int]:
    """Where the hashes with each first sixteen bits begin: a search then looks at a handful."""
    return array("L", [bisect_left(hashes, first << 48) for first in range(1 << 16)] + [len(hashes)])


def _swapped(found: array[int]) -> array[int]:
    """Big-endian bytes as numbers: their order is that of the text."""
    if sys.byteorder == "little":
        found.byteswap()
    return found


def _sorted(connection: Connection, name: str) -> Iterator[str]:
    """All hashes of a dataset in their order, many in a piece."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL work_mem = '64MB'"))  # or a million hashes are sorted on disk
        # A row of the answer for each first byte: a million rows would cost more than what is done with them.
        door = 'left(row_hash, 2) COLLATE "C"'
        one = f"SELECT string_agg(row_hash, '' ORDER BY row_hash COLLATE \"C\") FROM mirror.{name}"  # noqa: S608
        sql = f"{one} GROUP BY {door} ORDER BY {door}"
    else:
        sql = f"SELECT row_hash FROM mirror.{name} ORDER BY row_hash"  # noqa: S608  (a dataset's name)
    rows = connection.execute(text(sql), execution_options={"stream_results": True})
    while batch := rows.fetchmany(_FETCH if connection.dialect.name != "postgresql" else 16):
        yield "".join([row[0] for row in batch])
