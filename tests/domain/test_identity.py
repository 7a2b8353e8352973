"""Who counts as the same person, and what lists may show."""

from __future__ import annotations

from datetime import date

import pytest

from fallback_server.domain import identity

FULL_WIDTH = str.maketrans({str(n): chr(0xFF10 + n) for n in range(10)})
OWN = {"id_no": "11010519491231002X", "name": "王芳", "sex": "F", "birth_date": "1949-12-31"}


def test_the_check_digit_and_the_birth_date_are_read_from_an_id_number() -> None:
    assert identity.resident_id_birth("11010519491231002X") == date(1949, 12, 31)


@pytest.mark.parametrize(
    "id_no",
    [
        "110105194912310021",
        "11010519491331002X",
        "110105491231002",
        "",
        "11010519491231002X".translate(FULL_WIDTH),
        "A1010519491231002X",
    ],
)
def test_an_id_number_that_is_wrong_tells_nothing(id_no: str) -> None:
    assert identity.resident_id_birth(id_no) is None


def test_all_four_must_agree_for_an_automatic_link() -> None:
    assert identity.same_person(OWN, dict(OWN))
    for name, other in {"id_no": "110105194912310038", "name": "王方", "sex": "M", "birth_date": "1950-01-01"}.items():
        assert not identity.same_person(OWN, {**OWN, name: other}), name


def test_an_infant_filed_under_a_parents_id_always_goes_to_a_person() -> None:
    infant = {**OWN, "name": "王芳之子", "birth_date": "2026-11-01"}
    assert not identity.same_person(infant, dict(infant))


def test_lists_show_neither_whole_ids_nor_whole_phones() -> None:
    assert identity.mask_id("11010519491231002X") == "110*************2X"
    assert identity.mask_phone("15412345678") == "154****5678"
    assert identity.mask_phone("12345") == "*****"
