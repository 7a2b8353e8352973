"""What a cashier keys in: paper prescriptions, and mistakes in every field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.fixtures_browser import Desk, Standby
from tests.pages.hand import Hand
from tests.pages.till import came_out, charges, item, money, paper_agrees, till, visit

pytestmark = pytest.mark.browser


@pytest.fixture
def hand(standby: Standby, desk: Callable[..., Desk]) -> Hand:
    """A cashier whose shift is open, in YJ mode."""
    standby.hospital.emergency()
    return till(standby, desk)


def papers(standby: Standby) -> list[dict[str, Any]]:
    """Prescriptions keyed in here."""
    found = standby.hospital.window("cashier", "W0201").get("/prescriptions").json["items"]
    return [one for one in found if one["paper"]]


def key_in(hand: Hand) -> Hand:
    """Two drugs of Dr Li, one against the patient's allergy."""
    hand.press("F6").at("#rx-doctor").choose("ljg", of="李建国")
    hand.at("#rx-written").press("Enter").at("#rx-kind").press("Enter").at("#rx-diagnosis").choose("J06", of="急性")
    hand.at("#rx-drug").choose("A002", of="布洛芬").at("#rx-count-0").type("2").press("Enter")
    return hand.at("#rx-drug").choose("A007", of="头孢").at("#rx-count-1").type("1").press("Enter").at("#rx-drug")


def test_a_paper_prescription_is_keyed_in_warned_of_and_charged(standby: Standby, hand: Hand) -> None:
    visit(standby)
    hand.choose("wf", of="王芳")
    hand.at("#item")
    key_in(hand)
    hand.press("F9")
    assert "病人对头孢过敏" in hand.dialog("请留意").inner_text()
    hand.press("Enter").alone().at("#pay-0-tendered")
    assert hand.page.inner_text("#due") == "63.00"
    money(hand, "70")
    paper_agrees(hand)
    came_out(hand, "找零 7.00")
    written = papers(standby)
    assert [(one["staff_code"], one["status"], len(one["lines"])) for one in written] == [("D301", "paid", 2)]
    assert charges(standby)[0]["total"] == "63.00"


def test_a_half_keyed_paper_outlives_a_reload(standby: Standby, hand: Hand) -> None:
    visit(standby)
    hand.choose("wf", of="王芳")
    hand.at("#item")
    key_in(hand)
    hand.page.reload()
    hand.page.wait_for_selector("#person strong")
    hand.press("F6").at("#rx-drug")
    assert hand.page.input_value("#rx-doctor") == "李建国 D301"
    assert hand.page.input_value("#rx-count-0") == "2"


def test_a_paper_without_doctor_drug_or_time_says_what_is_missing(standby: Standby, hand: Hand) -> None:
    visit(standby)
    page = hand.page
    hand.choose("wf", of="王芳")
    hand.at("#item").press("F6").at("#rx-doctor").press("F9")
    assert "选医生" in page.inner_text("#paper-rx .wrong")
    hand.choose("ljg", of="李建国").at("#rx-written")
    hand.press("F9")
    assert "还没有药品" in page.inner_text("#paper-rx .wrong")
    hand.at("#rx-drug").choose("A002", of="布洛芬").at("#rx-count-0")
    for wrong in ("0", "-1", "1.5", "abc", "壹"):
        hand.press("Control+a").type(wrong).press("Enter")
        assert "整数" in page.inner_text("#paper-rx .wrong"), wrong
    hand.press("Control+a").type("2")
    page.fill("#rx-written", "2027-01-01T10:00")
    hand.press("F9")
    page.wait_for_selector("#paper-rx .wrong:has-text('晚于现在')")
    hand.press("Escape").alone()
    assert papers(standby) == []


def test_a_drug_that_needs_the_red_form_of_a_doctor_without_the_right_is_refused(standby: Standby, hand: Hand) -> None:
    visit(standby)
    hand.choose("wf", of="王芳")
    hand.at("#item").press("F6").at("#rx-doctor").choose("zxh", of="周小红")
    hand.at("#rx-written").press("Tab")
    hand.page.focus("#rx-drug")
    hand.choose("N001", of="吗啡").at("#rx-count-0").type("1").press("F9")
    hand.page.wait_for_selector("#rx-wrong:not([hidden])")
    assert "没有处方权" in hand.page.inner_text("#rx-wrong")
    assert papers(standby) == []


