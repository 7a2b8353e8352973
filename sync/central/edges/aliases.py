"""Plans name a table by its alias; people know it by its name."""

from __future__ import annotations

import re
from typing import Final

_TABLE: Final = re.compile(r"\b(?:FROM|JOIN|,)\s*([A-Za-z_][\w.]*)(?:\s+AS)?(?:\s+([A-Za-z_]\w*))?", re.IGNORECASE)
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
    for table, alias in _TABLE.findall(sql):
        if alias and alias.lower() == name.lower() and alias.lower() not in _WORDS:
            return str(table)
    return name
