"""Metadata and column types shared by all tables.

Two schemas: the default one (`yj.db`) is what the standby owns; `mirror` (`mirror.db`) is the copy of the centre.
Times are
RFC 3339 text with the hospital's offset; money is whole cents, unit prices are ten-thousandths, so that sums in SQL are
exact on every store.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from sqlalchemy import BigInteger, Integer, MetaData
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from fallback_server.domain import money

MIRROR_SCHEMA: Final = "mirror"

NAMING: Final = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

metadata = MetaData(naming_convention=NAMING)
mirror_metadata = MetaData(naming_convention=NAMING, schema=MIRROR_SCHEMA)

BigKey = BigInteger().with_variant(Integer(), "sqlite")
"""A growing integer key: SQLite numbers only INTEGER PRIMARY KEY columns by itself."""


class Cents(TypeDecorator[Decimal]):
    """An amount with two decimals, stored as whole cents."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        return None if value is None else int(money.amount(value).scaleb(2))

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(int(value)).scaleb(-2).quantize(money.CENT)


class UnitPrice(TypeDecorator[Decimal]):
    """A unit price with four decimals, stored as ten-thousandths."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        return None if value is None else int(money.price(value).scaleb(4))

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(int(value)).scaleb(-4).quantize(money.PRICE_STEP)
