"""What the centre's columns keep of a text: checked before anything is sent, so that nothing arrives as "?" or cut."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from sync.central.gateway import Refused
from sync.central.sql_file import Step
from sync.central.values import first_outside

KIND: Final = "text_not_kept"
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

    def kept(self, step: Step, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as they are sent. Raises Refused('text_not_kept') for one that would not arrive whole."""
        widths = _widths(step.sql)
        return {
            name: self._kept(step, name, value, widths.get(name, ())) if isinstance(value, str) else value
            for name, value in values.items()
        }

    def _kept(self, step: Step, name: str, value: str, widths: tuple[tuple[bool, int], ...]) -> str:
        narrow = name not in self.unicode
        if narrow and self.code_page is not None and first_outside(value, self.code_page):
            value = self._replaced(value, self.code_page)
            found = first_outside(value, self.code_page)
            if found:
                said = f"has {found}, which the centre's code page {self.code_page} does not hold"
                raise Refused(KIND, f"{step.where}: :{name} {said}", {"column": name})
        for wide, width in widths:
            length = self._length(value.rstrip(), wide)
            if length > width:
                said = f"is {length} long, the centre's column holds {width}"
                raise Refused(KIND, f"{step.where}: :{name} {said}", {"column": name, "length": length, "holds": width})
        return value

    def _replaced(self, value: str, code_page: str) -> str:
        """The written rule, for the characters that would be lost and no others."""
        lost = {sign for sign in set(value) if first_outside(sign, code_page)}
        return "".join(self.replace.get(sign, sign) if sign in lost else sign for sign in value)

    def _length(self, value: str, wide: bool) -> int:
        if wide or not self.in_bytes or self.code_page is None:
            return len(value)
        return len(value.encode(self.code_page, errors="replace"))


@lru_cache(maxsize=1024)
def _widths(sql: str) -> dict[str, tuple[tuple[bool, int], ...]]:
    """(N-type, width) of every cast of a bind to a text type, by bind."""
    found: dict[str, tuple[tuple[bool, int], ...]] = {}
    for name, kind, width in _CAST.findall(sql):
        found[name] = (*found.get(name, ()), (kind.lower().startswith("n"), int(width)))
    return found
