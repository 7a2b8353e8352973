"""What the centre's columns keep of a text: checked before anything is sent, so that nothing arrives as "?" or cut."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from sync.central.gateway import Refused
from sync.central.sql_file import Step
from sync.central.targets import Limit
from sync.central.values import first_outside

KIND: Final = "text_not_kept"
NO_COLUMNS: Final[Mapping[str, tuple[Limit, ...]]] = {}
Kept = Callable[[Mapping[str, Any]], dict[str, Any]]
"""The values of one step as they are sent. Raises Refused('text_not_kept')."""
_NO_LIMIT: Final = 1 << 62
# CAST(:name AS varchar(20)) cuts in silence. What a mapping cuts with left(…) it cuts by a written rule.
_CAST: Final = re.compile(r"\bcast\s*\(\s*:(\w+)\s+as\s+(n?(?:var)?char2?)\s*\(\s*(\d+)\s*\)", re.IGNORECASE)


@dataclass(frozen=True)
class TextRules:
    """`code_page`: what CHAR columns hold; the binds of `unicode` go to N-columns. `replace` is the hospital's written
    rule for characters they do not hold. `in_bytes`: lengths of CHAR columns count bytes of the code page."""

    code_page: str | None = None
    unicode: frozenset[str] = frozenset()
    replace: Mapping[str, str] = field(default_factory=dict)
    in_bytes: bool = False

    def kept(
        self, step: Step, values: Mapping[str, Any], columns: Mapping[str, tuple[Limit, ...]] = NO_COLUMNS
    ) -> dict[str, Any]:
        """The values as they are sent. Raises Refused('text_not_kept') for one that would not arrive whole.

        `columns`: by bind, what the centre's catalogue says of the columns it goes to.
        """
        return self.of(step, columns)(values)

    def of(self, step: Step, columns: Mapping[str, tuple[Limit, ...]] = NO_COLUMNS) -> Kept:
        """`kept` of one step, with what does not depend on the values worked out beforehand."""
        widths = _widths(step.sql)
        room = {name: _narrowest(widths.get(name, ()), columns.get(name, ())) for name in step.binds}

        def kept(values: Mapping[str, Any]) -> dict[str, Any]:
            # Every code page holds ASCII, a byte a character: most values need no more than a look at their length.
            return {
                name: value
                if not isinstance(value, str) or (value.isascii() and len(value) <= room[name])
                else self._kept(step, name, value, widths.get(name, ()), columns.get(name, ()))
                for name, value in values.items()
            }

        return kept

    def _kept(
        self, step: Step, name: str, value: str, widths: tuple[tuple[bool, int], ...], columns: tuple[Limit, ...]
    ) -> str:
        for page in self._pages(name, columns):
            value = self._within(step, name, value, page)
        for wide, width in widths:
            _require_length(step, name, self._length(value, wide, self.code_page), width)
        for column in columns:
            if column.length is not None:
                own = column.code_page if column.known else self.code_page
                _require_length(step, name, self._length(value, column.wide, own), column.length, column.column)
        return value

    def _pages(self, name: str, columns: tuple[Limit, ...]) -> list[str]:
        """The code pages this text has to fit in: the catalogue's where it tells them, else the mapping's."""
        told = [column.code_page for column in columns]
        if columns and all(column.known for column in columns):
            return sorted({page for page in told if page is not None})
        return [self.code_page] if self.code_page is not None and name not in self.unicode else []

    def _within(self, step: Step, name: str, value: str, page: str) -> str:
        if not first_outside(value, page):
            return value
        value = self._replaced(value, page)
        found = first_outside(value, page)
        if found:
            said = f"has {found}, which the centre's code page {page} does not hold"
            raise Refused(KIND, f"{step.where}: :{name} {said}", {"column": name})
        return value

    def _replaced(self, value: str, code_page: str) -> str:
        """The written rule, for the characters that would be lost and no others."""
        lost = {sign for sign in set(value) if first_outside(sign, code_page)}
        return "".join(self.replace.get(sign, sign) if sign in lost else sign for sign in value)

    def _length(self, value: str, wide: bool, page: str | None) -> int:
        value = value.rstrip()
        if wide or not self.in_bytes or page is None:
            return len(value)
        return len(value.encode(page, errors="replace"))


def _require_length(step: Step, name: str, length: int, holds: int, column: str = "column") -> None:
    if length <= holds:
        return
    said = f"is {length} long, the centre's {column} holds {holds}"
    raise Refused(KIND, f"{step.where}: :{name} {said}", {"column": name, "length": length, "holds": holds})


def _narrowest(widths: tuple[tuple[bool, int], ...], columns: tuple[Limit, ...]) -> int:
    """What certainly fits: the least of all lengths."""
    lengths = [width for _, width in widths] + [one.length for one in columns if one.length is not None]
    return min(lengths, default=_NO_LIMIT)


@lru_cache(maxsize=1024)
def _widths(sql: str) -> dict[str, tuple[tuple[bool, int], ...]]:
    """(N-type, width) of every cast of a bind to a text type, by bind."""
    found: dict[str, tuple[tuple[bool, int], ...]] = {}
    for name, kind, width in _CAST.findall(sql):
        found[name] = (*found.get(name, ()), (kind.lower().startswith("n"), int(width)))
    return found
