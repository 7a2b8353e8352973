"""A window whose tab was duplicated: the copy must not answer for the original."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fixtures_browser import Desk, Standby
from tests.pages.till import came_out, charges, item, paper_agrees, till

pytestmark = pytest.mark.browser


def test_a_copy_of_a_tab_starts_with_empty_forms_and_the_original_keeps_its_own(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    standby.hospital.emergency()
    hand = till(standby, desk)
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    with hand.page.context.expect_page() as opened:
        hand.page.evaluate("window.open('/billing')")  # gets a copy of everything the tab keeps, like a duplicate
    copy = opened.value
    copy.wait_for_function(
        "() => sessionStorage.getItem('yj:tab') !== null && !sessionStorage.getItem('yj:0201:billing-charge')"
    )
    copy.wait_for_selector("body[data-ready]")
    assert copy.inner_text("#due") == "—" and copy.inner_text("#person") == ""
    hand.page.reload()
    hand.page.wait_for_selector("#due:has-text('25.00')")
    hand.press("F9")
    paper_agrees(hand)
    came_out(hand)
    assert [one["total"] for one in charges(standby)] == ["25.00"]
