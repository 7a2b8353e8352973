"""What mapping.toml says about the values of a SELECT: forms of times, values that mean nothing.

Compiled once per dataset; where the mapping says nothing, rows pass untouched. The mirror's own rules come after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from fallback_server.domain.datasets import DATASETS, DATE, TEXT, TIME
from sync.central.options import BMP_ONLY, MappingFile

Convert = Callable[[Any], Any]
_SHOWN = {DATE: "%Y-%m-%d", TIME: "%Y-%m-%d %H:%M:%S"}


def row_converter(dataset: str, options: MappingFile) -> Callable[[Sequence[Any]], tuple[Any, ...]] | None:
    """What turns a row in the dataset's order into one by the options; further columns pass. None: nothing to do."""
    own = [_of(column.type, options) for column in DATASETS[dataset].columns]
    places = [(place, convert) for place, convert in enumerate(own) if convert is not None]
    if not places:
        return None

    def convert_row(row: Sequence[Any]) -> tuple[Any, ...]:
        values = list(row)
        for place, convert in places:
            if values[place] is not None:
                values[place] = convert(values[place])
        return tuple(values)

    return convert_row


def _of(kind: str, options: MappingFile) -> Convert | None:
    if kind in _SHOWN and (options.times.read or options.sentinels.days):
        days = frozenset(options.sentinels.days)
        return lambda value: _moment(value, options.times.read, _SHOWN[kind], days)
    if kind == TEXT and options.sentinels.texts:
        nothing = frozenset(options.sentinels.texts)
        return lambda value: None if isinstance(value, str) and value.strip() in nothing else value
    return None


def _moment(value: Any, patterns: Sequence[str], shown: str, nothing: frozenset[str]) -> Any:
    """The value in ISO form; one that fits no pattern stays as it is, for the mirror's rules to judge."""
    if isinstance(value, str):
        text = value.strip()
        for pattern in patterns:
            try:
                value = datetime.strptime(text, pattern).strftime(shown)  # noqa: DTZ007  (hospital time, as all there)
            except ValueError:
                continue
            break
    return None if str(value)[:10] in nothing else value


def first_outside(text: str, code_page: str) -> str | None:
    """The first character that a code page does not hold, as U+XXXX; None if it holds all."""
    if code_page == BMP_ONLY:
        return next((f"U+{ord(sign):04X}" for sign in text if ord(sign) > 0xFFFF), None)
    try:
        text.encode(code_page)
    except UnicodeEncodeError as error:
        return f"U+{ord(text[error.start]):04X}"
    return None
