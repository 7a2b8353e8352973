"""Rounding (抹零) and arrears (欠费): offered only where the hospital says so, and then lines of their own."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from config.settings import load
from fallback_server.acts.payments import PaymentIn, settle
from fallback_server.app import policy_of
from fallback_server.domain.errors import YjError
from fallback_server.domain.policy import Policy

TOTAL = Decimal("25.05")


def policy(folder: Path, methods: str) -> Policy:
    (folder / "yj.toml").write_text(f"[windows]\npayment_methods = {methods}\n", encoding="utf-8")
    return policy_of(load(folder, {}))


def paid(method: str, amount: str) -> PaymentIn:
    return PaymentIn(method=method, amount=amount)  # type: ignore[arg-type]


def test_a_hospital_that_rounds_books_the_small_change_as_a_line(tmp_path: Path) -> None:
    offered = policy(tmp_path, '["cash", "rounding"]')
    lines, change = settle(offered, TOTAL, [paid("rounding", "0.05"), paid("cash", "25.00")])
    assert [(line.method, line.amount) for line in lines] == [("rounding", Decimal("0.05")), ("cash", Decimal("25.00"))]
    assert change == 0
    with pytest.raises(YjError, match="invalid_request"):
        settle(offered, TOTAL, [paid("rounding", "1.00"), paid("cash", "24.05")])


def test_arrears_are_a_line_where_they_are_offered_and_refused_elsewhere(tmp_path: Path) -> None:
    lines, _ = settle(policy(tmp_path, '["cash", "arrears"]'), TOTAL, [paid("arrears", "25.05")])
    assert [(line.method, line.amount) for line in lines] == [("arrears", TOTAL)]
    with pytest.raises(YjError, match="method_off"):
        settle(policy(tmp_path, '["cash"]'), TOTAL, [paid("arrears", "25.05")])
