"""Rules of prescribing that need no database."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fallback_server.windows.doctor.rules import allergens, choose_pharmacy


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, []),
        ("无", []),
        ("否认药物过敏史", []),
        ("无药物过敏史；否认食物过敏", []),
        ("青霉素", ["青霉素"]),
        ("对青霉素过敏，头孢类", ["青霉素", "头孢"]),
        ("磺胺类药物过敏、碘", ["磺胺"]),
        ("aspirin / ibuprofen", ["aspirin", "ibuprofen"]),
    ],
)
def test_an_allergy_text_names_substances(text: str | None, found: list[str]) -> None:
    assert allergens(text) == found


def stock(**pharmacies: dict[str, int]) -> dict[str, dict[str, Decimal]]:
    return {name: {code: Decimal(quantity) for code, quantity in held.items()} for name, held in pharmacies.items()}


@pytest.mark.parametrize(
    ("held", "chosen"),
    [
        (stock(A={"x": 5}, B={"x": 5, "y": 5}), "B"),
        (stock(A={"x": 5, "y": 5}, B={"x": 5, "y": 5}), "A"),
        (stock(A={"x": 0, "y": 0}, B={"y": 5}), "B"),
        (stock(A={"x": 0}), "A"),
        (stock(), "P1"),
    ],
)
def test_the_pharmacy_that_holds_all_of_it_is_chosen(held: dict[str, dict[str, Decimal]], chosen: str) -> None:
    assert choose_pharmacy(held, {"x": 1, "y": 2}, ["P1", "P2"]) == chosen


def test_without_any_pharmacy_none_is_chosen() -> None:
    assert choose_pharmacy({}, {"x": 1}, []) is None
