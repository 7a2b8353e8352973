"""Where no snapshot is to be had (`[read] isolation = "pages"`), heads and lines are of slightly different moments.

Lines are read before their heads: whatever line was there has its head by then. What does not fit together all the same
(a line without head, a new head without lines or with another total) is read once more; what then does not fit only
now was written while we read, and stays as it last was, until the next run.
"""

# ruff: noqa: S608  (names of tables and columns come from domain.datasets, never from data)

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection, text

from fallback_server.domain.datasets import DATASETS
from sync.mirror.pull import Staged
from sync.mirror.workspace import transaction


def children_first(names: Iterable[str]) -> list[str]:
    """The same datasets, lines before their heads."""
    return sorted(names, key=lambda name: DATASETS[name].parent is None)


def read_again(connection: Connection, staged: Sequence[Staged], read: Callable[[str], Staged]) -> list[Staged]:
    """Read families of which something does not fit together once more with `read`; returns all that counts now."""
    now = {each.dataset.name: each for each in staged}
    for lines in staged:
        head = now.get(lines.dataset.parent or "")
        if head is None:
            continue
        before = _misfits(connection, head, lines)
        if not before:
            continue
        for name in (lines.dataset.name, head.dataset.name):
            now[name] = read(name)
        again = now[lines.dataset.name]
        # What fitted a moment ago and does not now is being written. What never fits is the centre's own matter.
        again.torn |= _misfits(connection, now[head.dataset.name], again) - before
    return list(now.values())


def _misfits(connection: Connection, head: Staged, lines: Staged) -> set[str]:
    """Keys of heads that do not fit their lines, of those that are not published just so already."""
    key, heads, parts = head.dataset.keys[0], head.table, lines.table
    lonely = f"SELECT DISTINCT s.{key} FROM {parts} s WHERE s.{key} NOT IN (SELECT h.{key} FROM {heads} h)"
    sums = f"SELECT s.{key}, sum(s.amount) AS total FROM {parts} s GROUP BY s.{key}"
    short = (
        f"SELECT h.{key} FROM {heads} h LEFT JOIN ({sums}) l ON l.{key} = h.{key}"
        f" LEFT JOIN mirror.{head.dataset.name} d ON d.id = h.id AND d.row_hash = h.row_hash"
        f" WHERE d.id IS NULL AND (l.{key} IS NULL OR l.total <> h.total)"
    )
    with transaction(connection):
        found = {str(one) for sql in (lonely, short) for one in connection.execute(text(sql)).scalars()}
    # What was set aside for a reason of its own takes its family along anyway.
    return found - {rejection.row_key for rejection in head.rejections} - lines.torn
