"""From the centre's values to ours: blanks, sentinels, exact numbers, stable hashes, search codes."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_server.domain.datasets import DATASETS
from fallback_server.domain.numbers import mirrored_id
from sync.mirror.normalise import Normaliser, Rejection, judge
from sync.mirror.pinyin import initials
from tests.mirror.hospital import drug, patient, prescription, row


def made(dataset: str, source: dict[str, Any]) -> dict[str, Any]:
    rules = Normaliser(DATASETS[dataset])
    found = rules.by_name(source)
    assert not isinstance(found, Rejection), found
    return dict(zip(rules.columns, found, strict=True))


def rejected(dataset: str, source: dict[str, Any]) -> Rejection:
    found = Normaliser(DATASETS[dataset]).by_name(source)
    assert isinstance(found, Rejection)
    return found


def test_padding_goes_and_blank_is_null() -> None:
    found = made("drug", drug(1, name="  阿莫西林  ", trade_name="   ", manufacturer=""))
    assert (found["name"], found["trade_name"], found["manufacturer"]) == ("阿莫西林", None, None)


@pytest.mark.parametrize(
    ("value", "stored"),
    [(Decimal("12.5"), 125000), ("12.5000", 125000), (3, 30000), ("0", 0), (Decimal("1.50000"), 15000), (12.5, 125000)],
)
def test_prices_are_exact_ten_thousandths(value: Any, stored: int) -> None:
    assert made("drug", drug(1, unit_price=value))["unit_price"] == stored


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("1.23456", "too_precise"), ("abc", "not_a_number"), ("NaN", "not_a_number"),
        (Decimal("Infinity"), "not_a_number"), ("-1", "negative_price"), (None, "missing_value"),
        ("  ", "missing_value"),
    ],
)  # fmt: skip
def test_a_price_that_cannot_be_is_set_aside(value: Any, reason: str) -> None:
    found = rejected("drug", drug(1, unit_price=value))
    assert (found.reason, found.detail, found.row_key) == (reason, "column unit_price", "1")
    assert found.row_id == mirrored_id("drug", "1")


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("2019-05-06", "2019-05-06"), ("20190506", "2019-05-06"), (date(2019, 5, 6), "2019-05-06"),
        (datetime(2019, 5, 6, 8), "2019-05-06"), ("1900-01-01", None), ("3000-01-01", None), ("", None),  # noqa: DTZ001
    ],
)  # fmt: skip
def test_dates_are_iso_and_sentinels_are_null(value: Any, stored: str | None) -> None:
    assert made("patient", patient(1, birth_date=value))["birth_date"] == stored


def test_a_date_that_never_was_is_set_aside() -> None:
    assert rejected("patient", patient(1, birth_date="2019-02-30")).reason == "not_a_date"
    assert rejected("open_prescription", prescription(1, written_at="2026-11-23 25:00:00")).reason == "not_a_date"


def test_a_row_without_a_key_has_no_last_good_version() -> None:
    found = rejected("drug", drug(1) | {"drug_code": "  "})
    assert (found.reason, found.row_id) == ("key_missing", None)


def test_values_outside_the_code_sets_are_set_aside() -> None:
    assert rejected("patient", patient(1, sex="1")).reason == "unknown_value"
    assert rejected("drug", drug(1) | {"active": "yes?"}).reason == "not_a_flag"


def test_replacement_characters_are_set_aside() -> None:
    assert rejected("patient", patient(1, name="王\ufffd明")).reason == "replacement_character"


def test_whole_numbers_come_from_padded_text_and_never_from_fractions() -> None:
    book = row(
        "receipt_book", operator_code="C01", prefix="A", start_no="00000001", end_no="00000500", next_no="00000017"
    )
    assert made("receipt_book", book)["next_no"] == 17
    assert rejected("receipt_book", book | {"next_no": "17.5"}).reason == "too_precise"


def test_the_hash_follows_contents_not_their_spelling() -> None:
    one = made("drug", drug(1, unit_price="12.5", name="阿莫西林"))
    same = made("drug", drug(1, unit_price=Decimal("12.5000"), name="阿莫西林 "))
    other = made("drug", drug(1, unit_price="12.5", name="阿莫西林", trade_name="x"))
    assert one["row_hash"] == same["row_hash"] != other["row_hash"]
    assert len(one["row_hash"]) == 16 and one["id"] == same["id"] == mirrored_id("drug", "1")


@given(st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=2, max_size=2))
def test_no_two_contents_share_a_canonical_text(pair: list[str | None]) -> None:
    """Neighbouring columns cannot borrow from each other, and NULL is no text."""
    left, right = pair
    swapped = made("diagnosis", row("diagnosis", diagnosis_code="A", name="x" + (left or ""), input_code=right))
    other = made(
        "diagnosis", row("diagnosis", diagnosis_code="A", name="x" + (left or "") + (right or ""), input_code=None)
    )
    if any(character > " " and character != "\x7f" and character.strip() for character in right or ""):
        assert swapped["row_hash"] != other["row_hash"]


def test_search_codes_are_made_where_the_centre_has_none() -> None:
    assert made("drug", drug(1, name="阿莫西林胶囊0.25g"))["pinyin"] == "AMXLJN0.25G"
    assert made("drug", drug(1, name="阿莫西林"))["input_code"] == "AMXL"
    kept = made("drug", drug(1, name="阿莫西林", input_code="amx"))
    assert (kept["input_code"], kept["pinyin"]) == ("amx", "AMX")
    child = made("patient", patient(1))
    assert (child["pinyin"], child["phone_reversed"]) == ("SXM", "43210000831")


def test_surnames_are_read_as_surnames() -> None:
    assert initials("单小明", person=True) == "SXM" and initials("曾医生", person=True) == "ZYS"
    assert initials("单纯疱疹") == "DCPZ"


def test_central_check_judges_by_the_same_rules() -> None:
    rules = judge()
    assert rules("drug", drug(1)) is None
    assert rules("drug", drug(1, unit_price="x")) == "not_a_number (column unit_price)"
