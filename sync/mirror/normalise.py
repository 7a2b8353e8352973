"""From a row of the centre to a row of the mirror: types, blanks, sentinels, hashes, search codes.

Values come out as the store keeps them: amounts as whole cents, prices as ten-thousandths, dates as text.
`RULES_VERSION` is part of every row's hash: a change of these rules rewrites every row once, and the run knows why.
`Normaliser` is what the rules are; `columns.py` does the same to a page at a time, and a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from hashlib import blake2b
from operator import itemgetter
from typing import Any, Final

from fallback_server.domain.datasets import AMOUNT, DATASETS, DATE, FLAG, INT, PRICE, TIME, Column, Dataset
from fallback_server.domain.numbers import mirrored_id
from fallback_server.store.mirror import SEARCHED
from sync.central.lines import NULL, escaped
from sync.mirror.pinyin import initials

RULES_VERSION: Final = 2
SALT: Final = b"yj-rules-%d" % RULES_VERSION
REPLACEMENT: Final = "\ufffd"
PEOPLE: Final = frozenset({"patient", "staff", "operator"})

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})", re.ASCII)
# Parts of a second and the zone a driver's text may carry are left out: times are the hospital's own, to the second.
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})(?:\.\d+)?(?:[+-]\d{2}(?::?\d{2}){0,2}|Z)?", re.ASCII)
_TRUE, _FALSE = frozenset(("1", "t", "y", "true", "yes")), frozenset(("0", "f", "n", "false", "no"))
_NOBODY_BORN, _FOR_EVER = "1900-01-01", "3000-01-01"
_LARGEST = 10**15
_LARGEST_PRICE = 10**12  # in ten-thousandths it still fits 64 bits
_LARGEST_COUNT = 2**31 - 1  # what documents can hold; receipt numbers are longer
RECEIPT_NUMBERS: Final = frozenset({"start_no", "end_no", "next_no"})
SIGNED_AMOUNTS: Final = frozenset({"qty"})  # a stock may have been dispensed below nothing
# Control characters go; those that part words become a blank.
_CONTROLS = {code: None for code in (*range(32), 127)} | dict.fromkeys(map(ord, "\t\n\v\f\r"), " ")
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
# Numbers people key in: a full-width digit is the same digit there. Names and addresses stay as they are.
NUMBER_TEXTS: Final = frozenset({"id_no", "phone", "guardian_phone", "insurance_no", "slip_no"})


@dataclass(frozen=True)
class Rejection:
    """A row set aside. `row_id` is set where the key was readable: the last good version then stays."""

    dataset: str
    row_key: str
    reason: str
    detail: str
    row_id: str | None = None


class Unfit(Exception):
    """A value that does not fit its column; `args` are reason and column."""


class Normaliser:
    """The rules of one dataset, compiled once. `columns` are those of the tuples it makes."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._get = itemgetter(*dataset.names)
        self.converters = tuple(_converter(column) for column in dataset.columns)
        self.keys = tuple(i for i, column in enumerate(dataset.columns) if column.key)
        own = set(dataset.names)
        self.searched = tuple(name for name in SEARCHED.get(dataset.name, ()) if name not in own)
        self.columns: tuple[str, ...] = (*dataset.names, "id", "row_hash", *self.searched)
        self.place = {name: i for i, name in enumerate(dataset.names)}

    def by_name(self, row: Mapping[str, Any]) -> tuple[Any, ...] | Rejection:
        """The same for a row whose values go by name."""
        return self.row(self._get(row))

    def row(self, raw: Sequence[Any]) -> tuple[Any, ...] | Rejection:
        """The mirror's row in the order of `columns`, or why it is set aside; `raw` has the dataset's order."""
        try:
            values = [convert(value) for convert, value in zip(self.converters, raw, strict=True)]
        except Unfit as bad:
            return self._rejected(raw, *bad.args)
        digest = line_hash(canonical(values))
        search = self._search(values)
        return (*values, mirrored_id(self.dataset.name, *self._key(values)), digest, *search)

    def _key(self, values: Sequence[Any]) -> tuple[str, ...]:
        return tuple(str(values[i]) for i in self.keys)

    def _search(self, values: list[Any]) -> tuple[str | None, ...]:
        """Search columns; also fills an empty input_code, which is why it runs after the hash."""
        if not self.searched:
            return ()
        place = self.place
        code = values[place["input_code"]] if "input_code" in place else None
        pinyin = code.upper() if code else initials(values[place["name"]], person=self.dataset.name in PEOPLE)
        if "input_code" in place and not code:
            values[place["input_code"]] = pinyin
        phone = values[place["phone"]] if "phone" in place else None
        found = {"pinyin": pinyin, "phone_reversed": phone[::-1] if phone else None}
        return tuple(found[name] for name in self.searched)

    def _rejected(self, raw: Sequence[Any], reason: str, column: str) -> Rejection:
        shown = "/".join("" if raw[i] is None else str(raw[i]).strip() for i in self.keys)
        row_id = None
        try:
            row_id = mirrored_id(self.dataset.name, *(str(self.converters[i](raw[i])) for i in self.keys))
        except Unfit:
            reason = "key_missing" if column in self.dataset.keys else reason
        return Rejection(self.dataset.name, shown, reason, f"column {column}", row_id)


def canonical(values: Sequence[Any]) -> bytes:
    """A normalised row as the text COPY would give: what its hash is taken over. NULL differs from every text."""
    return "\t".join(map(copy_text, values)).encode()


def copy_text(value: Any) -> str:
    """One normalised value in COPY text form."""
    if value is None:
        return NULL
    if isinstance(value, str):
        return escaped(value)
    return "1" if value is True else "0" if value is False else str(value)


