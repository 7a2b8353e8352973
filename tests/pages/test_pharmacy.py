"""The pharmacist's day and its troubles, with the keyboard alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import PASSWORD
from tests.pages.hand import NOTE_PRINTS, Hand
from tests.pages.surgery import ZHANG, api, done, paid, prescription, printed, visit, wrong_words
from tests.windows.money_cast import RX_PAID

pytestmark = pytest.mark.browser


@pytest.fixture
def rx(standby: Standby) -> dict[str, Any]:
    """A paid prescription of three drugs for Mrs Wang, in YJ mode; the centre's paid one of Mr Ouyang is there too."""
    standby.hospital.emergency()
    made = visit(standby)
    found = prescription(standby, made["id"], "A002", "A004", "A005")
    return {**found, "charge": paid(standby, made["id"], found["id"]), "visit": made["id"]}


@pytest.fixture
def hand(rx: dict[str, Any], desk: Callable[..., Desk]) -> Hand:
    """The pharmacist at the counter."""
    return counter(desk)


def counter(desk: Callable[..., Desk], who: str = "pharmacist") -> Hand:
    page = desk(who, "/pharmacy").page
    page.evaluate(NOTE_PRINTS)
    page.wait_for_selector("#rows tr")
    return Hand(page).at("#find")


def chosen(hand: Hand, name: str = "王芳") -> Hand:
    """The prescription of this patient, chosen in the list."""
    hand.page.wait_for_selector(f"#rows tr:has-text('{name}')")
    hand.press("ArrowDown").at("#rows tr")
    for _ in range(5):
        if name in hand.page.inner_text("#person"):
            return hand
        hand.press("ArrowDown")
    raise AssertionError(f"no prescription of {name}")


def give(hand: Hand, checker: str = "0402") -> Hand:
    """Hand over what is ticked, checked by this person."""
    hand.press("F9")
    hand.dialog("核对药师")
    return checked(hand, checker)


def checked(hand: Hand, checker: str = "0402") -> Hand:
    """The second pair of eyes is found by code and taken; Enter again records it."""
    return hand.at("#ask-checker").choose(checker, of=checker).press("Enter")


def notes(standby: Standby) -> list[dict[str, Any]]:
    """What the HIS will be told."""
    return [json.loads(row["payload"]) for row in standby.hospital.outbox("dispense_note")]


def state(standby: Standby, prescription_id: str) -> str:
    items = done(api(standby, "0901").get("/pharmacy/prescriptions", state="all"))["items"]
    return str(next(item["state"] for item in items if item["id"] == prescription_id))


def test_a_prescription_is_printed_handed_over_and_checked_by_keyboard(
    standby: Standby, rx: dict[str, Any], hand: Hand
) -> None:
    page = hand.page
    chosen(hand).press("F8")
    hand.dialog("打印出来了吗")
    hand.press("Enter").alone().at("#rows tr")
    assert printed(hand) == [f"/print/prescription/{rx['id']}"]
    page.wait_for_selector("#copies:has-text('已 1 次')")
    hand.press("F9")
    words = hand.dialog("核对药师").inner_text()
    assert "发给 王芳：3 种药品" in words and "青霉素过敏" in words and "布洛芬缓释胶囊" in words
    checked(hand).alone()
    page.wait_for_selector("#said:has-text('已登记发药')")
    page.wait_for_function("() => !document.querySelector('#rows').textContent.includes('王芳')")
    hand.at("#rows tr")  # the next one
    [note] = notes(standby)
    assert (note["kind"], note["handed_by"], note["checked_by"], len(note["lines"])) == ("handover", "0401", "0402", 3)
    assert state(standby, rx["id"]) == "handed_over"


def test_patients_are_red_and_the_counter_shows_what_must_be_known(rx: dict[str, Any], hand: Hand) -> None:
    page = hand.page
    chosen(hand)
    for selector in ("#rows strong", "#person .person-name", "#person .allergy"):
        assert page.locator(selector).first.evaluate("(e) => getComputedStyle(e).color") == "rgb(168, 15, 20)"
    facts = page.inner_text("#facts")
    assert rx["rx_no"] in facts and "李建国" in facts and "急性上呼吸道感染" in facts and "A00005021" in facts
    assert "1片 口服 每日三次 共 3 天" in page.inner_text("#lines")
    for width, height in ((1366, 768), (1093, 614)):
        page.set_viewport_size({"width": width, "height": height})
        for button in ("#hand", "#print", "#return"):
            box = page.locator(button).bounding_box()
            assert box is not None and box["y"] + box["height"] <= height and box["x"] + box["width"] <= width, button


