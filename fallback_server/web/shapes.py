"""Which shapes of input are looked at at all: what no database keeps, and what no act has, is turned away first."""

from __future__ import annotations

from typing import Any, Final

MOST_NESTED: Final = 20
MOST_NAMES: Final = 1000


def storable(value: Any, depth: int = 0) -> Any:
    """The same value; raises ValueError for text no database keeps (NUL characters, halves of surrogate pairs), and for
    shapes that no act has and that cost more to look at than to send: deeply nested, or with thousands of names.
    """
    if isinstance(value, str):
        value.encode()
        if "\0" in value:
            raise ValueError("NUL in text")
    elif isinstance(value, dict | list):
        if depth >= MOST_NESTED or (isinstance(value, dict) and len(value) > MOST_NAMES):
            raise ValueError("nested too deeply, or too many names")
        for name in value if isinstance(value, dict) else ():
            storable(name)
        for inner in value.values() if isinstance(value, dict) else value:
            storable(inner, depth + 1)
    return value
