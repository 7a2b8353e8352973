"""Whatever is charged and however it is given back: the parts add up, and nobody gets more than was paid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fallback_server.acts.payments import GivenBack, Paid, PaymentIn, give_back, settle
from fallback_server.acts.refunds import part
from fallback_server.domain import money
from fallback_server.domain.errors import YjError
from fallback_server.domain.policy import Policy

POLICY = Policy()
prices = st.integers(0, 99_999_999).map(lambda n: Decimal(n).scaleb(-4))
cents = st.integers(1, 5_000_000).map(lambda n: Decimal(n).scaleb(-2))
quantities = st.integers(1, 999)


@st.composite
def cuts(draw: st.DrawFn) -> tuple[int, list[int]]:
    """A quantity and the sizes of the parts in which it is refunded."""
    total = draw(quantities)
    sizes, left = [], total
    while left:
        size = draw(st.integers(1, left))
        sizes.append(size)
        left -= size
    return total, sizes


@given(price=prices, cut=cuts())
def test_refunds_of_a_line_in_any_parts_give_back_the_line_exactly(price: Decimal, cut: tuple[int, list[int]]) -> None:
    quantity, sizes = cut
    rest, held = quantity, money.line_amount(price, quantity)
    whole = held
    back = money.ZERO
    for size in sizes:
        given = part(rest, held, price, size)
        assert -held <= given <= 0
        rest, held, back = rest - size, held + given, back + given
        assert held == money.line_amount(price, rest)  # what remains is priced like a line of that size
    assert back == -whole


@given(price=prices, amount=cents, cut=cuts())
def test_a_line_the_centre_priced_otherwise_gives_back_exactly_what_it_cost(
    price: Decimal, amount: Decimal, cut: tuple[int, list[int]]
) -> None:
    rest, held = cut[0], amount
    for size in cut[1]:
        given = part(rest, held, price, size)
        assert -held <= given <= 0
        rest, held = rest - size, held + given
    assert held == 0


METHODS = ("cash", "bank_card", "wechat", "alipay", "other")
payments = st.lists(
    st.builds(
        lambda method, amount, extra: PaymentIn(
            method=method,
            amount=amount,
            reference="4200001",
            tendered=amount + extra if method == "cash" and extra else None,
        ),
        st.sampled_from(METHODS),
        cents,
        st.integers(0, 10_000).map(lambda n: Decimal(n).scaleb(-2)),
    ),
    min_size=1,
    max_size=5,
)


@given(total=cents, offered=payments)
def test_what_is_stored_equals_the_total_or_nothing_is(total: Decimal, offered: list[PaymentIn]) -> None:
    try:
        stored, change = settle(POLICY, total, offered)
    except YjError as error:
        assert error.code == "payments_mismatch"
        assert money.total(p.amount for p in offered) != total
        return
    assert money.total(p.amount for p in stored) == total
    assert all(p.amount > 0 for p in stored)
    assert [p.method for p in stored] == [p.method for p in offered]
    tendered = money.total((p.tendered or p.amount) for p in offered)
    assert change == tendered - total >= 0
    assert all(a.amount == b.amount for a, b in zip(offered, stored, strict=True) if a.method != "cash")


@given(offered=payments, surplus=cents)
def test_cash_alone_may_exceed_what_is_due(offered: list[PaymentIn], surplus: Decimal) -> None:
    assume(all(p.method != "cash" for p in offered))
    total = money.total(p.amount for p in offered)
    assume(total > surplus)
    with pytest.raises(YjError, match="payments_mismatch"):
        settle(POLICY, total - surplus, offered)


@given(data=st.data(), amounts=st.lists(st.tuples(st.sampled_from(METHODS), cents), min_size=1, max_size=5))
def test_no_way_of_paying_ever_gives_back_more_than_it_holds(data: st.DataObject, amounts: list[Any]) -> None:
    held: dict[str, Decimal] = {}
    for method, amount in amounts:
        held[method] = held.get(method, money.ZERO) + amount
    for turn in range(5):
        left = int(money.total(held.values()).scaleb(2))
        if left == 0:
            break
        due = Decimal(left if turn == 4 else data.draw(st.integers(1, left))).scaleb(-2)
        before = [Paid(n, method, amount) for n, (method, amount) in enumerate(held.items(), start=1)]
        back = give_back(POLICY, due, before, None)
        assert money.total(p.amount for p in back) == -due
        for p in back:
            assert 0 < -p.amount <= held[p.method]
            held[p.method] += p.amount
    assert all(amount == 0 for amount in held.values())


@given(due=cents, chosen=st.lists(st.tuples(st.sampled_from(METHODS), cents), max_size=4))
def test_chosen_payments_of_a_refund_add_up_or_are_refused(due: Decimal, chosen: list[Any]) -> None:
    wanted = [GivenBack(method=method, amount=amount) for method, amount in chosen]
    try:
        back = give_back(POLICY, due, [Paid(1, "cash", due)], wanted)
    except YjError as error:
        assert error.code == "payments_mismatch"
        return
    assert money.total(p.amount for p in back) == -due
