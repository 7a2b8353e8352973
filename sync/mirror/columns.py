"""The rules of `normalise`, a page at a time: columns instead of rows, the interpreter only where something is odd.

Nearly every row of a centre is clean: no padding, no control characters, dates and codes seen a thousand times before.
A page is looked at as one text; rows in which anything might have to change are taken out and go through `Normaliser`
one by one. What comes out is the same either way (tests/mirror/test_columns.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from itertools import compress
from typing import Any, Final

from fallback_server.domain.datasets import FLAG, TEXT, Dataset
from sync.central.lines import NULL, Lines, values
from sync.mirror.normalise import NUMBER_TEXTS, PEOPLE, SALT, Normaliser, Rejection, Unfit, canonical, copy_text
from sync.mirror.pinyin import initials

# Bytes by which a line may need more than a look: blanks that are not ASCII, replacement characters, surrogates. The
# first byte is rare and quickly looked for. More lines than necessary may match, never fewer.
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
_MEMO_ROWS: Final = 20_000
_BAD: Final = object()


@dataclass
class Batch:
    """Normalised rows: `columns` in the order of `Normaliser.columns`, the canonical line of each, and what was not."""

    columns: list[list[Any]]
    lines: list[bytes]
    rejections: list[Rejection] = field(default_factory=list)
    made: int = 0  # how many of the last columns are ours: id, hash, search
    filled: bool = False  # whether a column of the dataset holds more than its line: a search code we made

    def __len__(self) -> int:
        return len(self.lines)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows as tuples."""
        return zip(*self.columns, strict=True)

    def only(self, wanted: Sequence[bool]) -> Batch:
        """The rows for which `wanted` holds."""
        columns = [list(compress(column, wanted)) for column in self.columns]
        return Batch(columns, list(compress(self.lines, wanted)), self.rejections, self.made, self.filled)


class _Memo(dict[str, Any]):
    """What a text means in one column, worked out once. `differs` holds texts whose canonical form is another."""

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        self.convert = convert
        self.texts: dict[str, str] = {}
        self.differs: set[str] = set()

    def __missing__(self, text: str) -> Any:
        if len(self) > _MEMO_ROWS:
            self.clear()
            self.texts.clear()
            self.differs.clear()
        try:
            value = self.convert(None if text == NULL else text)
        except Unfit:
            value = _BAD  # the row goes through the row rules, which say what is wrong
        else:
            self.texts[text] = copy_text(value)
            if self.texts[text] != text:
                self.differs.add(text)
        self[text] = value
        return value


