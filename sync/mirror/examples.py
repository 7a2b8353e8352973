"""A few rows that show what a guard found: a person who is asked to approve must see what it is about.

Of people only keys and the names of columns are shown: the sentences go to logs and screens.
"""

# ruff: noqa: S608  (names of tables and columns come from domain.datasets, never from data)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, text

from fallback_server.domain.datasets import AMOUNT, PRICE, Dataset
from sync.mirror.pull import Staged
from sync.mirror.stage import diff_table

SHOWN: Final = 5
_COLUMNS_SHOWN: Final = 3
_PEOPLE: Final = frozenset({"patient", "patient_card", "staff", "operator"})


def gone(connection: Connection, staged: Staged) -> list[str]:
    """Some of the rows that would vanish."""
    source = f"mirror.{staged.dataset.name} d WHERE {_differing(staged, 'd')}"
    rows = _rows(connection, f"SELECT d.* FROM {source} ORDER BY d.id LIMIT {SHOWN}")
    return [_named(staged.dataset, row) for row in rows]


def changed(connection: Connection, staged: Staged, where: str = "1 = 1") -> list[str]:
    """Some of the rows that would change, each with what changes in it; `where` speaks of d (before) and s (after)."""
    names = [*staged.dataset.names]
    both = ", ".join(f"d.{name} AS before_{name}, s.{name} AS after_{name}" for name in names)
    source = f"mirror.{staged.dataset.name} d JOIN {staged.table} s ON s.id = d.id"
    sql = f"SELECT {both} FROM {source} WHERE {_differing(staged, 'u')} AND {where}"
    rows = _rows(connection, f"{sql} ORDER BY d.id LIMIT {SHOWN}")
    return [_change(staged.dataset, row) for row in rows]


def _differing(staged: Staged, op: str) -> str:
    return f"d.id IN (SELECT x.id FROM {diff_table(staged.dataset.name)} x WHERE x.op = '{op}')"


def _rows(connection: Connection, sql: str) -> Sequence[Mapping[str, Any]]:
    return [dict(row) for row in connection.execute(text(sql)).mappings()]


def _named(dataset: Dataset, row: Mapping[str, Any], before: str = "") -> str:
    key = "/".join(str(row[before + name]) for name in dataset.keys)
    name = row.get(f"{before}name")
    return key if dataset.name in _PEOPLE or not name or name == key else f"{key} {name}"


def _change(dataset: Dataset, row: Mapping[str, Any]) -> str:
    different = [c for c in dataset.columns if row[f"before_{c.name}"] != row[f"after_{c.name}"]]
    shown = [
        column.name
        if dataset.name in _PEOPLE
        else f"{column.name} {_value(column.type, row[f'before_{column.name}'])}"
        f" → {_value(column.type, row[f'after_{column.name}'])}"
        for column in different[:_COLUMNS_SHOWN]
    ]
    more = ", …" if len(different) > _COLUMNS_SHOWN else ""
    return f"{_named(dataset, row, 'before_')}: {', '.join(shown)}{more}"


def _value(kind: str, value: Any) -> str:
    if value is None:
        return "-"
    if kind in (PRICE, AMOUNT):
        places = 4 if kind == PRICE else 2
        return f"{int(value) / 10**places:.{places}f}"
    return str(value)
