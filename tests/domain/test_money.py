"""Money: exact, two decimals, half-up, in words as on a receipt."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fallback_server.domain import money


@pytest.mark.parametrize(
    "bad", ["1.234", "1e2", "NaN", "", " 1", chr(0xFF11), "12345678901", True, None, "-", "+1", "1,000"]
)
def test_what_is_not_an_amount_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match=r"money is text|not an amount"):
        money.amount(bad)  # type: ignore[arg-type]


def test_a_float_is_never_money() -> None:
    with pytest.raises(ValueError, match="float"):
        money.amount(0.1)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("price", "quantity", "amount"),
    [
        ("0.3333", 3, "1.00"),
        ("0.0150", 1, "0.02"),
        ("0.0149", 1, "0.01"),
        ("12.5000", 2, "25.00"),
        ("0.0050", 1, "0.01"),
    ],
)
def test_a_line_is_price_times_quantity_half_up(price: str, quantity: int, amount: str) -> None:
    assert money.line_amount(money.price(price), quantity) == Decimal(amount)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0", "零元整"),
        ("0.10", "壹角"),
        ("0.05", "伍分"),
        ("12", "壹拾贰元整"),
        ("12.30", "壹拾贰元叁角"),
        ("10305.07", "壹万零叁佰零伍元零柒分"),
        ("100000", "壹拾万元整"),
        ("-36.5", "负叁拾陆元伍角"),
    ],
)
def test_the_total_in_words_as_printed_on_a_receipt(amount: str, words: str) -> None:
    assert money.in_words(money.amount(amount)) == words


@pytest.mark.parametrize(
    ("stored", "shown"), [("80.0000", "80.00"), ("3.3350", "3.335"), ("1.2345", "1.2345"), ("100", "100"), ("", "")]
)
def test_a_unit_price_has_no_zeros_beyond_cents_on_paper(stored: str, shown: str) -> None:
    assert money.price_shown(stored) == shown


def test_a_refund_goes_back_to_the_last_method_first_and_never_above_what_it_holds() -> None:
    parts = money.give_back(Decimal("25.00"), [("cash", Decimal("20.00")), ("wechat", Decimal("10.00"))])
    assert parts == [("wechat", Decimal("10.00")), ("cash", Decimal("15.00"))]


def test_more_than_was_paid_is_never_given_back() -> None:
    with pytest.raises(ValueError, match="hold less"):
        money.give_back(Decimal("25.01"), [("cash", Decimal("25.00"))])
