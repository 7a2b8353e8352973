"""Where a read of the changed rows begins, and how far the mirror may then say it has come: pure rules.

A watermark is a time (hospital-local text, to the second) or a number (a row version). It never runs ahead of what is
certain: it is the smaller of the greatest value that was read and of the bound that was taken before the first page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final, Literal

OVERLAP: Final = timedelta(minutes=10)
"""A row may be stamped before its transaction commits; what was committed this late is still found."""

Kind = Literal["time", "number"]
_FORMAT: Final = "%Y-%m-%d %H:%M:%S"
_NO_DIGIT: Final = re.compile(r"[^0-9]")


def changed_from(kind: Kind, watermark: str) -> str:
    """The bind `:changed_from` of the next read: the watermark itself, or ten minutes before it where it is a time."""
    if kind == "number":
        return watermark
    return (datetime.strptime(watermark, _FORMAT) - OVERLAP).strftime(_FORMAT)  # noqa: DTZ007  (local on purpose)


def usable(kind: Kind, watermark: str | None) -> str | None:
    """A stored watermark, if it is of the kind the mapping speaks of now; otherwise everything is read once more."""
    return watermark if watermark is not None and greatest(kind, [watermark]) == watermark else None


def as_text(moment: datetime) -> str:
    """A time of the centre as a watermark."""
    return moment.strftime(_FORMAT)


def greatest(kind: Kind, values: Iterable[Any]) -> str | None:
    """The greatest watermark among the values of a column; what is empty or no watermark is passed over."""
    found = [value for value in map(_number if kind == "number" else _time, values) if value is not None]
    if not found:
        return None
    return str(max(found, key=int)) if kind == "number" else max(found)


def reached(kind: Kind, before: str | None, seen: str | None, bound: str | None) -> str | None:
    """The watermark to publish. None: nothing is certain yet, the next read is of everything.

    `bound` is where something may still come from; rows stamped in the future do not carry the watermark with them.
    """
    order: Callable[[str], Any] = int if kind == "number" else str
    known = [value for value in (before, seen) if value is not None]
    if not known:
        return bound if kind == "time" else None
    best = max(known, key=order)
    if bound is not None and order(bound) < order(best):
        best = bound
    # It never goes back: what lies before it was read.
    return best if before is None or order(best) > order(before) else before


def _number(value: Any) -> str | None:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return str(int.from_bytes(bytes(value), "big"))
    text = str(value).strip() if value is not None else ""
    return text if text.isdecimal() else None


def _time(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.strftime(_FORMAT)
    digits = _NO_DIGIT.sub("", str(value))[:14]
    if len(digits) not in (8, 12, 14):
        return None
    digits = digits.ljust(14, "0")
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").strftime(_FORMAT)  # noqa: DTZ007  (local on purpose)
    except ValueError:
        return None
