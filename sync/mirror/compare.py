"""What differs between what was read and what is published: found once, in SQL, before anything is judged."""

# ruff: noqa: S608  (names of tables and columns come from domain.datasets, never from data)

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, text

from sync.mirror.normalise import Rejection
from sync.mirror.pull import Diff, Staged
from sync.mirror.stage import diff_table, gone_table, staging_table

_BATCH: Final = 2000


def set_families_aside(connection: Connection, staged: Iterable[Staged]) -> None:
    """A prescription or an order and its lines are one thing: what is set aside of it takes the rest along.

    Otherwise a head would stand there with fewer lines than its total, and be charged so. The last good version stays,
    all of it. Call before `compare`.
    """
    by_name = {each.dataset.name: each for each in staged}
    for lines in by_name.values():
        head = by_name.get(lines.dataset.parent or "")
        if head is not None and lines.loaded is None and head.loaded is None:
            _set_incomplete_aside(connection, head, lines)
            _set_orphans_aside(connection, head, lines)


def _set_incomplete_aside(connection: Connection, head: Staged, lines: Staged) -> None:
    """Heads of which a line was set aside."""
    key, stage = head.dataset.keys[0], head.table
    for found in sorted(lines.torn):
        at = connection.execute(text(f"SELECT id FROM {stage} WHERE {key} = :key"), {"key": found}).scalar()
        if at is None:
            continue
        head.set_aside(Rejection(head.dataset.name, found, "incomplete", f"a row of {lines.dataset.name}"))
        connection.execute(text(f"INSERT INTO {stage}_kept (id) VALUES (:id)"), {"id": at})
        connection.execute(text(f"DELETE FROM {stage} WHERE id = :id"), {"id": at})


def _set_orphans_aside(connection: Connection, head: Staged, lines: Staged) -> None:
    """Lines whose head was not read, or was set aside; what is published of a head that stays, stays with it."""
    key, name = head.dataset.keys[0], lines.dataset.name
    # NOT IN, not NOT EXISTS: SQLite then looks every line up in one list instead of searching the heads for each.
    lonely = f"s.{key} NOT IN (SELECT p.{key} FROM {head.table} p)"
    rows = connection.execute(text(f"SELECT {_shown(lines)} FROM {lines.table} s WHERE {lonely}"))
    _note(lines, rows.scalars(), "orphan", f"no {head.dataset.name}")
    connection.execute(text(f"DELETE FROM {lines.table} AS s WHERE {lonely}"))
    # A line that was set aside took its head along, if there is one still: without a head it goes as the head does.
    connection.execute(text(f"DELETE FROM {lines.table}_kept"))
    standing = f"SELECT h.{key} FROM mirror.{head.dataset.name} h WHERE h.id IN (SELECT id FROM {head.table}_kept)"
    connection.execute(
        text(f"INSERT INTO {lines.table}_kept (id) SELECT d.id FROM mirror.{name} d WHERE d.{key} IN ({standing})")
    )


def _shown(staged: Staged, of: str = "{name}") -> str:
    """SQL for a row's key as people see it."""
    names = (of.format(name=name) for name in staged.dataset.keys)
    return " || '/' || ".join(f"CAST({name} AS varchar(64))" for name in names)


def _note(staged: Staged, keys: Iterable[Any], reason: str, detail: str) -> None:
    for key in keys:
        staged.set_aside(Rejection(staged.dataset.name, str(key), reason, detail))


def set_duplicates_aside(connection: Connection, staged: Staged) -> None:
    """Note every key that stands there twice and keep one row of it, the same in whichever order they came.

    A run with duplicates is held; the rows kept are what is published if a person approves it.
    """
    if staged.loaded is not None:
        return
    twice = f"SELECT id FROM {staged.table} GROUP BY id HAVING count(*) > 1"
    found = connection.execute(
        text(
            f"SELECT {_shown(staged, 'min({name})')}, count(*) FROM {staged.table} WHERE id IN ({twice})"
            " GROUP BY id ORDER BY 1"
        )
    ).all()
    for key, count in found:
        for _ in range(count - 1):
            staged.set_aside(Rejection(staged.dataset.name, str(key), "duplicate_key", f"{count} rows"))
    if not found:
        return
    place = "ctid" if connection.dialect.name == "postgresql" else "rowid"
    connection.execute(
        text(
            f"DELETE FROM {staged.table} AS s WHERE EXISTS (SELECT 1 FROM {staged.table} o WHERE o.id = s.id"
            f" AND (o.row_hash < s.row_hash OR (o.row_hash = s.row_hash AND o.{place} < s.{place})))"
        )
    )


