"""Column types of the reference HIS where databases differ: padded codes and exact money also on SQLite."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import CHAR, Numeric, Unicode
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine, UserDefinedType


class PaddedChar(UserDefinedType[str]):
    """``CHAR(n)`` for SQLite, which does not pad by itself: padded when written, blanks at the end compare equal."""

    cache_ok = True

    def __init__(self, length: int) -> None:
        self.length = length

    def get_col_spec(self, **_: Any) -> str:
        return f"CHAR({self.length}) COLLATE RTRIM"

    def bind_processor(self, dialect: Dialect) -> Callable[[str | None], str | None]:
        return lambda value: None if value is None else value.ljust(self.length)


class ExactNumber(UserDefinedType[Decimal]):
    """``NUMERIC(p, s)`` for SQLite, whose driver knows no Decimal: text in, a Decimal of the scale out."""

    cache_ok = True

    def __init__(self, precision: int, scale: int) -> None:
        self.precision, self.scale = precision, scale

    def get_col_spec(self, **_: Any) -> str:
        return f"NUMERIC({self.precision}, {self.scale})"

    def bind_processor(self, dialect: Dialect) -> Callable[[Decimal | int | None], str | None]:
        return lambda value: None if value is None else str(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Decimal | None]:
        unit = Decimal(1).scaleb(-self.scale)
        return lambda value: None if value is None else Decimal(str(value)).quantize(unit)


def char(length: int) -> TypeEngine[str]:
    """A code of the house: fixed length, padded on every database that keeps padding."""
    return CHAR(length).with_variant(PaddedChar(length), "sqlite")


def number(precision: int, scale: int) -> TypeEngine[Decimal]:
    """An exact number: money, a price, a quantity."""
    return Numeric(precision, scale).with_variant(ExactNumber(precision, scale), "sqlite")


def words(length: int) -> TypeEngine[str]:
    """Text in any script: NVARCHAR on SQL Server."""
    return Unicode(length)