def test_a_paper_needs_a_visit_and_a_patient(standby: Standby, hand: Hand) -> None:
    hand.press("F6").at("#find")
    assert "先找到病人" in hand.page.inner_text("#charge-form .wrong")
    hand.choose("SMITH", of="SMITH")
    hand.at("#item").press("F6").at("#find")
    assert "先在挂号窗口" in hand.page.inner_text("#charge-form .wrong")


def test_wrong_quantities_and_amounts_are_told_beside_their_field(standby: Standby, hand: Hand) -> None:
    page = hand.page
    hand.choose("SMITH", of="SMITH")
    hand.at("#item").choose("F001", of="F001").at("[data-count]")
    for wrong in ("0", "-1", "1.5", "abc", "壹", ""):
        page.fill("#count-0", wrong)
        hand.press("Enter")
        assert "整数" in page.inner_text("#charge-form .wrong"), wrong
    page.fill("#count-0", "0")
    hand.press("F9")
    assert "整数" in page.inner_text("#charge-form .wrong")
    page.fill("#count-0", "1")
    page.wait_for_selector("#due:has-text('25.00')")
    hand.press("Enter").at("#item").press("Enter").at("#pay-0-tendered")
    for wrong in ("24.99", "-5", "1.234", "abc", "1e3", "999999999999"):
        page.fill("#pay-0-tendered", wrong)
        hand.press("F9")
        page.wait_for_selector(".pay .wrong")
    page.fill("#pay-0-tendered", "")
    hand.press("Shift+F8").at("#pay-0-amount")
    for wrong in ("0", "25.00", "30", "-1", "x"):
        page.fill("#pay-0-amount", wrong)
        hand.press("F9")
        page.wait_for_selector(".pay .wrong")
    assert charges(standby) == []


def test_strange_words_in_the_search_find_nobody_and_break_nothing(hand: Hand) -> None:
    for text in ("'; DROP TABLE", "<b>x</b>", "%", "𠮷䶮㛃", "x" * 64, "\\", "0000000"):
        hand.page.fill("#find", text)
        hand.press("Enter")
        hand.page.wait_for_selector("#said[data-plain]:has-text('没有找到该病人')")
        hand.page.evaluate("document.getElementById('said').replaceChildren()")


# The answer to the first letter has begun to come when the second is typed: reading it ends as a given-up fetch does.
READ_AND_GIVEN_UP = """() => {
  const real = window.fetch;
  window.fetch = async (url, options) => {
    const slow = String(url).includes('/patients?q=w&');
    const response = await real(url, slow ? { ...options, signal: undefined } : options);
    if (!slow) return response;
    window.reading = true;
    const json = () => new Promise((resolve, reject) => {
      options.signal.addEventListener('abort', () => reject(new DOMException('', 'AbortError')));
    });
    return { ok: true, status: 200, headers: response.headers, json };
  };
}"""


def test_an_answer_that_is_given_up_while_it_comes_does_not_hide_the_next_one(hand: Hand) -> None:
    page = hand.page
    page.evaluate(READ_AND_GIVEN_UP)
    hand.type("w")
    page.wait_for_function("() => window.reading")
    hand.type("f")
    page.wait_for_selector("ul.found:not([hidden]) li:has-text('王芳')")
    assert page.is_hidden("#silent")


def test_a_patient_is_given_up_only_after_a_question(standby: Standby, hand: Hand) -> None:
    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    hand.page.wait_for_selector("#due:has-text('25.00')")
    hand.press("F10").dialog("放弃")
    hand.press("Escape").alone()
    assert hand.page.inner_text("#due") == "25.00"
    hand.press("F10").dialog("放弃")
    hand.press("Enter").alone().at("#find")
    assert hand.page.inner_text("#due") == "—"


def test_a_total_that_moved_is_shown_and_asked_for_again(standby: Standby, hand: Hand) -> None:
    """A mirror with another price was published between the quote and the act."""
    from tests.fixtures_hospital import CAST

    hand.choose("SMITH", of="SMITH")
    item(hand, "F001")
    hand.press("Enter").at("#pay-0-tendered").press("F9")
    hand.dialog("请核对打印机里的票据号")
    dearer = [{**row, "unit_price": "26.0000"} if row["item_code"] == "F001" else row for row in CAST["fee_item"]]
    standby.hospital.mirror({**CAST, "fee_item": dearer}, generation=8)
    hand.press("Enter")
    hand.page.wait_for_selector("#failed:has-text('应收金额已变为 26.00')")
    hand.page.wait_for_selector("#due:has-text('26.00')")
    hand.press("F9")
    came_out(hand)
    assert [one["total"] for one in charges(standby)] == ["26.00"]
