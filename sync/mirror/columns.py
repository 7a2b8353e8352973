"""The rules of `normalise`, a page at a time: columns instead of rows, the interpreter only where something is odd.

Nearly every row of a centre is clean: no padding, no control characters, dates and codes seen a thousand times before.
A page is looked at as one text; rows in which anything might have to change are taken out and go through `Normaliser`
one by one. What comes out is the same either way (tests/mirror/test_columns.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final

from fallback_server.domain.datasets import FLAG, TEXT, Dataset
from sync.central.lines import NULL, Lines, values
from sync.mirror.batch import Batch, Texts, plain
from sync.mirror.normalise import NUMBER_TEXTS, PEOPLE, SALT, Normaliser, Rejection, Unfit, canonical, copy_text
from sync.mirror.odd import escaped_lines, odd_lines
from sync.mirror.pinyin import all_initials

_MEMO_ROWS: Final = 20_000
_BAD: Final = object()


class _Memo(dict[str, Any]):
    """What a text means in one column, worked out once. `differs` holds texts whose canonical form is another."""

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        self.convert = convert
        self.texts: dict[str, str] = {}
        self.differs: set[str] = set()

    def __missing__(self, text: str) -> Any:
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

    def forget(self) -> None:
        """Stay small. Between two pages: a page's texts are asked for again."""
        if len(self) > _MEMO_ROWS:
            self.clear()
            self.texts.clear()
            self.differs.clear()

    def spelled(self, text: str) -> str:
        """The canonical form of a text. What is no value has none, and its row gets another line."""
        return self.texts.get(text, text)


