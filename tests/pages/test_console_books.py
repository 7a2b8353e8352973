"""Receipt books at the console: handed out with the keyboard, refused in words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fixtures_browser import Desk, Standby
from tests.pages.console_hand import wait_for

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (("", "B", "1", "50"), "给谁"),
        (("0201", "", "1", "50"), "字头"),
        (("0201", "B", "1a", "50"), "只能填数字"),
        (("0201", "B", "60", "50"), "止号小于起号"),
        (("0201", "A", "5500", "5600"), "重叠"),
    ],
)
def test_a_book_that_makes_no_sense_is_refused_in_words(
    desk: Callable[..., Desk], fields: tuple[str, str, str, str], words: str
) -> None:
    page = desk("supervisor", "/console/books").page
    operator, *rest = fields
    if operator:
        page.select_option("#operator", operator)
    for name, value in zip(("prefix", "start_no", "end_no"), rest, strict=True):
        page.fill(f"#{name}", value)
    page.keyboard.press("F2")
    page.wait_for_function(
        "() => document.querySelector('small.wrong') || document.querySelector('#failed').textContent"
    )
    assert words in page.inner_text("#work") + page.inner_text("#failed")
    assert page.input_value("#end_no") == fields[3]


def test_a_supervisor_hands_out_a_book_with_the_keyboard(standby: Standby, desk: Callable[..., Desk]) -> None:
    page = desk("supervisor", "/console/books").page
    page.focus("#operator")
    page.keyboard.type("0202")
    for text in ("", "C", "1", "100"):
        page.keyboard.type(text)
        page.keyboard.press("Enter")
    wait_for(page, "[data-live=books]", "C00000100")
    assert "本地发放" in page.inner_text("[data-live=books]")
    other = desk("admin", "/console/books").page
    assert other.locator("#hand-out, #press-book").count() == 0 and "只有收费组长" in other.inner_text("#work")