def test_new_payments_appear_by_themselves_in_the_order_asked_for(
    standby: Standby, rx: dict[str, Any], hand: Hand
) -> None:
    page = hand.page
    chosen(hand)
    standby.hospital.clock.advance(60)
    late = visit(standby, ZHANG)
    paid(standby, late["id"], prescription(standby, late["id"], "A003")["id"])
    page.wait_for_selector("#rows tr:first-child:has-text('张伟')")
    assert "王芳" in page.inner_text("#person")  # what lies on the counter stays there
    page.focus("#order")
    hand.press("ArrowDown")
    page.wait_for_selector("#rows tr:last-child:has-text('张伟')")


def test_the_pharmacy_is_chosen_once(rx: dict[str, Any], hand: Hand) -> None:
    page = hand.page
    assert page.input_value("#pharmacy") == "XYF"  # where the pharmacist belongs
    page.focus("#pharmacy")
    page.select_option("#pharmacy", "ZYF")
    page.wait_for_selector("#rows:has-text('没有处方')")
    page.reload()
    page.wait_for_selector("#rows:has-text('没有处方')")
    assert page.input_value("#pharmacy") == "ZYF"
    hand.at("#find").type(rx["rx_no"]).press("Enter").at("#rows tr")
    assert "不在本药房取药" in page.inner_text("#count")


@pytest.mark.parametrize("typed", ["rx_no", "receipt_no", "8800001", "wf", "王芳"])
def test_a_scan_or_a_name_finds_the_prescription(rx: dict[str, Any], hand: Hand, typed: str) -> None:
    text = {"rx_no": rx["rx_no"], "receipt_no": rx["charge"]["receipt_no"]}.get(typed, typed)
    hand.page.keyboard.insert_text(text)
    hand.press("Enter").at("#rows tr")
    hand.page.wait_for_selector("#person:has-text('王芳')")
    assert hand.page.locator("#rows tr").count() == 1
    hand.press("Escape").at("#find")
    hand.page.wait_for_selector("#rows tr:nth-child(2)")


def test_what_is_not_found_is_said_beside_the_field(rx: dict[str, Any], hand: Hand) -> None:
    hand.type("YJ9999").press("Enter")
    assert "没有找到“YJ9999”的已缴费处方" in wrong_words(hand)


def test_single_lines_are_handed_over_and_refunded_ones_cannot_be(
    standby: Standby, rx: dict[str, Any], hand: Hand
) -> None:
    page = hand.page
    gone = next(one for one in rx["charge"]["lines"] if one["name"] == "甲硝唑片")
    back = {"lines": [{"line_id": gone["line_id"], "quantity": 2}], "reason": "过敏"}
    done(api(standby, "cashier").post(f"/charges/{rx['charge']['id']}/refund", back))
    page.reload()
    page.wait_for_selector("#rows tr:has-text('王芳')")
    chosen(hand.at("#find"))
    row = page.locator("#lines tr:has-text('甲硝唑片')")
    row.locator(".tag:has-text('已退费，不发')").wait_for()
    assert row.locator("input").is_disabled()
    hand.press("F4").at("#lines input").press("Space").press("Enter").at("#hand")
    give(hand).alone()
    page.wait_for_selector("#said:has-text('已登记发药')")
    assert [line["name"] for line in notes(standby)[0]["lines"]] == ["维生素C片"]
    assert state(standby, rx["id"]) == "paid"
    page.wait_for_selector("#notes li:has-text('发药 郑药师 0401，核对 冯药师 0402')")


