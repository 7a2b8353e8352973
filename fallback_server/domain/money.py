"""Money: one constructor, one rounding function, amounts in words.

An amount is a Decimal with exactly two decimals (yuan and fen), a unit price one with exactly four. Float never enters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
PRICE_STEP = Decimal("0.0001")
ZERO = Decimal("0.00")
MAX_AMOUNT = Decimal("9999999999.99")  # numeric(12,2): above any outpatient bill, below every centre's column

_AMOUNT_TEXT = re.compile(r"-?\d{1,10}(\.\d{1,2})?", re.ASCII)
_PRICE_TEXT = re.compile(r"\d{1,10}(\.\d{1,4})?", re.ASCII)


def amount(value: str | int | Decimal) -> Decimal:
    """An exact amount with two decimals. Raises ValueError for more decimals, floats, exponents, NaN or too large."""
    text = _plain(value)
    if not _AMOUNT_TEXT.fullmatch(text):
        raise ValueError(f"not an amount: {value!r}")
    return Decimal(text).quantize(CENT)


def price(value: str | int | Decimal) -> Decimal:
    """An exact unit price with four decimals, never negative. Raises ValueError otherwise."""
    text = _plain(value)
    if not _PRICE_TEXT.fullmatch(text):
        raise ValueError(f"not a unit price: {value!r}")
    return Decimal(text).quantize(PRICE_STEP)


def _plain(value: str | int | Decimal) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise ValueError(f"money is text or Decimal, not {type(value).__name__}")
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"not an amount: {value!r}")
        return format(value.normalize() if value else Decimal(0), "f")
    return str(value)


def round_cents(value: Decimal) -> Decimal:
    """Half-up to two decimals, away from zero on the half, the only rounding there is."""
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def line_amount(unit_price: Decimal, quantity: int) -> Decimal:
    """What `quantity` pieces cost: unit price × quantity, half-up to two decimals; the sign follows the quantity."""
    return round_cents(unit_price * quantity)


def refund_amount(unit_price: Decimal, remaining: int, quantity: int) -> Decimal:
    """What is given back (negative) for `quantity` pieces of a line that still has `remaining`.

    It is the difference of two line amounts, so that refunds in any number of parts add up to the whole line exactly.
    """
    if not 0 < quantity <= remaining:
        raise ValueError("a refund takes between one and all remaining pieces")
    return line_amount(unit_price, remaining - quantity) - line_amount(unit_price, remaining)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum, with two decimals, zero for nothing."""
    return sum(amounts, ZERO)


def give_back(due: Decimal, available: Sequence[tuple[str, Decimal]]) -> list[tuple[str, Decimal]]:
    """Split the refund `due` (positive) over the methods it was paid with, last method first.

    `available` is what each payment still holds (positive). The parts are positive, sum to `due` exactly and none
    exceeds what its payment holds. Raises ValueError if the payments do not hold enough.
    """
    parts: list[tuple[str, Decimal]] = []
    left = due
    for method, held in reversed(available):
        part = min(held, left)
        if part > 0:
            parts.append((method, part))
            left -= part
    if left != 0:
        raise ValueError("the payments hold less than is to be given back")
    return parts


def to_text(value: Decimal) -> str:
    """Two decimals, as everywhere in the interface."""
    return format(value.quantize(CENT), "f")


def price_text(value: Decimal) -> str:
    """Four decimals, as unit prices are stored and sent to the centre."""
    return format(value.quantize(PRICE_STEP), "f")


def price_shown(text: str) -> str:
    """A stored unit price for the eye, as the pages show it: no zeros beyond cents."""
    whole, point, parts = text.partition(".")
    return whole + point + parts[:2] + parts[2:].rstrip("0")


def in_words(value: Decimal) -> str:
    """The amount in Chinese capitals (大写) as on a receipt: 壹拾贰元整; a refund begins with 负."""
    import cn2an

    text = str(cn2an.an2cn(to_text(abs(value)), "rmb"))
    return f"负{text}" if value < 0 else text
