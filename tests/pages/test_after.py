"""After the return, with the keyboard: what is left to do in the HIS, the run-sheet's ticks, prices keyed in."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import PASSWORD
from tests.windows.money_cast import RX_PAID, RX_UNPAID, charge, good

pytestmark = pytest.mark.browser


def answered(page: Page, *texts: str) -> None:
    """Type the answers of the question in front of the page, Enter after each."""
    page.wait_for_selector("dialog[open]")
    for text in texts:
        page.keyboard.type(text)
        page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]", state="detached")
    page.wait_for_selector("#said:not(:empty)")


def test_the_pharmacist_says_that_it_is_dispensed_and_the_line_goes(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    hospital = standby.hospital
    hospital.emergency()
    good(hospital.window("pharmacist").post(f"/prescriptions/{RX_PAID}/handover", {"checked_by": "0402"}))
    hospital.back()
    page = desk("pharmacist", "/pharmacy").page
    assert "1" in page.inner_text("#to-after")
    with page.expect_navigation():  # the page before shows him too
        page.click("#to-after")
    page.wait_for_selector("body[data-ready] tbody >> text=欧阳修文")
    assert "阿莫西林胶囊 ×1" in page.inner_text("tbody")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    answered(page, "HIS 已发")
    page.wait_for_selector("tbody >> text=欧阳修文", state="detached")
    page.click("#other-state")
    page.wait_for_selector("tbody >> text=HIS 已发")


def test_the_cashier_finds_a_temporary_receipt_and_notes_the_formal_number(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    hospital = standby.hospital
    hospital.emergency()
    made = good(charge(hospital.window("cashier"), {"prescription_ids": [RX_UNPAID]}))
    hospital.back()
    page = desk("cashier", "/after?part=receipts").page
    page.keyboard.type(made["receipt_no"])
    page.keyboard.press("Enter")
    page.wait_for_selector(f"body[data-ready] tbody >> text={made['receipt_no']}")
    page.keyboard.press("Tab")
    page.focus(f"#do-rc-{made['id']}")
    page.keyboard.press("Enter")
    answered(page, "DZ-0000123", "")
    page.wait_for_selector(f"tbody >> text={made['receipt_no']}", state="detached")
    items = good(hospital.window("cashier").get("/after/receipts", state="done"), 200)["items"]
    assert [one["formal_no"] for one in items] == ["DZ-0000123"]


def test_a_step_of_the_return_is_ticked_with_a_note_and_stands_there_by_name(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    standby.hospital.emergency()
    standby.hospital.back()
    page = desk("admin", "/console/incidents").page
    page.wait_for_selector("#to-run-sheet")
    page.keyboard.press("F3")
    page.wait_for_selector("body[data-ready] #step-agreed")
    page.focus("#do-tick-agreed")
    page.keyboard.press("Enter")
    answered(page, "DBA 何工同意")
    page.wait_for_selector("#step-agreed.done >> text=卫信息 0801")
    assert "DBA 何工同意" in page.inner_text("#step-agreed")
    assert page.locator("#step-ended.done").count() == 1


def test_a_price_is_keyed_in_by_two_people_and_stands_in_the_list(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    page = desk("supervisor", "/console/prices").page
    page.wait_for_selector("#code:focus")
    page.keyboard.type("A002")
    page.keyboard.press("Enter")
    page.wait_for_selector("#code-is >> text=布洛芬缓释胶囊")
    page.focus("#unit_price")
    for field, text in (("#unit_price", "20.5"), ("#reason", "调价通知 12 号"), ("#unit_price_again", "2.05"),
                        ("#approver", "0701"), ("#approver-password", PASSWORD)):  # fmt: skip
        page.focus(field)
        page.keyboard.type(text)
    page.keyboard.press("F2")
    page.wait_for_selector("small.wrong >> text=两人输入的价格不同")
    page.fill("#unit_price_again", "20.5")
    page.keyboard.press("F2")
    page.wait_for_selector("[data-live=prices] tbody >> text=20.50")
    assert "0601 + 0701" in page.inner_text("[data-live=prices]")
    assert page.input_value("#code") == ""
