"""Which lines of a page need the row rules: looked for in the text as a whole, because most pages have none.

More lines than necessary may be named, never fewer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

# Bytes by which a line may need more than a look: blanks that are not ASCII, replacement characters, surrogates. The
# first byte is rare and quickly looked for.
_ODD: Final[dict[bytes, tuple[bytes, ...]]] = {
    b"\xc2": (b"\xc2\xa0", b"\xc2\x85"),
    b"\xe1": (b"\xe1\x9a\x80",),
    b"\xe2": (b"\xe2\x80", b"\xe2\x81\x9f"),
    b"\xe3": (b"\xe3\x80\x80",),
    b"\xed": (b"\xed",),
    b"\xef": (b"\xef\xbf\xbd",),
}
_PADDED: Final = (b"\t ", b" \t", b"\n ", b" \n")
_FEW: Final = 2000
_CONTROLS: Final = bytes((*range(9), *range(11, 32), 127))
_CONTROL: Final = re.compile(b"[\x00-\x08\x0b-\x1f\x7f]")
_ESCAPED: Final = re.compile(rb"\\(?!N[\t\n])|(?<=[^\t\n])\\")


def odd_lines(data: bytes) -> set[int]:
    """Numbers of lines with odd blanks, control characters, padding, or characters that are none."""
    spots = [spot for first, patterns in _ODD.items() for spot in _odd_spots(data, first, patterns)]
    spots += _padding(data)
    if len(data.translate(None, _CONTROLS)) != len(data):
        spots += [found.start() for found in _CONTROL.finditer(data)]
    return _line_numbers(data, spots)


def escaped_lines(data: bytes) -> set[int]:
    """Numbers of lines with a backslash that is not the mark of a NULL."""
    return _line_numbers(data, [found.start() for found in _ESCAPED.finditer(data)])


def _line_numbers(data: bytes, spots: list[int]) -> set[int]:
    # A pair may lie across a line's end: both lines are looked at.
    found, line, last = set(), 0, 0
    for at in sorted({place for spot in spots for place in (spot, spot + 1) if place < len(data)}):
        line += data.count(b"\n", last, at)
        last = at
        found.add(line)
    return found


def _odd_spots(data: bytes, first: bytes, patterns: tuple[bytes, ...]) -> Iterator[int]:
    if 0 < data.count(first) <= _FEW:
        yield from (at for at in _spots(data, first) if data.startswith(patterns, at))
    elif first in data:
        for pattern in patterns:
            yield from _spots(data, pattern)


def _padding(data: bytes) -> Iterator[int]:
    """Where a blank stands beside a tab or the end of a line."""
    if data[:1] == b" ":
        yield 0
    if 0 < data.count(b" ") <= _FEW:
        for at in _spots(data, b" "):
            if data[at - 1 : at] in (b"\t", b"\n") or data[at + 1 : at + 2] in (b"\t", b"\n"):
                yield at
    elif b" " in data:
        for pattern in _PADDED:
            yield from _spots(data, pattern)


def _spots(data: bytes, pattern: bytes) -> Iterator[int]:
    at = data.find(pattern)
    while at >= 0:
        yield at
        at = data.find(pattern, at + 1)
