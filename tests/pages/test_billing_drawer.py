"""The drawer: shift and receipt books at the window, charges looked up and printed again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fixtures_browser import Desk, Standby
from tests.pages.hand import Hand
from tests.pages.till import api, came_out, charge, printed, till

pytestmark = pytest.mark.browser


@pytest.fixture
def hand(standby: Standby, desk: Callable[..., Desk]) -> Hand:
    """A cashier whose shift is open, in YJ mode."""
    standby.hospital.emergency()
    return till(standby, desk)


def test_the_first_log_in_of_an_outage_opens_the_shift(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    hand = till(standby, desk, shift=False)
    hand.dialog("开班").wait_for()
    hand.press("Enter", 4)
    assert "请填写：备用金" in hand.page.inner_text("dialog[open] .note.bad")
    hand.at("#ask-float")
    for wrong in ("abc", "-1", "1.234"):
        hand.press("Control+a").type(wrong).press("Enter", 4)
        assert "金额不对" in hand.page.inner_text("dialog[open] .note.bad"), wrong
        hand.page.focus("#ask-float")
    hand.press("Control+a").page.keyboard.insert_text("\uff12\uff10\uff10")  # as a Chinese input method gives it
    assert hand.page.input_value("#ask-float") == "200"
    hand.page.wait_for_selector("dialog[open] .note.bad", state="hidden")
    hand.page.reload()
    hand.dialog("开班").wait_for()
    assert hand.page.input_value("#ask-float") == "200"  # what was typed is kept
    hand.press("Enter").type("1350.50").press("Enter").type("A00005020").press("Enter").type("张伟 化验费").press(
        "Enter"
    )
    hand.alone()
    hand.page.wait_for_selector("#shift-state.good")
    shift = api(standby).get("/shifts").json["items"][0]
    assert (shift["float"], shift["his_cash_kept_apart"], shift["act_in_hand"]) == ("200.00", "1350.50", "张伟 化验费")


def test_the_opening_can_wait_and_is_not_asked_again(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    hand = till(standby, desk, shift=False)
    hand.dialog("开班")
    hand.press("F8").alone().at("#find")
    hand.page.reload()
    hand.page.wait_for_selector("#shift-state.warn")
    hand.page.wait_for_timeout(500)
    assert hand.page.locator("dialog[open]").count() == 0
    hand.press("F4").page.wait_for_selector("#shift button.main")
    hand.press("F9").dialog("开班")


def test_a_shift_is_counted_closed_and_its_sheet_printed(standby: Standby, hand: Hand) -> None:
    charge(standby, "25.00", ("F001", 1))
    charge(standby, "80.00", ("F002", 1), payments=[{"method": "wechat", "amount": "80.00", "reference": "42"}])
    page = hand.page
    hand.press("F4")
    page.wait_for_selector("#shift .total:has-text('105.00')")
    hand.press("F9").dialog("请清点后填写")
    hand.type("x").press("Enter", 2)
    assert "金额不对" in page.inner_text("dialog[open] .note.bad")
    page.focus("#ask-counted_cash")
    hand.press("Control+a").type("224.00")
    page.wait_for_selector("dialog[open] .note.bad", state="hidden")  # gone with the next keystroke
    hand.press("Enter").type("80").press("Enter")
    differs = hand.dialog("实点与系统不符")
    assert "现金（含备用金）\t225.00\t224.00\t-1.00" in differs.inner_text()
    assert "微信\t80.00\t80.00\t0.00" in differs.inner_text()
    hand.press("Enter")  # counts again
    page.wait_for_selector("dialog[open] .note.bad:has-text('请重新清点')")
    assert api(standby).get("/shifts").json["items"][0]["open"]
    hand.at("#ask-counted_wechat").press("Enter").dialog("实点与系统不符")
    hand.press("F9")
    came_out(hand, "缴款交接单")
    shift = api(standby).get("/shifts").json["items"][0]
    sheet = api(standby).get(f"/shifts/{shift['id']}").json["sheet"]
    assert (shift["open"], sheet["difference"]) == (False, "-1.00")
    assert printed(hand) == [f"/print/shift/{shift['id']}"]
    page.wait_for_selector("#shift:has-text('尚未开班')")


def test_the_book_goes_forward_and_spoilt_sheets_become_void(standby: Standby, hand: Hand) -> None:
    page = hand.page
    hand.press("F4")
    page.wait_for_selector("#book:has-text('A00005021')")  # as it stands on the sheet
    hand.press("F7").dialog("核对")
    hand.type("5023").press("Enter").alone()
    page.wait_for_selector("#book-paper .paper-no:has-text('A00005023')")
    hand.press("F8").dialog("作废票据")
    hand.press("Enter").type("5024").press("Enter").press("Control+a").type("进水").press("Enter").alone()
    page.wait_for_selector("#book-paper .paper-no:has-text('A00005025')")
    assert api(standby).get("/receipt-book").json["receipt_no"] == "A00005025"
    hand.press("F8").dialog("作废票据")
    hand.press("Control+a").type("4000").press("Enter", 3)
    page.wait_for_selector("dialog[open] .note.bad:has-text('不在您的票据段')")


def test_a_supervisor_hands_out_a_book(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    hand = till(standby, desk, "supervisor")
    page = hand.page
    hand.press("F4")
    page.focus("#book-operator")
    hand.press("F10")
    assert "领用人" in page.inner_text("#issue-form .wrong")
    hand.type("0202").press("Enter").type("B").press("Enter").type("x").press("Enter").type("100").press("Enter")
    assert "整数" in page.inner_text("#issue-form .wrong")
    hand.at("#book-start").press("Control+a").type("200").press("F10")
    page.wait_for_selector("#failed:not(:empty)")  # ends before it starts
    page.fill("#book-end", "299")
    hand.press("F10")
    page.wait_for_selector("#said:has-text('B00000200')")
    books = api(standby, "cashier2").get("/receipt-book").json["books"]
    assert ("B", 200, 299) in [(one["prefix"], one["start_no"], one["end_no"]) for one in books]


def test_a_cashier_sees_no_form_for_handing_out_books(hand: Hand) -> None:
    assert hand.page.locator("#issue-form").count() == 0


def test_todays_charges_are_listed_looked_up_and_printed_again(standby: Standby, hand: Hand) -> None:
    first = charge(standby, "25.00", ("F001", 1))
    charge(standby, "80.00", ("F002", 1), who="cashier2")
    page = hand.page
    hand.press("F3").at("#charges tr")
    assert page.locator("#charges tr").count() == 1  # mine only
    assert "血常规" in page.inner_text("#charge-shown")
    hand.press("F8")
    came_out(hand, "A00005021")
    assert printed(hand) == [f"/print/receipt/{first['id']}"]
    page.focus("#look-up")
    hand.choose("A00007001", of="A00007001").at("#charges tr")
    assert "胸部" in page.inner_text("#charge-shown")
    hand.press("F10")
    page.wait_for_selector("#charges:has-text('A00005021')")
    hand.press("F9").at("#refund-lines input")
    page.wait_for_selector("#back:has-text('25.00')")


def test_a_long_day_is_turned_page_by_page(standby: Standby, hand: Hand) -> None:
    for _ in range(52):
        charge(standby, "25.00", ("F001", 1))
    hand.press("F3").at("#charges tr")
    assert hand.page.locator("#charges tr").count() == 50
    hand.press("F7")
    hand.page.wait_for_selector("#charges tr:nth-child(52)")
    assert hand.page.locator("#more").is_hidden()


def test_in_normal_mode_the_page_says_what_is_possible(standby: Standby, desk: Callable[..., Desk]) -> None:
    page = desk("cashier", "/billing").page
    page.wait_for_selector("#possible:has-text('请在 HIS 收费')")
    assert page.locator("#take").is_disabled()
    assert page.locator("dialog[open]").count() == 0


def test_the_window_speaks_english(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    page = desk("cashier", "/billing?lang=en", locale="en-US").page
    page.wait_for_selector("dialog[open]:has-text('Open the shift')")
    assert "Charge and print" in page.inner_text("#take")
