"""Without a snapshot (`isolation = "pages"`) heads and lines are of different moments: no half family is ever shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fallback_server.store.session import Store
from sync.central.fake import FakeCentral
from sync.mirror.run import RunReport
from tests.mirror.hospital import prescription, prescription_line, published

Run = Callable[..., RunReport]
HEADS, LINES = "open_prescription", "open_prescription_line"


@pytest.fixture
def paged(centre: FakeCentral) -> FakeCentral:
    """A centre that gives every page as of its own moment, two rows a page."""
    centre.one_moment, centre.page_rows = False, 2
    centre.datasets[HEADS] = [prescription(n) for n in range(501, 506)]
    centre.datasets[LINES] = [prescription_line(n, 1) for n in range(501, 506)]
    return centre


def meanwhile(centre: FakeCentral, *acts: tuple[str, int, Callable[[], Any]]) -> list[tuple[str, int]]:
    """Let each act happen once, before that page of that dataset; returns what is read, in order."""
    waiting, seen = list(acts), list[tuple[str, int]]()

    def look(dataset: str, number: int) -> None:
        seen.append((dataset, number))
        for act in [one for one in waiting if one[:2] == (dataset, number)]:
            waiting.remove(act)
            act[2]()

    centre.at_page = look
    return seen


def shown(store: Store) -> dict[str, int]:
    """How many lines every prescription has at the windows."""
    lines = [one["prescription_key"] for one in published(store, LINES)]
    return {str(one["prescription_key"]): lines.count(one["prescription_key"]) for one in published(store, HEADS)}


def write(centre: FakeCentral, number: int, *, lines: int = 1) -> None:
    """A doctor writes a prescription at the centre, in one transaction."""
    centre.datasets[HEADS] = [*centre.datasets[HEADS], prescription(number, total=str(25 * lines))]
    centre.datasets[LINES] = [*centre.datasets[LINES], *(prescription_line(number, n + 1) for n in range(lines))]


def settle(centre: FakeCentral, number: int) -> None:
    """It is paid at the centre and no open work any more."""
    for name in (HEADS, LINES):
        centre.datasets[name] = [one for one in centre.datasets[name] if one["prescription_key"] != str(number)]


def test_lines_are_read_before_their_heads_and_once_where_all_fits(paged: FakeCentral, mirror: Run) -> None:
    seen = meanwhile(paged)
    assert mirror(HEADS).published
    assert [name for name, number in seen if number == 1] == [LINES, HEADS]


def test_a_prescription_written_between_two_pages_is_read_again_and_whole(
    store: Store, paged: FakeCentral, mirror: Run
) -> None:
    seen = meanwhile(paged, (HEADS, 1, lambda: write(paged, 600, lines=2)))
    report = mirror(HEADS)
    assert report.published and shown(store)["600"] == 2 and report.counts[LINES]["rejected"] == 0
    assert [name for name, number in seen if number == 1] == [LINES, HEADS, LINES, HEADS]


def test_one_that_was_settled_meanwhile_leaves_no_orphans(store: Store, paged: FakeCentral, mirror: Run) -> None:
    mirror(HEADS)
    meanwhile(paged, (HEADS, 1, lambda: settle(paged, 503)))
    report = mirror(HEADS)
    assert report.published and "503" not in shown(store) and report.counts[LINES]["rejected"] == 0


def test_a_head_that_comes_after_its_lines_is_found(store: Store, paged: FakeCentral, mirror: Run) -> None:
    paged.datasets[LINES] = [*paged.datasets[LINES], prescription_line(600, 1)]
    last = len(paged.datasets[HEADS]) // 2 + 2  # behind the last page of heads
    heads = paged.datasets[HEADS]
    meanwhile(paged, (HEADS, last, lambda: paged.datasets.update({HEADS: [*heads, prescription(600)]})))
    assert mirror(HEADS).published and shown(store)["600"] == 1


def test_what_is_written_while_it_is_read_again_stays_as_it_was(store: Store, paged: FakeCentral, mirror: Run) -> None:
    mirror(HEADS)

    def edit() -> None:
        rest = [one for one in paged.datasets[HEADS] if one["prescription_key"] != "502"]
        paged.datasets[HEADS] = [*rest, prescription(502, total="50.00")]
        paged.datasets[LINES] = [*paged.datasets[LINES], prescription_line(502, 2)]

    def again() -> None:
        meanwhile(paged, (HEADS, 1, edit), (HEADS, 1, lambda: write(paged, 601)))

    meanwhile(paged, (HEADS, 1, lambda: write(paged, 600)), (HEADS, 2, again))
    report = mirror(HEADS)
    assert report.published and report.counts[HEADS]["rejected"] == 2
    assert "601" not in shown(store) and shown(store)["502"] == 1 and shown(store)["600"] == 1
    assert {one["prescription_key"]: str(one["total"]) for one in published(store, HEADS)}["502"] == "25.00"
    paged.at_page = None
    assert mirror(HEADS).published and shown(store)["502"] == 2 and shown(store)["601"] == 1


def test_what_never_fits_is_the_centres_own_matter_and_is_not_read_twice_for_ever(
    store: Store, paged: FakeCentral, mirror: Run
) -> None:
    paged.datasets[HEADS] = [*paged.datasets[HEADS], prescription(700), prescription(701, total="99.00")]
    paged.datasets[LINES] = [*paged.datasets[LINES], prescription_line(701, 1)]
    report = mirror(HEADS)
    assert report.published and report.counts[HEADS]["rejected"] == 0 and shown(store)["700"] == 0
    seen = meanwhile(paged)
    assert mirror(HEADS).published and len([number for _, number in seen if number == 1]) == 2