def compare(connection: Connection, staged: Staged, published: int) -> None:
    """Find once what differs from the mirror, which has `published` rows of it; sets `staged.diff`."""
    if staged.loaded is not None:
        return
    name, table = staged.dataset.name, diff_table(staged.dataset.name)
    connection.execute(text(f"DROP TABLE IF EXISTS {table}"))
    if staged.how == "sweep":
        _set_known_aside(connection, staged)
    queries = {"full": _full, "sweep": _sweep, "changed": _changed}[staged.how](name)
    # The first rows are all new; they are not worth a list of their own.
    found = " UNION ALL ".join(queries) if published else f"{queries[0]} AND 1 = 0"
    connection.execute(text(f"CREATE TEMPORARY TABLE {table} AS {found}"))
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ANALYZE {table}"))  # a short list is then looked up, not joined with every row
    counted = connection.execute(text(f"SELECT op, count(*) FROM {table} GROUP BY op")).all()
    counts = {str(row[0]): int(row[1]) for row in counted}
    if not published:
        counts["i"] = int(connection.execute(text(f"SELECT count(*) FROM {staged.table}")).scalar_one())
    staged.diff = Diff(published, counts.get("u", 0), counts.get("d", 0), counts.get("i", 0))


def _full(name: str) -> list[str]:
    """Everything is staged. CROSS JOIN keeps SQLite on one pass over the wide rows; ids are looked up in the index."""
    stage = staging_table(name)
    return [
        f"SELECT d.id, 'u' AS op FROM mirror.{name} d CROSS JOIN {stage} s"
        " WHERE s.id = d.id AND s.row_hash <> d.row_hash",
        f"SELECT d.id, 'd' FROM mirror.{name} d WHERE NOT EXISTS (SELECT 1 FROM {stage} s WHERE s.id = d.id)"
        f" AND NOT EXISTS (SELECT 1 FROM {stage}_kept k WHERE k.id = d.id)",
        f"SELECT s.id, 'i' FROM {stage} s WHERE NOT EXISTS (SELECT 1 FROM mirror.{name} d WHERE d.id = s.id)",
    ]


def _changed(name: str) -> list[str]:
    """Only what may have changed is staged, and nothing that is missing: each row is looked up once."""
    return [
        f"SELECT s.id, CASE WHEN d.id IS NULL THEN 'i' ELSE 'u' END AS op FROM {staging_table(name)} s"
        f" LEFT JOIN mirror.{name} d ON d.id = s.id WHERE (d.id IS NULL OR s.row_hash <> d.row_hash)"
    ]


def _sweep(name: str) -> list[str]:
    """What is staged is new or changed; what was not met again is changed or gone."""
    stage = staging_table(name)
    return [
        *_changed(name),
        f"SELECT d.id, 'd' FROM mirror.{name} d WHERE d.row_hash IN (SELECT g.row_hash FROM {gone_table(name)} g)"
        f" AND NOT EXISTS (SELECT 1 FROM {stage} s WHERE s.id = d.id)"
        f" AND NOT EXISTS (SELECT 1 FROM {stage}_kept k WHERE k.id = d.id)",
    ]


def _set_known_aside(connection: Connection, staged: Staged) -> None:
    """A staged row whose published row was met as it is: its key stands there twice. The smaller hash stays."""
    name, gone = staged.dataset.name, gone_table(staged.dataset.name)
    both = (
        f"FROM {staged.table} s CROSS JOIN mirror.{name} d WHERE s.id = d.id AND s.row_hash <> d.row_hash"
        f" AND NOT EXISTS (SELECT 1 FROM {gone} g WHERE g.row_hash = d.row_hash)"
    )
    keys = connection.execute(text(f"SELECT {_shown(staged, 's.{name}')} {both} ORDER BY 1")).scalars().all()
    _note(staged, keys, "duplicate_key", "2 rows")
    if keys:
        greater = f"SELECT s.id {both} AND s.row_hash > d.row_hash"
        connection.execute(text(f"DELETE FROM {staged.table} WHERE id IN ({greater})"))


def content_hash(connection: Connection, staged: Iterable[Staged]) -> str:
    """A hash of everything that publishing these datasets would change: what a person approves.

    Of a first load it is over all rows, otherwise over the rows that differ; what was set aside counts by its reasons.
    """
    digest = hashlib.sha256()
    for each in sorted(staged, key=lambda one: one.dataset.name):
        reasons = sorted(each.reasons.items())
        digest.update(f"{each.dataset.name}\n{reasons}\n{each.shape}\n".encode())
        if each.diff.published == 0:
            digest.update(f"{_contents(connection, each)}\n".encode())
        else:
            _differences(connection, each, digest)
    return digest.hexdigest()


def _contents(connection: Connection, staged: Staged) -> int:
    if staged.loaded is not None:
        return staged.loaded.contents
    rows = _streamed(connection, f"SELECT row_hash FROM {staged.table}")
    return sum(int(row[0], 16) for row in rows)


def _differences(connection: Connection, staged: Staged, digest: Any) -> None:
    found, stage = diff_table(staged.dataset.name), staged.table
    sql = f"SELECT x.op, x.id, s.row_hash FROM {found} x LEFT JOIN {stage} s ON s.id = x.id ORDER BY x.id"
    for op, row_id, row_hash in _streamed(connection, sql):
        digest.update(f"{op}{row_id}{row_hash}\n".encode())


def _streamed(connection: Connection, sql: str) -> Iterable[Any]:
    rows = connection.execute(text(sql), execution_options={"stream_results": True})
    while batch := rows.fetchmany(_BATCH):
        yield from batch