def test_drugs_taken_back_can_be_refunded(standby: Standby, rx: dict[str, Any], hand: Hand) -> None:
    page = hand.page
    give(chosen(hand)).alone()
    page.select_option("#state", "out")
    page.wait_for_selector("#rows tr:has-text('已发待确认')")
    page.focus("#find")
    chosen(hand).press("F7")
    hand.dialog("收回药品")
    for value in ("9", "x", "-1", ""):
        page.focus("#ask-line0")
        hand.press("Control+a").press("Delete")
        page.keyboard.insert_text(value)
        page.focus("#ask-reason")
        hand.press("Control+a").type("包装破损").press("Enter")
        page.wait_for_selector("dialog [role=alert]:not([hidden])")
    page.focus("#ask-line0")
    hand.type("1").press("Enter").press("Control+a").type("0").press("Enter").press("Control+a").type("0").press(
        "Enter"
    )
    hand.at("#ask-reason").press("Enter").alone()
    page.wait_for_selector("#said:has-text('现在可以退费')")
    assert [(note["kind"], note["lines"][0]["quantity"]) for note in notes(standby)[1:]] == [("return", -1)]
    line = rx["charge"]["lines"][0]
    refund = {"lines": [{"line_id": line["line_id"], "quantity": 1}], "reason": "退药"}
    done(api(standby, "cashier").post(f"/charges/{rx['charge']['id']}/refund", refund))


def test_a_second_pair_of_eyes_is_asked_for_and_alone_one_confirms(standby: Standby, hand: Hand) -> None:
    page = hand.page
    chosen(hand).press("F9")
    hand.dialog("核对药师")
    hand.press("Enter")
    page.wait_for_selector("dialog [role=alert]:has-text('请填写：核对药师')")
    assert notes(standby) == []
    checked(hand, "0401")
    hand.dialog("没有第二位药师核对")
    hand.press("Escape").alone()
    assert notes(standby) == []
    hand.press("F9")
    hand.dialog("核对药师")
    checked(hand, "0401")
    hand.dialog("没有第二位药师核对")
    hand.press("Enter").alone()
    page.wait_for_selector("#said:has-text('已登记发药')")
    assert [note["checked_by"] for note in notes(standby)] == ["0401"]


def test_double_keys_make_one_hand_over(standby: Standby, hand: Hand) -> None:
    chosen(hand).press("F9")
    hand.dialog("核对药师")
    checked(hand).press("Enter").press("F9", 2)  # whatever comes too late meets the next patient's prescription
    hand.page.wait_for_function("() => !document.querySelector('#rows').textContent.includes('王芳')")
    hand.press("F9", 2)
    hand.dialog("发给 欧阳修文")
    assert [note["checked_by"] for note in notes(standby)] == ["0402"]


def test_two_pharmacists_hand_over_the_same_prescription_once(
    standby: Standby, rx: dict[str, Any], desk: Callable[..., Desk]
) -> None:
    first, second = counter(desk), counter(desk, "pharmacist2")
    chosen(first).press("F9")
    chosen(second).press("F9")
    first.dialog("核对药师")
    second.dialog("核对药师")
    checked(first).alone()
    first.page.wait_for_selector("#said:has-text('已登记发药')")
    checked(second, "0401").alone()
    second.page.wait_for_selector("#failed:has-text('already_handed_over')")
    second.page.wait_for_function("() => !document.querySelector('#rows').textContent.includes('王芳')")
    assert [note["handed_by"] for note in notes(standby)] == ["0401"]


def test_a_refund_meanwhile_is_refused_in_words(standby: Standby, rx: dict[str, Any], hand: Hand) -> None:
    chosen(hand).press("F9")
    hand.dialog("核对药师")
    done(api(standby, "cashier").post(f"/charges/{rx['charge']['id']}/refund", {"reason": "不要了"}))
    checked(hand).alone()
    hand.page.wait_for_selector("#failed:has-text('line_refunded')")
    assert notes(standby) == []


def test_a_reload_keeps_the_prescription_and_what_was_ticked(standby: Standby, rx: dict[str, Any], hand: Hand) -> None:
    page = hand.page
    chosen(hand).press("F4").at("#lines input").press("Space")
    page.reload()
    page.wait_for_selector("#person:has-text('王芳')")
    assert [one.is_checked() for one in page.locator("#lines input").all()] == [False, True, True]
    give(hand).alone()
    page.wait_for_selector("#said:has-text('已登记发药')")
    assert [line["name"] for line in notes(standby)[0]["lines"]] == ["维生素C片", "甲硝唑片"]


