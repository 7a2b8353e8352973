"""From a row of the centre to a row of the mirror: types, blanks, sentinels, hashes, search codes.

Values come out as the store keeps them: amounts as whole cents, prices as ten-thousandths, dates as text.
`RULES_VERSION` is part of every row's hash: a change of these rules rewrites every row once, and the run knows why.
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
from sync.mirror.pinyin import initials

RULES_VERSION: Final = 1
REPLACEMENT: Final = "\ufffd"
PEOPLE: Final = frozenset({"patient", "staff", "operator"})

_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}")
_TRUE, _FALSE = frozenset(("1", "t", "y", "true", "yes")), frozenset(("0", "f", "n", "false", "no"))
_NOBODY_BORN, _FOR_EVER = "1900-01-01", "3000-01-01"
_LARGEST = 10**15


@dataclass(frozen=True)
class Rejection:
    """A row set aside. `row_id` is set where the key was readable: the last good version then stays."""

    dataset: str
    row_key: str
    reason: str
    detail: str
    row_id: str | None = None


class _Bad(Exception):
    """A value that does not fit its column; `args` are reason and column."""


class Normaliser:
    """The rules of one dataset, compiled once. `columns` are those of the tuples it makes."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._get = itemgetter(*dataset.names)
        self._converters = tuple(_converter(column) for column in dataset.columns)
        self._keys = tuple(i for i, column in enumerate(dataset.columns) if column.key)
        own = set(dataset.names)
        self._searched = tuple(name for name in SEARCHED.get(dataset.name, ()) if name not in own)
        self.columns: tuple[str, ...] = (*dataset.names, "id", "row_hash", *self._searched)
        self._place = {name: i for i, name in enumerate(dataset.names)}
        self._salt = f"{RULES_VERSION}\x1f{dataset.name}\x1f"

    def by_name(self, row: Mapping[str, Any]) -> tuple[Any, ...] | Rejection:
        """The same for a row whose values go by name."""
        return self.row(self._get(row))

    def row(self, raw: Sequence[Any]) -> tuple[Any, ...] | Rejection:
        """The mirror's row in the order of `columns`, or why it is set aside; `raw` has the dataset's order."""
        try:
            values = [convert(value) for convert, value in zip(self._converters, raw, strict=True)]
        except _Bad as bad:
            return self._rejected(raw, *bad.args)
        key = self._key(values)
        # NULL differs from every text, and no text can hold the separators.
        canonical = self._salt + "\x1f".join("\x00" if value is None else str(value) for value in values)
        digest = blake2b(canonical.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        search = self._search(values)
        return (*values, mirrored_id(self.dataset.name, *key), digest, *search)

    def _key(self, values: Sequence[Any]) -> tuple[str, ...]:
        return tuple(str(values[i]) for i in self._keys)

    def _search(self, values: list[Any]) -> tuple[str | None, ...]:
        """Search columns; also fills an empty input_code, which is why it runs after the hash."""
        if not self._searched:
            return ()
        place = self._place
        code = values[place["input_code"]] if "input_code" in place else None
        pinyin = code.upper() if code else initials(values[place["name"]], person=self.dataset.name in PEOPLE)
        if "input_code" in place and not code:
            values[place["input_code"]] = pinyin
        phone = values[place["phone"]] if "phone" in place else None
        found = {"pinyin": pinyin, "phone_reversed": phone[::-1] if phone else None}
        return tuple(found[name] for name in self._searched)

    def _rejected(self, raw: Sequence[Any], reason: str, column: str) -> Rejection:
        shown = "/".join("" if raw[i] is None else str(raw[i]).strip() for i in self._keys)
        row_id = None
        try:
            row_id = mirrored_id(self.dataset.name, *(str(self._converters[i](raw[i])) for i in self._keys))
        except _Bad:
            reason = "key_missing" if column in self.dataset.keys else reason
        return Rejection(self.dataset.name, shown, reason, f"column {column}", row_id)


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
    name, choices, needed = column.name, frozenset(column.choices), not column.nullable

    def checked(value: Any) -> Any:
        if value is not None:
            try:
                value = convert(value)
            except (ValueError, InvalidOperation, OverflowError) as error:
                raise _Bad(_reason(error), name) from None
        if value is None:
            if needed:
                raise _Bad("missing_value", name)
            return None
        if choices and value not in choices:
            raise _Bad("unknown_value", name)
        return value

    return checked


def _reason(error: Exception) -> str:
    known = ("replacement_character", "not_a_number", "not_a_date", "not_a_flag", "negative_price", "too_precise")
    return next((reason for reason in known if str(error) == reason), "not_a_number")


def _text(value: Any) -> str | None:
    text = value.strip() if isinstance(value, str) else _plain(value)
    if REPLACEMENT in text:
        raise ValueError("replacement_character")
    if "\x00" in text or "\x1f" in text:
        text = text.replace("\x00", "").replace("\x1f", "")
    return text or None


def _plain(value: Any) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise ValueError("not_a_number")
    return format(value, "f") if isinstance(value, Decimal) else str(value).strip()


def _int(value: Any) -> int | None:
    number = _number(value)
    if number is None:
        return None
    if number != number.to_integral_value():
        raise ValueError("too_precise")
    return int(number)


def _number(value: Any) -> Decimal | None:
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
    # A float of a driver is read as the shortest text that means it; nothing is computed with it.
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if not number.is_finite() or abs(number) >= _LARGEST:
        raise ValueError("not_a_number")
    return number


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


def _price(value: Any) -> int | None:
    scaled = _scaled(value, 4)
    if scaled is not None and scaled < 0:
        raise ValueError("negative_price")
    return scaled


def _flag(value: Any) -> bool | None:
    text = str(value).strip().lower()
    if not text:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError("not_a_flag")


def _date(value: Any) -> str | None:
    text = value.isoformat()[:10] if isinstance(value, date) else str(value).strip()
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
    text = value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else str(value).strip()
    if not text:
        return None
    try:
        if not _MOMENT.fullmatch(text):
            raise ValueError
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("not_a_date") from None
    return None if text <= _NOBODY_BORN + "~" or text >= _FOR_EVER else text
