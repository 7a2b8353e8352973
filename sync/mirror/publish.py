"""Making a new generation visible: one set-based transaction; readers see the old one until it commits."""

# ruff: noqa: S608  (names of tables and columns come from domain.datasets, never from data)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Connection, func, select, text

from fallback_server.domain.datasets import DATASETS, TEXT
from fallback_server.store.mirror import dataset_state, datasets, delta, generation
from fallback_server.store.session import oldest_as_of
from sync.mirror.normalise import RULES_VERSION
from sync.mirror.pull import Staged
from sync.mirror.stage import diff_table

WAS_EMPTY: Final = "*"  # delta row: the dataset had no rows before; going back empties it
STATE: Final = "="  # delta row: dataset_state as it was before


@dataclass(frozen=True)
class Change:
    """What a publish did to one dataset."""

    inserted: int
    updated: int
    retired: int


def next_generation(connection: Connection, named: int) -> int:
    """One more than the greatest ever used, rolled back or not. `named`: the greatest that an incident names; a mirror
    that was lost and is read anew knows none itself."""
    return max(named, int(connection.execute(select(func.max(generation.c.generation))).scalar() or 0)) + 1


def publish(
    connection: Connection, run_id: int, staged: Sequence[Staged], as_of: str, at: str, named: int
) -> tuple[int, dict[str, Change]]:
    """Bring every staged dataset into the mirror, inside the caller's one transaction. Returns the new generation,
    which is above `named`."""
    number = next_generation(connection, named)
    changes = {each.dataset.name: _apply(connection, number, each) for each in staged}
    for each in staged:
        _write_state(connection, number, each, as_of)
    oldest = oldest_as_of(connection)
    connection.execute(generation.insert().values(generation=number, run_id=run_id, published_at=at, as_of=oldest))
    return number, changes


def prune(connection: Connection, newest: int, kept: int, pinned: int | None) -> None:
    """Forget how to undo old generations; never of one that an unclosed incident used, or later."""
    last = newest - kept
    if pinned is not None:
        last = min(last, pinned - 1)
    connection.execute(delta.delete().where(delta.c.generation <= last))


def _apply(connection: Connection, number: int, staged: Staged) -> Change:
    name, stage, diff = staged.dataset.name, staged.table, staged.diff
    columns = ", ".join(staged.columns)
    if diff.published == 0:
        connection.execute(delta.insert().values(generation=number, dataset=name, row_id=WAS_EMPTY, before=None))
        if staged.loaded is not None:
            staged.loaded.show()
            return Change(staged.loaded.rows, 0, 0)
        order = ", ".join(staged.dataset.keys)
        everything = f"INSERT INTO mirror.{name} ({columns}) SELECT {columns} FROM {stage} ORDER BY {order}"
        return Change(connection.execute(text(everything)).rowcount, 0, 0)
    _remember(connection, number, name)
    picked = f"SELECT x.id FROM {diff_table(name)} x WHERE x.op ="
    if diff.gone:
        connection.execute(text(f"DELETE FROM mirror.{name} WHERE id IN ({picked} 'd')"))
    if diff.changed:
        _update(connection, staged)
    if diff.new:
        insert = f"INSERT INTO mirror.{name} ({columns}) SELECT {columns} FROM {stage} WHERE id IN ({picked} 'i')"
        connection.execute(text(insert))
    return Change(diff.new, diff.changed, diff.gone)


def _update(connection: Connection, staged: Staged) -> None:
    """Bring the changed rows up to date. Keys and ids cannot differ.

    A column that stands in an index is only written where it differs: SQLite would otherwise take every row out of
    every index and put it back, which costs more than all the rest.
    """
    name, keys = staged.dataset.name, {"id", *staged.dataset.keys}
    indexed = {column.name for index in datasets[name].indexes for column in index.columns} - keys
    if connection.dialect.name == "postgresql":
        indexed = set()  # it sees by itself what is the same
    plain = [column for column in staged.columns if column not in indexed and column not in keys]
    found = f"SELECT x.id FROM {diff_table(name)} x WHERE x.op = 'u'"
    rows = f"FROM {staged.table} s WHERE s.id = d.id AND d.id IN ({found})"
    assigned = ", ".join(f"{column} = s.{column}" for column in plain)
    connection.execute(text(f"UPDATE mirror.{name} AS d SET {assigned} {rows}"))
    for column in (column for column in staged.columns if column in indexed):
        differs = f"s.{column} IS DISTINCT FROM d.{column}"
        connection.execute(text(f"UPDATE mirror.{name} AS d SET {column} = s.{column} {rows} AND {differs}"))


