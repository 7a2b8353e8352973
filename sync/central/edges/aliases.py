"""Plans name a table by its alias; people know it by its name."""

from __future__ import annotations

import re
from typing import Final

_NAMED: Final = r"\s*([A-Za-z_][\w.]*)(?:\s+AS)?\s+([A-Za-z_]\w*)"
# A comma may stand between two tables, and between a column and `CASE g.kind WHEN …`: FROM and JOIN are believed first.
_TABLES: Final = (
    re.compile(rf"\b(?:FROM|JOIN)\b{_NAMED}", re.IGNORECASE),
    re.compile(rf",(?!\s*CASE\b){_NAMED}", re.IGNORECASE),
)
_WORDS: Final = frozenset(
    {
        "where",
        "on",
        "join",
        "left",
        "right",
        "inner",
        "outer",
        "cross",
        "full",
        "group",
        "order",
        "limit",
        "union",
        "set",
    }
)


def table_of(name: str, sql: str) -> str:
    """The table that `name` stands for in this statement; itself where it is no alias."""
    for pattern in _TABLES:
        for table, alias in pattern.findall(sql):
            if alias.lower() == name.lower() and alias.lower() not in _WORDS:
                return str(table)
    return name
