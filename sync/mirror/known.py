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
        by_byte = ""
        if connection.dialect.name == "postgresql":
            by_byte = ' COLLATE "C"'
            connection.execute(text("SET LOCAL work_mem = '64MB'"))  # or a million hashes are sorted on disk
        rows = connection.execute(
            text(f"SELECT row_hash FROM mirror.{name} ORDER BY row_hash{by_byte}"),  # noqa: S608  (a dataset's name)
            execution_options={"stream_results": True},
        )
        found: array[int] = array("Q")
        while batch := rows.fetchmany(_FETCH):
            found.frombytes(bytes.fromhex("".join([row[0] for row in batch])))
        if sys.byteorder == "little":
            found.byteswap()
        return cls(found)

    def meet(self, digests: Iterable[bytes]) -> tuple[list[bool], list[int]]:
        """Mark what is known. Returns which of them are not, and the places of those met for a second time."""
        hashes, met, doors = self.hashes, self.met, self._doors
        size, unknown, again = len(hashes), [], []
        for place, digest in enumerate(digests):
            value = int.from_bytes(digest, "big")
            door = value >> 48
            at = bisect_left(hashes, value, doors[door], doors[door + 1])
            if at < size and hashes[at] == value:
                if met[at]:
                    again.append(place)
                met[at] = 1
                unknown.append(False)
            else:
                unknown.append(True)
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