def _remember(connection: Connection, number: int, name: str) -> None:
    """The rows as they are, before they are changed; NULL for those that are new."""
    into = f"INSERT INTO mirror.delta (generation, dataset, row_id, before) SELECT {number}, '{name}'"
    found = diff_table(name)
    before = f"{into}, d.id, {_as_json(connection, name)} FROM mirror.{name} d"
    connection.execute(text(f"{before} WHERE d.id IN (SELECT x.id FROM {found} x WHERE x.op <> 'i')"))
    connection.execute(text(f"{into}, x.id, NULL FROM {found} x WHERE x.op = 'i'"))


def _as_json(connection: Connection, name: str) -> str:
    """SQL for a row `d` of a dataset as a JSON object."""
    if connection.dialect.name == "postgresql":
        return "row_to_json(d)"
    pairs = ", ".join(f"'{column.name}', d.{column.name}" for column in datasets[name].columns)
    return f"json_object({pairs})"


def _write_state(connection: Connection, number: int, staged: Staged, as_of: str) -> None:
    name = staged.dataset.name
    known = connection.execute(select(dataset_state).where(dataset_state.c.dataset == name)).mappings().first()
    before = dict(known) if known is not None else None
    connection.execute(delta.insert().values(generation=number, dataset=name, row_id=STATE, before=before))
    diff = staged.diff
    values: dict[str, Any] = {
        "generation": number,
        "as_of": as_of,
        "rows": diff.published + diff.new - diff.gone,
        "watermark": staged.watermark,
        "rules_version": RULES_VERSION,
        "greatest_key": _greatest_now(connection, staged, before),
        "swept_at": as_of if staged.whole or before is None else before["swept_at"],
        "shape": staged.shape,
        "rests": staged.rests,
    }
    if known is None:
        connection.execute(dataset_state.insert().values(dataset=name, **values))
    else:
        connection.execute(dataset_state.update().where(dataset_state.c.dataset == name).values(**values))


def _greatest_now(connection: Connection, staged: Staged, before: Mapping[str, Any] | None) -> str | None:
    """The greatest key after this publish, without a look at the whole table where that can be helped."""
    name = staged.dataset.name
    if staged.loaded is not None:
        return staged.loaded.greatest_key
    last = before["greatest_key"] if before is not None else None
    column = _growing_key(name)
    if column is None or last is None or staged.diff.published == 0:
        return greatest_key(connection, name)
    if connection.execute(select(column).where(column == last)).first() is None:
        return greatest_key(connection, name)
    key = f"s.{column.name}"
    longest = f"SELECT {key} FROM {staged.table} s ORDER BY length({key}) DESC, {key} DESC LIMIT 1"
    found = connection.execute(text(longest)).scalar()
    return str(max((str(key) for key in (last, found) if key is not None), key=lambda key: (len(key), key)))


def greatest_key(connection: Connection, name: str) -> str | None:
    """The greatest key of a dataset with one text key: a centre whose greatest is smaller was rewound."""
    column = _growing_key(name)
    if column is None:
        return None
    # Generated keys grow in length before they grow in text order.
    found = connection.execute(select(column).order_by(func.length(column).desc(), column.desc()).limit(1)).scalar()
    return None if found is None else str(found)


def _growing_key(name: str) -> Column[Any] | None:
    keys = DATASETS[name].keys
    if len(keys) != 1 or next(c for c in DATASETS[name].columns if c.key).type != TEXT:
        return None
    return datasets[name].c[keys[0]]
