"""Which book is used next: the plan over mirrored and own books."""

from __future__ import annotations

from typing import Any

from fallback_server.acts.receipt_books import beside_the_his, plan, width_of


def mirrored(start: int, end: int, following: int, prefix: str = "A") -> dict[str, Any]:
    return {"operator_code": "0201", "prefix": prefix, "start_no": start, "end_no": end, "next_no": following}


def own(
    start: int, end: int, following: int, *, incident: int, source: str = "mirror", prefix: str = "A"
) -> dict[str, Any]:
    return {
        **mirrored(start, end, following, prefix), "id": start, "width": 8, "source": source, "incident_no": incident,
        "central_next": following, "left_at": None, "recheck_since": None,
    }  # fmt: skip


def numbers(*args: Any) -> list[tuple[int, int]]:
    return [(book.start_no, book.next_no) for book in plan("0201", *args)]


def test_the_first_use_takes_the_mirrored_book() -> None:
    assert numbers([mirrored(1, 100, 41)], [], 1) == [(1, 41)]


def test_in_use_our_copy_counts_whatever_the_mirror_says() -> None:
    assert numbers([mirrored(1, 100, 90)], [own(1, 100, 50, incident=1)], 1) == [(1, 50)]


def test_a_new_incident_starts_from_the_larger_of_both() -> None:
    assert numbers([mirrored(1, 100, 90)], [own(1, 100, 50, incident=1)], 2) == [(1, 90)]
    assert numbers([mirrored(1, 100, 41)], [own(1, 100, 50, incident=1)], 2) == [(1, 50)]


def test_a_book_the_centre_no_longer_shows_is_not_used_in_a_new_incident_unless_issued_here() -> None:
    assert numbers([], [own(1, 100, 50, incident=1)], 2) == []
    assert numbers([], [own(1, 100, 50, incident=1, source="issued")], 2) == [(1, 50)]


def test_an_issued_book_that_the_centre_shows_later_is_one_book() -> None:
    assert numbers([mirrored(1, 100, 70)], [own(1, 100, 50, incident=1, source="issued")], 2) == [(1, 70)]
    assert numbers([mirrored(1, 100, 70)], [own(1, 100, 50, incident=1, source="issued")], 1) == [(1, 50)]


def test_a_begun_book_is_finished_first_then_the_lower_numbers() -> None:
    books = [mirrored(201, 300, 201), mirrored(101, 200, 150), mirrored(1, 100, 1)]
    assert numbers(books, [], 1) == [(101, 150), (1, 1), (201, 201)]


def test_the_mirrored_next_number_may_be_one_past_the_end() -> None:
    assert numbers([mirrored(1, 100, 250)], [], 1) == [(1, 101)]


def test_the_number_on_the_paper_has_at_least_eight_digits() -> None:
    assert [width_of(999), width_of(123_456_789)] == [8, 9]


def test_the_centre_says_how_many_digits_its_paper_shows() -> None:
    assert [width_of(999, 6), width_of(999, 10), width_of(1_234_567, 6)] == [6, 10, 7]
    (book,) = plan("C1", [mirrored(1, 100, 7) | {"digits": 6}], [], 1)
    assert book.text(book.next_no).endswith("000007") and len(book.text(book.next_no)) == len(book.prefix) + 6


def test_the_his_goes_on_with_a_book_that_was_left_there_or_that_it_moved_on() -> None:
    books = plan("0201", [], [own(1, 100, 50, incident=1), own(201, 300, 201, incident=1, source="issued")], 1)
    assert beside_the_his(books, [mirrored(1, 100, 50), mirrored(201, 300, 290)]) == []
    assert [book.start_no for book in beside_the_his(books, [mirrored(1, 100, 51)])] == [1]
    left = plan("0201", [], [own(1, 100, 50, incident=1) | {"left_at": "2026-11-23T08:00:00.000+08:00"}], 1)
    assert beside_the_his(left, []) == left