class PageNormaliser:
    """A dataset's rules for whole pages."""

    def __init__(self, dataset: Dataset) -> None:
        self.rules = Normaliser(dataset)
        self.columns = self.rules.columns
        self._dataset = dataset
        self._flags = tuple(column.type == FLAG for column in dataset.columns)
        self._memos = [
            None if column.type == TEXT and not column.choices else _Memo(convert)
            for column, convert in zip(dataset.columns, self.rules.converters, strict=True)
        ]

    def page(self, page: Sequence[tuple[Any, ...]]) -> Batch:
        """Normalise a page. Every row of it is in the batch, or among its rejections."""
        if isinstance(page, Lines):
            return self._lines(page)
        text = _as_text(page, self._flags)
        return self._one_by_one(page) if text is None else self._text(text, lambda number: page[number])

    def _lines(self, page: Lines) -> Batch:
        try:
            lines = page.split()
            return self._text(page.data, lambda number: values(lines[number]))
        except UnicodeDecodeError:
            return self._one_by_one(list(page))

    def _text(self, data: bytes, raw: Callable[[int], tuple[Any, ...]]) -> Batch:
        lines = Lines(data).split()
        aside = _odd_lines(data)
        place_of: Sequence[int] = range(len(lines))
        if aside:
            place_of = [number for number in place_of if number not in aside]
            lines = [lines[number] for number in place_of]
            data = b"\n".join(lines) + b"\n"
        batch = self._clean(data, lines, place_of, aside)
        self._add_one_by_one(batch, (raw(number) for number in sorted(aside)))
        return batch

    def _clean(self, data: bytes, lines: list[bytes], place_of: Sequence[int], aside: set[int]) -> Batch:
        """The batch of lines in which nothing is odd; what a column finds odd is added to `aside`."""
        width = len(self._dataset.columns)
        flat = data[:-1].decode().replace("\n", "\t").split("\t") if lines else []
        if len(flat) != width * len(lines):
            aside.update(place_of)
            return self._batch([[] for _ in self.columns], [])
        texts = [flat[place::width] for place in range(width)]
        del flat
        odd: set[int] = set()
        nulls = [column.count(NULL) for column in texts]
        columns = [self._column(place, texts[place], nulls[place], odd) for place in range(width)]
        if data.count(b"\\") != sum(nulls):
            odd |= _line_numbers(data, [found.start() for found in _ESCAPED.finditer(data)])
        if odd:
            aside.update(place_of[number] for number in odd)
            keep = [number not in odd for number in range(len(lines))]
            texts = [list(compress(column, keep)) for column in texts]
            columns = [list(compress(column, keep)) for column in columns]
            lines = list(compress(lines, keep))
        return self._finished(texts, columns, lines)

    def _column(self, place: int, texts: list[str], nulls: int, odd: set[int]) -> list[Any]:
        """One column's values; rows that need the row rules are added to `odd`."""
        column, memo = self._dataset.columns[place], self._memos[place]
        if memo is not None:
            found = list(map(memo.__getitem__, texts))
            if _BAD in found:
                odd.update(number for number, value in enumerate(found) if value is _BAD)
            return found
        if column.name in NUMBER_TEXTS and not "".join(texts).isascii():
            odd.update(number for number, value in enumerate(texts) if not value.isascii())
        if "" in texts or (nulls and not column.nullable):
            nothing = ("",) if column.nullable else ("", NULL)
            odd.update(number for number, value in enumerate(texts) if value in nothing)
        return [None if value == NULL else value for value in texts] if nulls else texts

    def _finished(self, texts: list[list[str]], columns: list[list[Any]], lines: list[bytes]) -> Batch:
        """Put ids, hashes and search columns to clean columns."""
        lines = self._canonical(texts, lines)
        hashes = [blake2b(line, digest_size=8, person=SALT).hexdigest() for line in lines]
        keys = columns[self.rules.keys[0]] if len(self.rules.keys) == 1 else None
        named: Iterable[str] = (
            map(str, keys)
            if keys is not None
            else map("\x1f".join, zip(*(map(str, columns[k]) for k in self.rules.keys), strict=True))
        )
        before = f"{self._dataset.name}\x1f"
        ids = ["c" + blake2b((before + key).encode(), digest_size=12).hexdigest() for key in named]
        search = self._search(columns)
        return self._batch([*columns, ids, hashes, *search], lines)

    def _batch(self, columns: list[list[Any]], lines: list[bytes]) -> Batch:
        made = len(self.columns) - len(self._dataset.columns)
        return Batch(columns, lines, made=made, filled=bool(self.rules.searched) and "input_code" in self.rules.place)

    def _canonical(self, texts: list[list[str]], lines: list[bytes]) -> list[bytes]:
        """The canonical lines: those that were read, unless a value of them is written otherwise."""
        spelled = [
            memo is not None and bool(memo.differs) and not memo.differs.isdisjoint(column)
            for memo, column in zip(self._memos, texts, strict=True)
        ]
        if not any(spelled) or not lines:
            return lines
        forms = [
            list(map(memo.texts.__getitem__, column)) if memo is not None and other else column
            for memo, column, other in zip(self._memos, texts, spelled, strict=True)
        ]
        return "\n".join(map("\t".join, zip(*forms, strict=True))).encode().split(b"\n")

    def _search(self, columns: list[list[Any]]) -> list[list[Any]]:
        if not self.rules.searched:
            return []
        place, person = self.rules.place, self._dataset.name in PEOPLE
        pinyin = [initials(name, person=person) for name in columns[place["name"]]]
        if "input_code" in place:
            codes = columns[place["input_code"]]
            pinyin = [code.upper() if code else made for code, made in zip(codes, pinyin, strict=True)]
            columns[place["input_code"]] = [code or made for code, made in zip(codes, pinyin, strict=True)]
        found: dict[str, list[Any]] = {"pinyin": pinyin}
        if "phone" in place:
            found["phone_reversed"] = [phone and phone[::-1] for phone in columns[place["phone"]]]
        return [found[name] for name in self.rules.searched]

    def _one_by_one(self, page: Iterable[Sequence[Any]]) -> Batch:
        batch = self._batch([[] for _ in self.columns], [])
        self._add_one_by_one(batch, page)
        return batch

    def _add_one_by_one(self, batch: Batch, rows: Iterable[Sequence[Any]]) -> None:
        width = len(self._dataset.columns)
        own = self.rules.place.get("input_code")
        for raw in rows:
            made = self.rules.row(raw)
            if isinstance(made, Rejection):
                batch.rejections.append(made)
                continue
            for column, value in zip(batch.columns, made, strict=True):
                column.append(value)
            clean = list(made[:width])
            if own is not None:
                clean[own] = self.rules.converters[own](raw[own])
            batch.lines.append(canonical(clean))


def _odd_lines(data: bytes) -> set[int]:
    """Numbers of lines that may need the row rules. Looks at the text as a whole first: most pages have none."""
    spots = [spot for first, patterns in _ODD.items() for spot in _odd_spots(data, first, patterns)]
    spots += _padding(data)
    if len(data.translate(None, _CONTROLS)) != len(data):
        spots += [found.start() for found in _CONTROL.finditer(data)]
    return _line_numbers(data, spots)


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


def _as_text(page: Sequence[tuple[Any, ...]], flags: Sequence[bool]) -> bytes | None:
    """Tuples of a driver as lines; None where a value has no plain text of its own. Backslashes are not doubled."""
    columns = [_texts(column, flag) for column, flag in zip(zip(*page, strict=True), flags, strict=False)]
    if not page or None in columns or len(columns) != len(page[0]):
        return None
    whole: list[list[str]] = [column for column in columns if column is not None]
    text = "\n".join(map("\t".join, zip(*whole, strict=True))) + "\n"
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return None
    plain = data.count(b"\n") == len(page) and data.count(b"\t") == len(page) * (len(whole) - 1)
    return data if plain else None


_PLAIN: Final[frozenset[type]] = frozenset((str, int, bool, Decimal, date, datetime))


def _texts(column: Sequence[Any], flag: bool) -> list[str] | None:
    kinds = set(map(type, column))
    nothing = type(None) in kinds
    kinds.discard(type(None))
    if not kinds <= _PLAIN or (str in kinds and NULL in column):
        return None
    if kinds <= {str}:
        return [NULL if value is None else value for value in column] if nothing else list(column)
    if flag and kinds <= {bool}:
        return [NULL if value is None else "1" if value else "0" for value in column]
    return [NULL if value is None else _plain(value) for value in column]


def _plain(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)
