"""Refunds at the window: against the original, with the second person, and what only the HIS can give back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Route

from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import PASSWORD
from tests.pages.hand import Hand
from tests.pages.till import api, came_out, charge, charges, done, prescription, printed, till, visit

pytestmark = pytest.mark.browser


@pytest.fixture
def hand(standby: Standby, desk: Callable[..., Desk]) -> Hand:
    """A cashier in the second tab."""
    standby.hospital.emergency()
    return till(standby, desk).press("F2").at("#original")


def refunds(standby: Standby) -> list[str]:
    """Totals of the refunds."""
    return [one["total"] for one in charges(standby) if one["refund_of"]]


def test_a_part_goes_back_by_quantity_the_way_it_came(standby: Standby, hand: Hand) -> None:
    made = charge(standby, "134.68", ("F001", 1), ("F002", 1), ("F003", 3), ("F004", 5))
    page = hand.page
    hand.choose(made["receipt_no"], of=made["receipt_no"])
    hand.at("#refund-lines input")
    hand.press("F6").at("#refund-lines input").press("Enter", 2).type("2").press("Enter", 2).at("#reason")
    page.wait_for_selector("#back:has-text('17.00')")
    hand.type("少做两次").press("Enter").at("#back-by").press("Enter")
    came_out(hand, "退费单（退 17.00 元）")
    assert refunds(standby) == ["-17.00"]
    assert "现金 17.00" in page.inner_text("#refund-last")
    assert len(printed(hand)) == 1 and printed(hand)[0].startswith("/print/refund/")


def test_the_whole_above_the_limit_needs_a_second_person(standby: Standby, hand: Hand) -> None:
    made = charge(standby, "240.00", ("F002", 3))
    page = hand.page
    hand.choose(made["yj_no"], of=made["yj_no"])
    hand.at("#refund-lines input").press("Enter").at("#reason").press("F9")
    assert "请填退费原因" in page.inner_text("#refund-form .wrong")
    hand.at("#reason").type("病人要求").press("F9")
    assert "第二人" in page.inner_text("#no-refund")
    hand.dialog("需要第二人授权").wait_for()
    hand.type("0201").press("Enter").type(PASSWORD).press("Enter")  # oneself is nobody else
    hand.dialog("复核人不正确")
    hand.type("0601").press("Enter").type("wrong").press("Enter")
    hand.dialog("复核人不正确")  # the question before is gone with its Enter
    hand.type("0601").press("Enter").type(PASSWORD).press("Enter")
    came_out(hand, "退费单")
    assert refunds(standby) == ["-240.00"]
    assert api(standby).get(f"/charges/{made['id']}").json["status"] == "refunded"


def test_who_declines_to_approve_leaves_everything_as_it_was(standby: Standby, hand: Hand) -> None:
    made = charge(standby, "240.00", ("F002", 3))
    hand.choose(made["receipt_no"], of=made["receipt_no"])
    hand.at("#refund-lines input").press("Enter").at("#reason").type("x").press("F9")
    hand.dialog("需要第二人授权")
    hand.press("Escape").alone()
    assert refunds(standby) == []
    assert hand.page.input_value("#reason") == "x"


def test_drugs_that_were_handed_over_are_refused_in_words(standby: Standby, hand: Hand) -> None:
    written = prescription(standby, visit(standby))
    body = {
        "prescription_ids": [written["id"]], "payments": [{"method": "cash", "amount": "37.00"}],
        "expected_total": "37.00",
    }  # fmt: skip
    made = done(api(standby).post("/charges", body))
    done(standby.hospital.window("pharmacist").post(f"/prescriptions/{written['id']}/prints"))
    over = {"checked_by": "0402"}
    done(standby.hospital.window("pharmacist").post(f"/prescriptions/{written['id']}/handover", over))
    hand.choose(made["receipt_no"], of=made["receipt_no"])
    hand.page.wait_for_selector("#no-refund:has-text('药已发出')")
    assert hand.page.locator("#give").is_disabled()


def test_a_registration_fee_is_sent_to_the_registration_window(standby: Standby, hand: Hand) -> None:
    visit(standby)
    fee = next(one for one in api(standby).get("/charges").json["items"] if one["kind"] == "registration")
    hand.choose(fee["yj_no"], of=fee["yj_no"])
    hand.page.wait_for_selector("#no-refund:has-text('退号')")
    assert hand.page.locator("#give").is_disabled()


def test_a_receipt_from_before_the_outage_becomes_a_wish(standby: Standby, hand: Hand) -> None:
    page = hand.page
    hand.type("A00004711").press("Enter")
    page.wait_for_selector("#no-refund:has-text('停机前的收费')")
    hand.at("#wish").press("F8")
    assert page.input_value("#ask-receipt_no") == "A00004711"
    hand.press("Enter").type("检查没有做").press("Enter").alone()
    page.wait_for_selector("#wishes:has-text('A00004711')")
    wishes = api(standby).get("/refund-wishes").json["items"]
    assert [(one["charge"], one["reason"]) for one in wishes] == [("A00004711", "检查没有做")]
    assert refunds(standby) == []


def test_a_patient_leads_to_his_charges(standby: Standby, hand: Hand) -> None:
    charge(standby, "25.00", ("F001", 1))
    hand.choose("wf", of="王芳")
    hand.at("#refund-charges tr").press("Enter").at("#refund-lines input")
    hand.page.wait_for_selector("#back:has-text('25.00')")
    hand.press("F10").at("#original").choose("SMITH", of="SMITH")
    hand.page.wait_for_selector("#no-refund:has-text('没有收费')")


def test_it_may_go_back_in_cash_whatever_it_came_by(standby: Standby, hand: Hand) -> None:
    paid = [{"method": "wechat", "amount": "25.00", "reference": "42"}]
    made = charge(standby, "25.00", ("F001", 1), payments=paid)
    hand.choose(made["receipt_no"], of=made["receipt_no"])
    hand.at("#refund-lines input").press("Enter").at("#reason").type("x").press("Enter").at("#back-by")
    hand.page.wait_for_selector("#back-payments:has-text('微信')")
    hand.press("1").press("ArrowDown")
    hand.page.select_option("#back-by", "cash")
    hand.page.wait_for_selector("#back-payments:has-text('现金')")
    hand.press("F9")
    came_out(hand)
    assert [one["payments"][0]["method"] for one in charges(standby) if one["refund_of"]] == ["cash"]


def test_wrong_quantities_are_told_beside_their_field(standby: Standby, hand: Hand) -> None:
    made = charge(standby, "50.00", ("F001", 2))
    page = hand.page
    hand.choose(made["receipt_no"], of=made["receipt_no"])
    hand.at("#refund-lines input")
    for wrong in ("3", "-1", "1.5", "abc", ""):
        page.fill("#refund-lines input", wrong)
        assert page.locator("#give").is_disabled(), wrong
    page.fill("#refund-lines input", "3")
    hand.press("Enter").at("#reason").type("x").press("Enter").press("Enter")
    assert "0 到 2" in page.inner_text("#refund-form .wrong")
    assert refunds(standby) == []


def test_a_refund_in_hand_outlives_a_reload_and_a_lost_answer(standby: Standby, hand: Hand) -> None:
    made = charge(standby, "50.00", ("F001", 2))
    page = hand.page
    hand.choose(made["receipt_no"], of=made["receipt_no"])
    hand.at("#refund-lines input").type("1").press("Enter").at("#reason").type("少做一次")
    page.reload()
    page.wait_for_selector("#back:has-text('25.00')")
    assert page.input_value("#reason") == "少做一次"

    lost: list[int] = []

    def swallow(route: Route) -> None:
        lost.append(route.fetch().status)

    page.route(f"**/charges/{made['id']}/refund", swallow)
    hand.press("F9")
    while not lost:  # the whole answer is there, so that no reload cuts it off half way
        page.wait_for_timeout(100)
    page.reload()
    came_out(hand, "退费单")
    assert refunds(standby) == ["-25.00"]


def test_another_window_was_faster(standby: Standby, hand: Hand) -> None:
    made = charge(standby, "25.00", ("F001", 1))
    hand.choose(made["receipt_no"], of=made["receipt_no"])
    hand.at("#refund-lines input").press("Enter").at("#reason").type("x")
    hand.page.wait_for_selector("#back:has-text('25.00')")
    done(api(standby, "cashier2").post(f"/charges/{made['id']}/refund", {"reason": "y"}))
    hand.press("F9")
    hand.page.wait_for_selector("#failed:has-text('已全部退费')")
    hand.page.wait_for_selector("#refund-head:has-text('已全退')")