def line_hash(line: bytes) -> str:
    """64 bits over a canonical line, salted with the version of the rules."""
    return blake2b(line, digest_size=8, person=SALT).hexdigest()


def judge() -> Callable[[str, Mapping[str, Any]], str | None]:
    """For `central check`: why the mirror would set a row aside, or None. Keeps its rules between calls."""
    rules: dict[str, Normaliser] = {}

    def judged(dataset: str, row: Mapping[str, Any]) -> str | None:
        if dataset not in rules:
            rules[dataset] = Normaliser(DATASETS[dataset])
        made = rules[dataset].by_name(row)
        return f"{made.reason} ({made.detail})" if isinstance(made, Rejection) else None

    return judged


def _converter(column: Column) -> Callable[[Any], Any]:
    convert = {INT: _int, FLAG: _flag, PRICE: _price, AMOUNT: _amount, DATE: _date, TIME: _time}.get(column.type, _text)
    if column.name in NUMBER_TEXTS:
        convert = _number_text
    if column.type == INT and column.name not in RECEIPT_NUMBERS:
        convert = _quantity if column.name == "quantity" else _count
    if column.type == AMOUNT and column.name not in SIGNED_AMOUNTS:
        convert = _fee
    name, choices, needed = column.name, frozenset(column.choices), not column.nullable

    def checked(value: Any) -> Any:
        if value is not None:
            try:
                value = convert(value)
            except (ValueError, InvalidOperation, OverflowError) as error:
                raise Unfit(_reason(error), name) from None
        if value is None:
            if needed:
                raise Unfit("missing_value", name)
            return None
        if choices and value not in choices:
            raise Unfit("unknown_value", name)
        return value

    return checked


REASONS: Final = frozenset({
    "replacement_character", "not_text", "not_a_number", "not_a_date", "not_a_flag", "negative_price",
    "negative_amount", "too_precise", "out_of_range",
})  # fmt: skip


def _reason(error: Exception) -> str:
    return str(error) if str(error) in REASONS else "not_a_number"


def _text(value: Any) -> str | None:
    text = value.strip() if isinstance(value, str) else _plain(value)
    if REPLACEMENT in text or not _encodable(text):
        raise ValueError("replacement_character")
    if _CONTROL.search(text):
        text = text.translate(_CONTROLS).strip()
    return text or None


def _encodable(text: str) -> bool:
    """Half of a pair of surrogates is no character: a driver cut it in two."""
    return text.isascii() or not _SURROGATE.search(text)


def _number_text(value: Any) -> str | None:
    text = _text(value)
    return text if text is None or text.isascii() else text.translate(_WIDE).strip() or None


def _plain(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise ValueError("not_text")
    return format(value, "f") if isinstance(value, Decimal) else str(value).strip()


def _int(value: Any) -> int | None:
    number = _number(value)
    if number is None:
        return None
    if number != number.to_integral_value():
        raise ValueError("too_precise")
    return int(number)


def _count(value: Any) -> int | None:
    number = _int(value)
    if number is not None and abs(number) > _LARGEST_COUNT:
        raise ValueError("out_of_range")
    return number


def _quantity(value: Any) -> int | None:
    """Pieces: nothing can be charged or handed over that is none, or less."""
    number = _count(value)
    if number is not None and number < 1:
        raise ValueError("out_of_range")
    return number


def _number(value: Any) -> Decimal | None:
    if isinstance(value, str):
        value = _narrow(value)
        if not value:
            return None
    # A float of a driver is read as the shortest text that means it; nothing is computed with it.
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if not number.is_finite():
        raise ValueError("not_a_number")
    if abs(number) >= _LARGEST:
        raise ValueError("out_of_range")
    return number


def _narrow(text: str) -> str:
    """Full-width digits and marks in their usual form, without padding."""
    return text.strip() if text.isascii() else text.translate(_WIDE).strip()


def _scaled(value: Any, places: int) -> int | None:
    number = _number(value)
    if number is None:
        return None
    scaled = number.scaleb(places)
    whole = int(scaled)
    if whole != scaled:
        raise ValueError("too_precise")
    return whole


def _amount(value: Any) -> int | None:
    return _scaled(value, 2)


def _fee(value: Any) -> int | None:
    scaled = _amount(value)
    if scaled is not None and scaled < 0:
        raise ValueError("negative_amount")
    return scaled


def _price(value: Any) -> int | None:
    scaled = _scaled(value, 4)
    if scaled is not None and scaled < 0:
        raise ValueError("negative_price")
    if scaled is not None and scaled >= _LARGEST_PRICE * 10**4:
        raise ValueError("out_of_range")
    return scaled


def _flag(value: Any) -> bool | None:
    text = _narrow(str(value)).lower()
    if not text:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError("not_a_flag")


def _date(value: Any) -> str | None:
    text = value.isoformat()[:10] if isinstance(value, date) else _narrow(str(value))
    if not text:
        return None
    match = _DAY.fullmatch(text[:10] if "-" in text else text)
    if match is None:
        raise ValueError("not_a_date")
    day = "-".join(match.groups())
    if day <= _NOBODY_BORN or day >= _FOR_EVER:
        return None
    try:
        date.fromisoformat(day)
    except ValueError:
        raise ValueError("not_a_date") from None
    return day


def _time(value: Any) -> str | None:
    text = value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else _narrow(str(value))
    if not text:
        return None
    try:
        match = _MOMENT.fullmatch(text)
        if match is None:
            raise ValueError
        text = " ".join(match.groups())
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("not_a_date") from None
    return None if text <= _NOBODY_BORN + "~" or text >= _FOR_EVER else text