def test_a_restart_of_the_standby_is_waited_for(standby: Standby, hand: Hand) -> None:
    page = hand.page
    chosen(hand).press("F9")
    hand.dialog("核对药师")
    standby.stop()
    checked(hand).alone()
    page.wait_for_selector("#silent:not([hidden])")
    standby.start()
    page.wait_for_selector("#said:has-text('已登记发药')")
    assert len(notes(standby)) == 1


def test_a_session_that_ended_asks_for_the_password_and_goes_on(standby: Standby, hand: Hand) -> None:
    page = hand.page
    chosen(hand).press("F9")
    hand.dialog("核对药师")
    page.context.clear_cookies()
    checked(hand)
    page.wait_for_selector("dialog.lock")
    hand.at("#unlock-password").type(PASSWORD).press("Enter")
    page.wait_for_selector("#said:has-text('已登记发药')")
    assert len(notes(standby)) == 1


def test_after_recovery_the_list_is_what_must_be_dispensed_in_the_his(
    standby: Standby, rx: dict[str, Any], hand: Hand
) -> None:
    page = hand.page
    chosen(hand).press("F4").at("#lines input").press("Space")
    give(hand).alone()  # two of three lines
    page.wait_for_selector("#said:has-text('已登记发药')")
    standby.hospital.back()
    page.wait_for_selector("#mode-note:has-text('须按 HIS 处方号在 HIS 中逐张补做发药')")
    # She stood on the list before as well: the list is the new one once nobody else stands there.
    page.wait_for_function("() => document.querySelectorAll('#rows tr').length === 1")
    assert "王芳" in page.inner_text("#rows") and page.input_value("#state") == "out"
    page.wait_for_selector("#facts:has-text('尚未上传')")
    assert "核对 冯药师 0402" in page.inner_text("#notes")
    chosen(hand.press("F1").at("#find"))
    give(hand).alone()  # the rest is given even now: it was paid for in YJ mode
    page.wait_for_selector("#said:has-text('已登记发药')")
    assert state(standby, rx["id"]) == "handed_over"


def test_the_centres_prescription_is_the_hiss_again_in_normal_mode(standby: Standby, hand: Hand) -> None:
    page = hand.page
    give(chosen(hand, "欧阳修文")).alone()
    page.wait_for_selector("#said:has-text('已登记发药')")
    page.wait_for_function("() => !document.querySelector('#rows').textContent.includes('欧阳修文')")
    standby.hospital.back()
    page.wait_for_selector("#rows tr:has-text('欧阳修文')")
    page.wait_for_selector("#facts:has-text('HIS 处方号 3002')")
    assert all(page.is_disabled(button) for button in ("#print", "#hand", "#return"))
    assert state(standby, RX_PAID) == "handed_over"


def test_departments_outside_the_scope_are_not_on_the_list(standby: Standby, hand: Hand) -> None:
    hand.page.wait_for_selector("#rows tr:has-text('欧阳修文')")
    done(api(standby, "admin").post("/mode/scope", {"departments": ["EK"], "reason": "内科已恢复"}))
    hand.page.wait_for_function("() => !document.querySelector('#rows').textContent.includes('欧阳修文')")


def test_who_may_only_look_hands_nothing_over(rx: dict[str, Any], desk: Callable[..., Desk]) -> None:
    hand = counter(desk, "auditor")
    hand.page.select_option("#pharmacy", "XYF")
    chosen(hand)
    assert all(hand.page.is_disabled(button) for button in ("#print", "#hand", "#return"))
    assert "只能查看" in hand.page.inner_text("#mode-note")


def test_the_page_speaks_english(rx: dict[str, Any], desk: Callable[..., Desk]) -> None:
    there = desk("pharmacist", "/pharmacy?lang=en")
    hand = Hand(there.page).at("#find")
    chosen(hand)
    assert "Record hand-over" in there.page.inner_text("#hand") and "41 y" in there.page.inner_text("#person")
