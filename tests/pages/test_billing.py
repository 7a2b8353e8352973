"""The cashier's day, with the keyboard alone: charging."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Route

from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import PASSWORD
from tests.pages.hand import Hand
from tests.pages.till import (
    came_out,
    charge,
    charges,
    item,
    money,
    order,
    paper_agrees,
    prescription,
    printed,
    till,
    visit,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def hand(standby: Standby, desk: Callable[..., Desk]) -> Hand:
    """A cashier whose shift is open, in YJ mode."""
    standby.hospital.emergency()
    return till(standby, desk)


def test_a_prescription_an_order_and_an_item_are_paid_by_two_methods_with_change(standby: Standby, hand: Hand) -> None:
    registration = visit(standby)
    prescription(standby, registration)  # 37.00
    order(standby, registration)  # 80.00
    page = hand.page
    hand.choose("wf", of="王芳")
    hand.at("#pay-0-tendered")
    assert page.inner_text("#due") == "117.00"
    assert "青霉素" in page.inner_text("#person .allergy")
    hand.press("Escape")
    item(hand, "F001", "2")  # 50.00
    hand.press("Enter").at("#pay-0-tendered")
    page.wait_for_selector("#due:has-text('167.00')")
    assert "壹佰陆拾柒元" in page.inner_text("#words")
    hand.press("Shift+F8").at("#pay-0-amount").type("67").press("Enter").at("#pay-0-tendered").type("100").press(
        "Enter"
    )
    assert page.inner_text(".pay-change") == "33.00"
    hand.at("#pay-1-reference").type("POS889").press("Enter")
    paper_agrees(hand)
    came_out(hand, "找零 33.00 元")
    made = charges(standby)
    assert len(made) == 1 and made[0]["total"] == "167.00" and made[0]["receipt_no"] == "A00005021"
    assert [(p["method"], p["amount"], p["tendered"]) for p in made[0]["payments"]] == [
        ("cash", "67.00", "100.00"), ("bank_card", "100.00", None),
    ]  # fmt: skip
    assert printed(hand) == [f"/print/receipt/{made[0]['id']}"]
    assert page.inner_text("#last .total") == "33.00"
    hand.at("#find")
    assert page.inner_text(".paper-no") == "A00005022"


def test_a_slip_is_scanned_and_what_the_centre_had_unpaid_asks_for_its_receipt(standby: Standby, hand: Hand) -> None:
    page = hand.page
    hand.type("GH20261123012").press("Enter")  # a scanner does not wait for an answer
    words = hand.dialog("病人手里有 HIS 的收据吗").inner_text()
    assert "08:00" in words and "3001" in words and "血常规" in words
    hand.press("Enter").alone()
    hand.at("#pay-0-tendered")
    assert page.inner_text("#due") == "62.00"
    assert "医保病人" in page.inner_text("#marks")
    money(hand)
    paper_agrees(hand)
    came_out(hand)
    assert (charges(standby)[0]["total"], charges(standby)[0]["deferred"]) == ("62.00", True)


def test_who_holds_a_receipt_of_the_centre_does_not_pay_again(standby: Standby, hand: Hand) -> None:
    hand.choose("8800003", of="张伟")
    hand.dialog("病人手里有 HIS 的收据吗")
    hand.press("F8").alone().at("#item")
    assert hand.page.inner_text("#due") == "—"
    assert hand.page.locator("#basket input:checked").count() == 0
    hand.press("F9")
    assert "没有选中" in hand.page.inner_text("#charge-form .wrong")
    assert charges(standby) == []


def test_a_number_on_a_prescription_finds_its_patient(standby: Standby, hand: Hand) -> None:
    written = prescription(standby, visit(standby))
    hand.type(written["rx_no"]).press("Enter").at("#pay-0-tendered")
    assert hand.page.inner_text("#due") == "37.00"
    assert "王芳" in hand.page.inner_text("#person")


def test_a_patient_without_registration_pays_by_scan_with_a_voucher(standby: Standby, hand: Hand) -> None:
    hand.choose("SMITH", of="SMITH")
    item(hand, "F003")
    hand.press("Enter").at("#pay-0-tendered").press("F8", 2).at("#pay-0-reference")
    hand.press("Enter")
    assert "凭证号" in hand.page.inner_text(".pay .wrong")
    hand.at("#pay-0-reference").type("420000001").press("Enter")
    paper_agrees(hand)
    came_out(hand)
    made = charges(standby)[0]
    assert (made["registration_id"], made["total"]) == (None, "8.50")
    assert (made["payments"][0]["method"], made["payments"][0]["reference"]) == ("wechat", "420000001")


def test_digits_are_money_and_never_choose_how_it_is_paid(standby: Standby, hand: Hand) -> None:
    page = hand.page
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    hand.press("Enter").at("#pay-0-tendered").type("2")
    assert page.input_value("#pay-0-method") == "cash"
    hand.press("Shift+Tab").at("#pay-0-method").type("30").at("#pay-0-tendered")
    assert (page.input_value("#pay-0-method"), page.input_value("#pay-0-tendered")) == ("cash", "30")
    hand.press("F8").at("#pay-0-reference")
    assert page.input_value("#pay-0-method") == "bank_card"
    hand.press("Shift+Tab").at("#pay-0-method").press("ArrowUp").press("Enter").at("#pay-0-tendered").press("Enter")
    paper_agrees(hand)
    came_out(hand, "找零 5.00 元")
    assert [(one["method"], one["tendered"]) for one in charges(standby)[0]["payments"]] == [("cash", "30.00")]


def test_double_enter_makes_one_document(standby: Standby, hand: Hand) -> None:
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    hand.press("Enter").at("#pay-0-tendered").press("F9").press("F9")
    paper_agrees(hand)
    hand.press("F9").press("F9")
    came_out(hand)
    assert len(charges(standby)) == 1


def test_a_half_filled_form_outlives_a_reload(standby: Standby, hand: Hand) -> None:
    prescription(standby, visit(standby))
    hand.choose("wf", of="王芳")
    hand.at("#pay-0-tendered").press("Escape")
    item(hand, "F001", "3")
    hand.press("Enter").at("#pay-0-tendered").type("200")
    hand.page.reload()
    hand.page.wait_for_selector("#due:has-text('112.00')")
    assert hand.page.input_value("#count-0") == "3"
    assert hand.page.input_value("#pay-0-tendered") == "200"
    assert hand.page.inner_text(".pay-change") == "88.00"


def test_the_standby_restarts_while_an_act_is_under_way_and_one_document_is_made(standby: Standby, hand: Hand) -> None:
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    hand.press("Enter").at("#pay-0-tendered").press("F9")
    hand.dialog("请核对打印机里的票据号")
    standby.stop()
    hand.press("Enter")
    hand.page.wait_for_selector("#silent:not([hidden])")
    standby.start()
    came_out(hand)
    assert len(charges(standby)) == 1


def test_the_standby_restarts_in_mid_form_and_nothing_is_lost(standby: Standby, hand: Hand) -> None:
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    standby.stop()
    hand.page.wait_for_selector("#silent:not([hidden])")
    hand.page.keyboard.type("F003")  # what is typed meanwhile waits
    standby.start()
    hand.page.wait_for_selector("#silent", state="hidden")
    hand.press("Control+a").choose("F003", of="F003")
    hand.at("[data-count='1']").press("Enter").at("#item").press("Enter").at("#pay-0-tendered").press("F9")
    paper_agrees(hand)
    came_out(hand)
    assert [one["total"] for one in charges(standby)] == ["33.50"]


def test_a_drill_numbers_its_own_sheets_and_touches_nothing_of_the_centre(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    standby.hospital.emergency(drill=True)
    hand = till(standby, desk)
    hand.choose("8800003", of="张伟").at("#item")
    assert hand.page.locator("#basket input").count() == 0
    item(hand, "F001")
    hand.press("Enter").at("#pay-0-tendered").press("F9")
    came_out(hand, "DRILL")
    assert charges(standby)[0]["receipt_no"].startswith("DRILL")


def test_an_answer_that_was_lost_is_asked_for_again_with_the_same_key(standby: Standby, hand: Hand) -> None:
    lost: list[str] = []

    def lose(route: Route) -> None:
        if lost:
            route.continue_()
            return
        lost.append(route.request.headers["idempotency-key"])
        route.fetch()
        route.abort()

    hand.page.route("**/api/v1/charges", lose)
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    hand.press("Enter").at("#pay-0-tendered").press("F9")
    paper_agrees(hand)
    came_out(hand)
    assert [one["id"] for one in charges(standby)] == lost


def test_a_page_that_went_away_during_the_act_learns_that_it_was_done(standby: Standby, hand: Hand) -> None:
    lost: list[int] = []

    def swallow(route: Route) -> None:
        lost.append(route.fetch().status)  # the standby does it, the page never hears

    hand.page.route("**/api/v1/charges", swallow)
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    hand.press("Enter").at("#pay-0-tendered").press("F9")
    paper_agrees(hand)
    while not lost:
        hand.page.wait_for_timeout(100)
    hand.page.reload()
    came_out(hand)
    assert len(charges(standby)) == 1
    assert "SMITH" in hand.page.inner_text("#last")


def test_a_sheet_that_is_not_the_next_goes_forward_and_says_how_many_are_unknown(standby: Standby, hand: Hand) -> None:
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    hand.press("Enter").at("#pay-0-tendered").press("F9")
    hand.dialog("A00005021")
    hand.type("4999").press("Enter")
    hand.page.wait_for_selector("dialog[open] .note.bad:not([hidden])")
    hand.press("Control+a").type("5024").press("Enter")
    came_out(hand)
    assert charges(standby)[0]["receipt_no"] == "A00005024"


def test_a_number_used_meanwhile_is_compared_again(standby: Standby, hand: Hand) -> None:
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    hand.press("F7").dialog("A00005021")
    hand.press("Enter").alone()
    charge(standby, "25.00", ("F001", 1))
    hand.press("F9")
    hand.dialog("A00005022")
    assert "核对打印机" in hand.page.inner_text("#failed")
    hand.press("Enter").alone()
    hand.press("F9")
    came_out(hand)
    assert {one["receipt_no"]: one["patient_name"] for one in charges(standby)} == {
        "A00005021": "王芳", "A00005022": "SMITH JOHN",
    }  # fmt: skip


def test_paper_that_jammed_gets_the_next_number_and_the_old_one_is_void(standby: Standby, hand: Hand) -> None:
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    hand.press("Enter").at("#pay-0-tendered").press("F9")
    paper_agrees(hand)
    hand.dialog("票据 A00005021 打印出来了吗")
    hand.press("F8").dialog("票据 A00005021 打印出来了吗")  # the same sheet again
    hand.press("F9").dialog("A00005022")
    hand.press("Enter")
    came_out(hand)
    made = charges(standby)[0]
    assert (made["receipt_no"], made["first_receipt_no"]) == ("A00005022", "A00005021")
    assert printed(hand) == [f"/print/receipt/{made['id']}"] * 3


def test_two_windows_race_for_one_prescription_and_the_second_is_told_so(
    standby: Standby, desk: Callable[..., Desk], hand: Hand
) -> None:
    prescription(standby, visit(standby))
    other = till(standby, desk, "cashier2")
    for one in (hand, other):
        one.choose("wf", of="王芳")
        one.at("#pay-0-tendered")
    money(hand)
    paper_agrees(hand)
    came_out(hand)
    money(other)
    paper_agrees(other)
    other.page.wait_for_selector("#failed:not(:empty)")
    assert "已收费，不能重复收" in other.page.inner_text("#failed")
    other.page.wait_for_selector("#basket input", state="detached")
    assert len(charges(standby)) == 1


def test_a_department_out_of_scope_is_told_in_words(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency(["EK"])
    hand = till(standby, desk)
    assert "儿科门诊" in hand.page.inner_text("#possible")
    hand.choose("8800003", of="张伟")
    hand.dialog("收据")
    hand.press("Enter").alone()
    hand.page.wait_for_selector("#no-quote:not([hidden])")
    assert "不在本次应急范围内" in hand.page.inner_text("#no-quote")


def test_the_mode_changes_under_the_form(standby: Standby, hand: Hand) -> None:
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    hand.press("Enter").at("#pay-0-tendered").press("F9")
    hand.dialog("请核对打印机里的票据号")
    standby.hospital.back()
    hand.press("Enter")
    hand.page.wait_for_selector("#failed:not(:empty)")
    assert "模式" in hand.page.inner_text("#failed")
    hand.page.wait_for_selector("#take:disabled")
    assert "请在 HIS 收费" in hand.page.inner_text("#possible")
    assert hand.page.inner_text("#due") == "25.00"  # what was entered stays
    assert standby.hospital.outbox("charge") == []


def test_a_session_that_ended_asks_for_the_password_and_the_act_goes_on(standby: Standby, hand: Hand) -> None:
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    hand.press("Enter").at("#pay-0-tendered")
    standby.hospital.window("cashier", "W9999")  # the same person at another computer
    hand.press("F9")
    hand.page.wait_for_selector("dialog.lock")
    hand.type(PASSWORD).press("Enter")
    hand.page.wait_for_selector("dialog.lock", state="detached")
    paper_agrees(hand)
    came_out(hand)
    assert hand.page.inner_text("#last strong").startswith("已收 SMITH")


def test_a_book_that_is_used_up_is_told_in_words(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    hand = till(standby, desk, "cashier2")
    assert "只剩 3 张" in hand.page.inner_text("#paper-here")
    for _ in range(3):
        charge(standby, "25.00", ("F001", 1), who="cashier2")
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    hand.press("Enter").at("#pay-0-tendered").press("F9")
    hand.page.wait_for_selector("#failed:not(:empty)")
    assert "票据段已用完" in hand.page.inner_text("#failed")
    assert hand.page.inner_text("#due") == "25.00"
