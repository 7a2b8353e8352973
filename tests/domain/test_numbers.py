"""Numbers people read, and identities machines keep."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from fallback_server.domain import numbers

AT = datetime(2026, 11, 22, 8, tzinfo=UTC)


def test_a_yj_number_says_day_workstation_and_sequence() -> None:
    assert numbers.yj_number(date(2026, 11, 22), 7, 12) == "YJ2611220070012"
    assert numbers.yj_number(date(2026, 11, 22), 7, 12345) == "YJ26112200712345"


@pytest.mark.parametrize(("station", "sequence"), [(0, 1), (1000, 1), (1, 0)])
def test_a_number_that_does_not_fit_is_refused(station: int, sequence: int) -> None:
    with pytest.raises(ValueError, match="workstation"):
        numbers.yj_number(date(2026, 11, 22), station, sequence)


def test_a_further_document_of_the_same_act_gets_the_same_identity_again() -> None:
    parent = numbers.new_ulid(AT)
    first = numbers.child_ulid(parent, "charge")
    assert first == numbers.child_ulid(parent, "charge") != numbers.child_ulid(parent, "refund")
    assert numbers.is_ulid(first)
    assert first[:10] == parent[:10]


def test_a_mirrored_row_keeps_its_id_and_is_never_taken_for_one_of_ours() -> None:
    assert numbers.mirrored_id("drug", "17") == numbers.mirrored_id("drug", "17")
    assert numbers.mirrored_id("drug", "17") != numbers.mirrored_id("fee_item", "17")
    assert numbers.mirrored_id("x", "ab", "c") != numbers.mirrored_id("x", "a", "bc")
    assert not numbers.is_ulid(numbers.mirrored_id("drug", "17").upper())
