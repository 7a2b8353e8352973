"""Short pages: each takes about two seconds, however slow the centre is at the moment, and none is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sync.central.pages import Stream, keyset_pages, next_size


@pytest.mark.parametrize(
    ("size", "spent", "then"),
    [
        (2000, 0.1, 2000),  # quick: as many as the mapping allows
        (2000, 2.0, 2000),
        (2000, 3.0, 1333),
        (2000, 60.0, 1000),  # half as many at most
        (150, 60.0, 100),  # and never fewer than a hundred
        (500, 0.1, 1000),  # twice as many at most
        (1500, 1.0, 2000),
        (700, 0.0, 700),
        (700, -5.0, 700),  # a clock that was set back says nothing
    ],
)
def test_how_long_the_next_page_is(size: int, spent: float, then: int) -> None:
    assert next_size(size, spent, 2000) == then


def test_a_mapping_may_ask_for_pages_shorter_than_a_hundred_rows() -> None:
    assert next_size(50, 60.0, 50) == 50


def test_every_row_comes_once_while_pages_shrink_and_grow() -> None:
    table = [(number, "x") for number in range(1, 10_001)]
    at = 0.0
    asked: list[int] = []

    def read(binds: Mapping[str, Any]) -> Stream:
        nonlocal at
        asked.append(binds["page_rows"])
        after = int(binds["after_nr"] or 0)
        slow = 2000 < after < 6000
        at += binds["page_rows"] * (0.02 if slow else 0.0001)
        found = [row for row in table if row[0] > after][: binds["page_rows"]]
        return Stream(("nr", "name"), iter([found] if found else []), lambda: None)

    stream = keyset_pages(read, ("nr",), 1000, lambda: at)
    assert [row for page in stream.pages for row in page] == table
    assert (asked[0], min(asked), asked[-1]) == (1000, 100, 1000)