class PageNormaliser:
    """A dataset's rules for whole pages."""

    def __init__(self, dataset: Dataset) -> None:
        self.rules = Normaliser(dataset)
        self.columns = self.rules.columns
        self._dataset, self._start = dataset, blake2b(digest_size=8, person=SALT)
        self._flags = tuple(column.type == FLAG for column in dataset.columns)
        self._memos = [
            None if column.type == TEXT and not column.choices else _Memo(convert)
            for column, convert in zip(dataset.columns, self.rules.converters, strict=True)
        ]

    def page(self, page: Sequence[tuple[Any, ...]]) -> Batch:
        """Normalise a page. Every row of it is in the batch, or among its rejections."""
        for memo in filter(None, self._memos):
            memo.forget()
        if isinstance(page, Lines):
            return self._lines(page)
        columns = _as_texts(page, self._flags)
        data = None if columns is None else _as_data(columns)
        if columns is None or data is None:
            return self._one_by_one(page)
        return self._texts(columns, data, Lines(data).split(), lambda number: page[number])

    def _lines(self, page: Lines) -> Batch:
        try:
            lines, width = page.split(), len(self._dataset.columns)
            flat = page.data[:-1].decode().replace("\n", "\t").split("\t") if lines else []
            if len(flat) != width * len(lines):
                return self._one_by_one(list(page))
            texts = [flat[place::width] for place in range(width)]
            del flat
            return self._texts(texts, page.data, lines, lambda number: values(lines[number]))
        except UnicodeDecodeError:
            return self._one_by_one(list(page))

    def _texts(
        self, texts: list[list[str]], data: bytes, lines: list[bytes], raw: Callable[[int], tuple[Any, ...]]
    ) -> Batch:
        """The batch of a page that is texts, column by column, and at the same time `data`, line by line."""
        odd = odd_lines(data)
        nulls = [column.count(NULL) for column in texts]
        columns = [self._column(place, column, nulls[place], odd) for place, column in enumerate(texts)]
        if data.count(b"\\") != sum(nulls):
            odd |= escaped_lines(data)
        marks = [memo is None and count > 0 for memo, count in zip(self._memos, nulls, strict=True)]
        batch = self._finished(texts, columns, marks, self._canonical(texts, lines))
        return self._mended(batch, {number: raw(number) for number in sorted(odd)}) if odd else batch

    def _column(self, place: int, texts: list[str], nulls: int, odd: set[int]) -> list[Any]:
        """One column's values, NULL still as its mark in those of text; rows for the row rules are added to `odd`."""
        column, memo = self._dataset.columns[place], self._memos[place]
        if memo is not None:
            found = list(map(memo.__getitem__, texts))
            if _BAD in found:
                odd.update(number for number, value in enumerate(found) if value is _BAD)
            return found
        if column.name in NUMBER_TEXTS and not "".join(texts).isascii():
            odd.update([number for number, value in enumerate(texts) if not value.isascii()])
        if "" in texts or (nulls and not column.nullable):
            nothing = ("",) if column.nullable else ("", NULL)
            odd.update(number for number, value in enumerate(texts) if value in nothing)
        return texts

    def _finished(
        self, texts: list[list[str]], columns: list[list[Any]], nulls: list[bool], lines: list[bytes]
    ) -> Batch:
        """Put ids, hashes and search columns to columns, as if nothing in them were odd."""
        start = self._start.copy
        hashes = []
        for line in lines:
            digest = start()
            digest.update(line)
            hashes.append(digest.hexdigest())
        keys = [columns[place] if self._memos[place] is not None else texts[place] for place in self.rules.keys]
        ids = self._ids(keys)
        search, filled = self._search(texts), "input_code" in self.rules.place and bool(self.rules.searched)
        if filled:
            own = self.rules.place["input_code"]
            made = search[self.rules.searched.index("pinyin")]
            codes = [m if code in ("", NULL) else code for code, m in zip(texts[own], made, strict=True)]
            columns[own], nulls[own] = codes, False
        return Batch(Texts(columns, nulls), lines, ids, hashes, search, filled=filled)

    def _ids(self, keys: list[list[Any]]) -> list[str]:
        """See `numbers.mirrored_id`."""
        parts = [map(str, column) for column in keys]
        before = f"{self._dataset.name}\x1f"
        named = parts[0] if len(parts) == 1 else map("\x1f".join, zip(*parts, strict=True))
        return ["c" + blake2b((before + key).encode(), digest_size=12).hexdigest() for key in named]

    def _mended(self, batch: Batch, odd: Mapping[int, tuple[Any, ...]]) -> Batch:
        """What the row rules make of odd rows, in their places; those that are set aside go."""
        mended: dict[int, Sequence[Any]] = {}
        for number, raw in odd.items():
            made = self.rules.row(raw)
            if isinstance(made, Rejection):
                batch.rejections.append(made)
                continue
            mended[number] = made
            batch.lines[number] = self._line(made, raw)
            batch.ids[number], batch.hashes[number], *search = made[len(self._dataset.columns) :]
            for column, value in zip(batch.search, search, strict=True):
                column[number] = value
        batch.texts = replace(batch.texts, odd=mended)
        if not batch.rejections:
            return batch
        return batch.only([number not in odd or number in mended for number in range(len(batch))])

    def _line(self, made: Sequence[Any], raw: Sequence[Any]) -> bytes:
        """The canonical line of a row: with the search code it came with, not with the one we made."""
        clean = list(made[: len(self._dataset.columns)])
        own = self.rules.place.get("input_code")
        if own is not None:
            clean[own] = self.rules.converters[own](raw[own])
        return canonical(clean)

    def _canonical(self, texts: list[list[str]], lines: list[bytes]) -> list[bytes]:
        """The canonical lines: those that were read, unless a value of them is written otherwise."""
        spelled = [
            memo is not None and bool(memo.differs) and not memo.differs.isdisjoint(column)
            for memo, column in zip(self._memos, texts, strict=True)
        ]
        if not any(spelled) or not lines:
            return lines
        forms = [
            list(map(memo.spelled, column)) if memo is not None and other else column
            for memo, column, other in zip(self._memos, texts, spelled, strict=True)
        ]
        return "\n".join(map("\t".join, zip(*forms, strict=True))).encode().split(b"\n")

    def _search(self, texts: list[list[str]]) -> list[list[Any]]:
        if not self.rules.searched:
            return []
        place = self.rules.place
        pinyin = all_initials(texts[place["name"]], person=self._dataset.name in PEOPLE)
        if "input_code" in place:
            codes = texts[place["input_code"]]
            pinyin = [m if code in ("", NULL) else code.upper() for code, m in zip(codes, pinyin, strict=True)]
        found: dict[str, list[Any]] = {"pinyin": pinyin}
        if "phone" in place:
            found["phone_reversed"] = [None if text == NULL else text[::-1] for text in texts[place["phone"]]]
        return [found[name] for name in self.rules.searched]

    def _one_by_one(self, page: Iterable[Sequence[Any]]) -> Batch:
        width = len(self._dataset.columns)
        rows: list[tuple[Any, ...]] = []
        lines, rejections = [], []
        for raw in page:
            made = self.rules.row(raw)
            if isinstance(made, Rejection):
                rejections.append(made)
                continue
            rows.append(made)
            lines.append(self._line(made, raw))
        columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in self.columns]
        ids, hashes, *search = columns[width:]
        filled = "input_code" in self.rules.place and bool(self.rules.searched)
        return Batch(plain(columns[:width]), lines, ids, hashes, search, rejections, filled)


def _as_texts(page: Sequence[tuple[Any, ...]], flags: Sequence[bool]) -> list[list[str]] | None:
    """Tuples of a driver as columns of text; None where a value has no plain text of its own."""
    columns = [_texts(column, flag) for column, flag in zip(zip(*page, strict=True), flags, strict=False)]
    if not page or len(columns) != len(page[0]) or len(columns) != len(flags):
        return None
    found = [column for column in columns if column is not None]
    return found if len(found) == len(columns) else None


def _as_data(columns: list[list[str]]) -> bytes | None:
    """Columns as lines. Backslashes are not doubled. None where a value would tear its line, or is no Unicode."""
    text = "\n".join(map("\t".join, zip(*columns, strict=True))) + "\n"
    try:
        data = text.encode()
    except UnicodeEncodeError:
        return None
    rows = len(columns[0])
    return data if data.count(b"\n") == rows and data.count(b"\t") == rows * (len(columns) - 1) else None


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
