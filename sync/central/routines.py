"""Stored procedures that upload files call: are they there, and do they leave our transaction alone?

What a procedure does is known for certain only when it runs: `Edge.intact` looks after every document. Here its source
is read beforehand, where the centre shows it to us, so that the first document is not the one that finds out.
"""

from __future__ import annotations

import re
from typing import Final

# T-SQL declares beforehand what takes the return code and the OUTPUT values.
_CALL: Final = re.compile(
    r"^\s*(?:set\s+nocount\s+on\s*;?\s*)?(?:declare\s+@.*?;?\s+)?"
    r"(?:call|exec(?:ute)?)\s+(?:@\w+\s*=\s*)?([\w.\[\]\"`]+)",
    re.IGNORECASE | re.DOTALL,
)
_ASIDE: Final = re.compile(r"'(?:[^']|'')*'|--[^\n]*|\#[^\n]*|/\*.*?\*/", re.DOTALL)
# A statement that ends the transaction, or makes the database end it: at the beginning of a statement.
_ENDS: Final = re.compile(
    r"(?:^|;|\b(?:begin|then|else|do|loop|repeat|handler\s+for\s+\w+))\s*"
    r"(commit\b|rollback\b(?!\s+(?:work\s+)?to\b)|start\s+transaction\b|set\s+autocommit\b|lock\s+tables\b"
    r"|(?:create|drop)\s+(?!temporary\b)\w+|alter\s+\w+|truncate\b|rename\s+table\b)",
    re.IGNORECASE,
)


def called(sql: str) -> str | None:
    """The name of the procedure that a statement calls; None for any other statement."""
    found = _CALL.match(sql)
    return re.sub(r'[\[\]"`]', "", found[1]) if found else None


def ending(source: str, *, ddl: bool) -> str | None:
    """The first words in a procedure's source that end the transaction around it; `ddl`: where DDL does that, too."""
    plain = _ASIDE.sub(" ", source)
    for match in _ENDS.finditer(plain):
        words = " ".join(match[1].split()).upper()
        if ddl or not words.startswith(("CREATE", "DROP", "ALTER", "TRUNCATE", "RENAME")):
            return words
    return None
