"""Which columns a statement's texts go to, and what those hold by the centre's own catalogue.

Only a bind that goes into a column as it is counts, alone or in one CAST: what a statement cuts or builds (left(…), ||)
it does by the mapping's written rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from sync.central.dialects import Column
from sync.central.remarks import code_page_of
from sync.central.sql_file import SqlFile, Step

Lists = Mapping[str, Collection[str]]
UNKNOWN: Final = "unknown"
_STRING: Final = re.compile(r"'(?:[^']|'')*'")
_INSERT: Final = re.compile(r"\binsert\s+into\s+([\w.]+)\s*(?=\()", re.IGNORECASE)
_GIVES: Final = re.compile(r"\s*(values\s*(?=\()|select\s)", re.IGNORECASE)
_UPDATE: Final = re.compile(r"\bupdate\s+([\w.]+)(?:\s+\w+)?\s+set\s", re.IGNORECASE)
_ENDS: Final = re.compile(r"\b(from|where|returning|output|on|order|limit)\b", re.IGNORECASE)
_ASSIGNED: Final = re.compile(r"^(?:\w+\.)?(\w+)\s*=\s*(.*)$", re.DOTALL)
_PLAIN: Final = re.compile(r"^(?:cast\s*\(\s*)?:(\w+)(?:\s+as\s+\w+\s*(?:\(\s*\d+\s*\))?\s*\))?$", re.IGNORECASE)


@dataclass(frozen=True)
class Limit:
    """What one column holds: `length` in characters, or in bytes of the code page where its database counts those."""

    column: str
    length: int | None
    wide: bool
    code_page: str | None  # None: every character; UNKNOWN: nobody told

    @property
    def known(self) -> bool:
        return self.code_page != UNKNOWN


def limits(sql: str, columns: Mapping[tuple[str, str], Column], dialect: str) -> dict[str, tuple[Limit, ...]]:
    """By bind, the limits of every text column it goes to; columns the catalogue does not show are left out."""
    found: dict[str, tuple[Limit, ...]] = {}
    for bind, table, name in targets(sql):
        column = columns.get((table.rpartition(".")[2].lower(), name.lower()))
        if column is not None and "char" in column.type.lower():
            found[bind] = (*found.get(bind, ()), _limit(column, dialect))
    return found


class Told:
    """What the columns hold that the steps of upload files write, worked out once for each file."""

    def __init__(self, columns: Mapping[tuple[str, str], Column], dialect: str) -> None:
        self._columns, self._dialect = columns, dialect
        self._known: dict[str, dict[Step, Mapping[str, tuple[Limit, ...]]]] = {}

    def of(self, file: SqlFile, lists: Lists) -> Callable[[Step], Mapping[str, tuple[Limit, ...]]]:
        """The limits of every step of a file. A bind that goes to a column in one step keeps to its code page in all:
        a text that it does not hold cannot even be looked for there. `lists`: the fields of the file's lists."""
        if file.name not in self._known:
            self._known[file.name] = self._steps(file, lists)
        return self._known[file.name].__getitem__

    def _steps(self, file: SqlFile, lists: Lists) -> dict[Step, Mapping[str, tuple[Limit, ...]]]:
        own = {step: limits(step.sql, self._columns, self._dialect) for step in file.steps}
        pages: dict[tuple[str | None, str], tuple[Limit, ...]] = {}
        for step, found in own.items():
            for name, several in found.items():
                place = _scope(step, name, lists), name
                pages[place] = (*pages.get(place, ()), *(replace(one, length=None) for one in several))
        return {
            step: {
                name: (*found.get(name, ()), *pages.get((_scope(step, name, lists), name), ())) for name in step.binds
            }
            for step, found in own.items()
        }


def _scope(step: Step, name: str, lists: Lists) -> str | None:
    """The list that a name is of in this step; None for the document's own."""
    return step.each if step.each is not None and name in lists.get(step.each, ()) else None


def _limit(column: Column, dialect: str) -> Limit:
    wide = dialect == "mssql" and column.type.lower().startswith("n")
    page = None if wide else code_page_of(dialect, column.collation) if column.collation else UNKNOWN
    length = column.length if column.length is not None and column.length > 0 else None  # -1: as long as you like
    return Limit(f"{column.table}.{column.name}", length, wide, page)


@lru_cache(maxsize=1024)
def targets(sql: str) -> tuple[tuple[str, str, str], ...]:
    """(bind, table, column) of every bind that a statement writes as it is."""
    plain = _STRING.sub("''", sql)
    return (*_inserted(plain), *_updated(plain))


def _inserted(sql: str) -> Iterator[tuple[str, str, str]]:
    for match in _INSERT.finditer(sql):
        inside, after = _bracket(sql, match.end())
        names = [name.strip() for name in inside.split(",")]
        gives = _GIVES.match(sql, after)
        if gives is None:
            continue
        if gives[1].lower().startswith("values"):
            values = _parts(_bracket(sql, gives.end())[0])
        else:
            values = _parts(_until_end(sql[gives.end() :]))
        for name, value in zip(names, values, strict=False):
            yield from _written(match[1], name, value)


def _updated(sql: str) -> Iterator[tuple[str, str, str]]:
    for match in _UPDATE.finditer(sql):
        for part in _parts(_until_end(sql[match.end() :])):
            assigned = _ASSIGNED.match(part)
            if assigned is not None:
                yield from _written(match[1], assigned[1], assigned[2])


def _written(table: str, name: str, value: str) -> Iterable[tuple[str, str, str]]:
    plain = _PLAIN.match(" ".join(value.split()))
    return [(plain[1], table, name)] if plain else []


def _bracket(sql: str, start: int) -> tuple[str, int]:
    """What stands between the bracket at `start` and its end, and where it goes on."""
    depth = 0
    for place in range(start, len(sql)):
        depth += {"(": 1, ")": -1}.get(sql[place], 0)
        if depth == 0:
            return sql[start + 1 : place], place + 1
    return sql[start + 1 :], len(sql)


def _until_end(sql: str) -> str:
    """A list of values or assignments, up to the word that ends it outside of brackets."""
    for match in _ENDS.finditer(sql):
        before = sql[: match.start()]
        if before.count("(") == before.count(")"):
            return before
    return sql


def _parts(listed: str) -> list[str]:
    """The parts of a list, cut at commas outside of brackets."""
    parts, depth = [""], 0
    for sign in listed:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]
