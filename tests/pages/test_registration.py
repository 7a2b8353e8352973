"""The registrar's day, with the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import centre_id
from tests.pages.hand import NOTE_PRINTS, Hand

pytestmark = pytest.mark.browser
MOST_KEYSTROKES = 12


@pytest.fixture
def hand(standby: Standby, desk: Callable[..., Desk]) -> Hand:
    """The registrar at her desk in YJ mode; the shift is open, the cursor waits for a patient."""
    standby.hospital.emergency()
    assert standby.hospital.window("registrar", "W0101").post("/shifts/open", {"float": "200.00"}).status == 201
    page = desk("registrar", "/registration").page
    page.evaluate(NOTE_PRINTS)
    page.wait_for_selector(".paper-no:has-text('GH00000101')")
    return Hand(page).at("#find")


def visits(standby: Standby) -> list[dict[str, Any]]:
    """What was registered, newest first."""
    items: list[dict[str, Any]] = standby.hospital.window("registrar", "W0101").get("/registrations/own").json["items"]
    return items


def charges(standby: Standby) -> list[dict[str, Any]]:
    """What was charged and given back, newest first."""
    items: list[dict[str, Any]] = standby.hospital.window("registrar", "W0101").get("/charges").json["items"]
    return items


def sell(hand: Hand, department: str = "nk", *, tendered: str = "100", shown: str = "") -> Hand:
    """From the chosen patient to the charged visit: department, first row, cash."""
    hand.at("#department").choose(department)
    hand.at("#offers tr").press("Enter")
    hand.at("#pay-0-tendered").type(tendered).press("Enter")
    return hand


def out(hand: Hand, *, first: bool = True) -> Hand:
    """The paper agrees, the slip came out."""
    if first:
        hand.dialog("请核对打印机里的票据号")
        hand.press("Enter")
    hand.dialog("挂号单 打印出来了吗")
    return hand.press("Enter").alone()


def test_a_returning_patient_is_registered_charged_and_printed_in_twelve_strokes(standby: Standby, hand: Hand) -> None:
    page = hand.page
    hand.type("wf")
    page.wait_for_selector("ul.found li:has-text('王芳')")
    after_search = Hand(page)
    after_search.press("Enter")
    sell(after_search)
    out(after_search)
    assert after_search.count <= MOST_KEYSTROKES, after_search.count
    after_search.at("#find")
    [visit] = visits(standby)
    [charge] = charges(standby)
    assert (visit["patient_name"], visit["staff_code"], visit["status"]) == ("王芳", "D301", "paused")
    assert (charge["total"], charge["change"], charge["receipt_no"]) == ("30.00", "70.00", "GH00000101")
    assert page.evaluate("window.printed") == [f"/print/registration/{visit['id']}"]
    assert "70.00" in page.inner_text("#last") and page.inner_text(".paper-no") == "GH00000102"


def test_allergies_are_red_and_a_childs_guardian_is_named_before_anything_is_chosen(hand: Hand) -> None:
    page = hand.page
    hand.type("13812345678")
    page.wait_for_selector("ul.found li:has-text('王芳之子')")
    rows = page.locator("ul.found li").all_inner_texts()
    child = next(row for row in rows if "王芳之子" in row)
    assert "2026-08-11" in child and "3月12天" in child and "监护人 王芳" in child
    assert page.locator("ul.found .allergy").count() == 1
    colour = page.locator("ul.found li:not([aria-selected=true]) .allergy, ul.found .allergy").first
    assert "青霉素" in colour.inner_text()


def test_an_insured_patient_is_marked_and_charged_for_a_later_settlement(standby: Standby, hand: Hand) -> None:
    hand.choose("8800003", of="张伟").at("#department")
    assert "医保" in hand.page.inner_text("#card")
    hand.page.wait_for_selector("#visits .tag.centre")
    hand.choose("ek").at("#offers tr").press("Enter").at("#pay-0-tendered")
    hand.press("F8", 2).at("#pay-0-reference").type("WX20261123").press("Enter")
    out(hand)
    [charge] = charges(standby)
    assert charge["deferred"] and charge["payments"][0]["reference"] == "WX20261123"


def test_a_new_patient_is_made_and_registered(standby: Standby, hand: Hand) -> None:
    page = hand.page
    hand.type("钱小满").press("Enter").at("#sex")
    assert page.input_value("#name") == "钱小满"
    hand.type("2").press("Enter").at("#born").type("19900102").press("Enter").at("#phone").type("13700001234").press(
        "F9"
    )
    hand.at("#department")
    assert "钱小满" in page.inner_text("#card") and "1990-01-02" in page.inner_text("#card")
    sell(hand)
    out(hand)
    [visit] = visits(standby)
    assert (visit["patient_name"], visit["sex"], visit["age"]) == ("钱小满", "F", "36岁")


def test_a_known_name_and_birth_date_is_shown_before_a_second_archive_is_made(hand: Hand) -> None:
    page = hand.page
    hand.type("wfx")  # initials that found nobody are no name
    hand.press("F2").at("#name").type("王芳").press("Enter").at("#sex").type("2").press("Enter")
    page.wait_for_selector("#alike:not([hidden]) tr:has-text('P1001')")
    hand.at("#born").type("1985-3-12").press("F9")
    hand.dialog("是同一人吗")
    hand.press("Enter").at("#department")
    assert "P1001" in page.inner_text("#card")
    assert page.locator("#card .tag.yj").count() == 0


def test_somebody_with_the_id_number_of_another_is_told_and_the_clerk_decides(hand: Hand) -> None:
    page = hand.page
    hand.press("F2").at("#name").type("王小芳").press("Enter").at("#sex").type("2").press("Enter").at("#born")
    hand.type("41").press("Enter").at("#phone").type("13555556666").press("Enter").at("#id_type").press("Enter")
    hand.at("#id_no").type("110101198503120021").press("F9")
    hand.dialog("可能与下列病人是同一人")
    hand.press("ArrowDown").press("Enter").at("#department")
    assert "P1001" in page.inner_text("#card")


def test_a_newborn_is_registered_with_guardian_hour_of_birth_and_weight(standby: Standby, hand: Hand) -> None:
    page = hand.page
    hand.press("F2").at("#name").press("Shift+Tab").at("#kind").type("2").press("Enter").at("#name")
    hand.type("王芳之女").press("Enter").at("#sex").type("2").press("Enter").at("#born")
    assert page.input_value("#born") == "2026-11-23"
    hand.press("Enter").at("#birth_time").type("06:40").press("Enter").at("#guardian_name").type("王芳").press("Enter")
    hand.at("#guardian_phone").type("13812345678").press("F9").at("#department")
    assert "0天" in page.inner_text("#card") and "王芳 13812345678" in page.inner_text("#card")
    hand.choose("ek").at("#offers tr").press("Enter").at("#weight_kg").type("3.25").press("Enter")
    hand.at("#pay-0-tendered").press("F9")
    out(hand)
    [visit] = visits(standby)
    assert (visit["weight_kg"], visit["guardian_name"], visit["age"]) == ("3.25", "王芳", "0天")


def test_somebody_unknown_goes_to_emergency_without_name_or_birth_date(standby: Standby, hand: Hand) -> None:
    hand.press("F2").at("#name").press("Shift+Tab").at("#kind").type("3").press("F9").at("#department")
    assert "无名氏" in hand.page.inner_text("#card")
    hand.choose("jz").at("#offers tr").press("Enter").at("#triage_level").type("1").press("Enter")
    hand.at("#pay-0-tendered").press("F9")
    out(hand)
    [visit] = visits(standby)
    assert (visit["triage_level"], visit["status"], visit["visit_kind"]) == (1, "waiting", "emergency")


def test_a_foreigner_is_registered_by_the_passport(standby: Standby, hand: Hand) -> None:
    hand.press("F2").at("#name").press("Shift+Tab").at("#kind").type("4").press("Enter").at("#name")
    hand.type("O'Neill Séan").press("Enter").at("#sex").type("1").press("Enter").at("#born").type("1970/5/6").press(
        "F9"
    )
    assert "护照号" in hand.page.inner_text("small.wrong")
    hand.at("#id_no").type("PA1234567").press("F9")
    hand.dialog("没有填电话")
    hand.type("+353 1 234 567").press("Enter").at("#department")
    assert "O'Neill Séan" in hand.page.inner_text("#card") and "+353 1 234 567" in hand.page.inner_text("#card")


def test_a_full_session_warns_and_sells(standby: Standby, hand: Hand) -> None:
    page = hand.page
    for who in ("P1006", "P1007"):
        _sold_elsewhere(standby, who)
    hand.choose("wf").at("#department").choose("nk").at("#offers tr")
    assert (
        "普通号" in page.locator("#offers tr[aria-selected=true]").inner_text()
    )  # nothing full is sold by Enter alone
    row = page.locator("#offers tr[aria-selected=true]")
    hand.press("ArrowUp")
    assert "3/2" in row.inner_text() and "号满" in row.inner_text()
    assert "08:00" in page.inner_text("#offers-as-of")
    hand.press("Enter").at("#pay-0-tendered").press("F9")
    hand.dialog("请核对打印机里的票据号")
    hand.press("Enter")
    assert "号源已满" in hand.dialog("打印出来了吗").inner_text()
    hand.press("Enter").alone()
    assert len(visits(standby)) == 1


def _sold_elsewhere(standby: Standby, patient_no: str) -> None:
    body = {
        "patient_id": centre_id("patient", patient_no), "department_code": "NK", "type_code": "ZJ", "schedule_id": "S1",
        "payments": [{"method": "cash", "amount": "30.00"}],
    }  # fmt: skip
    assert standby.hospital.window("cashier").post("/registrations", body).status == 201


def test_a_visit_is_cancelled_and_the_money_named_that_goes_back(standby: Standby, hand: Hand) -> None:
    page = hand.page
    hand.choose("wf")
    out(sell(hand))
    hand.at("#find").press("F4").at("#own-find").press("Enter").at("#own-list tr").press("Enter")
    hand.dialog("王芳 内科门诊")
    hand.press("F6")
    assert "30.00" in hand.dialog("退号").inner_text()
    hand.press("Enter")
    assert "现金 30.00" in hand.dialog("已退号，请退还").inner_text().replace("\n", " ")
    hand.press("Enter").alone()
    page.wait_for_selector("#own-list td:has-text('已退号')")
    assert [one["total"] for one in charges(standby)] == ["-30.00", "30.00"]
    assert visits(standby)[0]["cancelled"]


def test_a_visit_is_found_by_its_slip_and_sent_to_another_department(standby: Standby, hand: Hand) -> None:
    hand.choose("wf")
    out(sell(hand))
    slip = visits(standby)[0]["slip_no"]
    hand.at("#find").type(slip).press("Enter")
    hand.dialog("王芳 内科门诊")
    hand.press("F7")
    hand.dialog("转科：王芳")
    hand.choose("EK", of="儿科门诊").press("Enter").at("#ask-reason").press("Enter")
    hand.dialog("转给哪位医生")
    hand.press("ArrowDown").press("Enter").alone()
    hand.page.wait_for_selector("#said:has-text('已转到 儿科门诊')")
    [visit] = visits(standby)
    assert (visit["department_code"], visit["staff_code"]) == ("EK", "D302")


def test_a_patient_seen_already_is_registered_afterwards(standby: Standby, hand: Hand) -> None:
    hand.choose("wf").at("#department").choose("nk").at("#offers tr").type("3").press("F6").at("#staff_code")
    hand.press("Tab", 4).at("#seen").press("Space").press("F9")
    out(hand)
    [visit] = visits(standby)
    assert (visit["status"], visit["type_code"], visit["staff_code"]) == ("seen", "ZJ", None)


def test_a_slip_of_before_the_outage_is_taken_in_without_a_fee(standby: Standby, hand: Hand) -> None:
    page = hand.page
    hand.choose("wf").at("#department").choose("nk").at("#offers tr").press("F6").at("#staff_code").press("Tab", 3)
    hand.at("#centre_slip_no").type("GH20261123088").press("F9")
    assert page.inner_text("#due") == "0.00"
    hand.dialog("挂号单 打印出来了吗")
    hand.press("Enter").alone()
    assert charges(standby) == []
    hand.at("#find").choose("13611112222").at("#department").choose("nk").at("#offers tr").press("F6").press("Tab", 3)
    hand.at("#centre_slip_no").type("GH20261123088").press("F9")
    page.wait_for_selector("#centre_slip_no[aria-invalid=true]")


def test_a_bill_is_split_over_two_methods(standby: Standby, hand: Hand) -> None:
    page = hand.page
    hand.choose("wf").at("#department").choose("nk").at("#offers tr").press("Enter").at("#pay-0-tendered")
    hand.press("Shift+F8").at("#pay-0-amount").type("12.5").press("Enter").at("#pay-0-tendered").type("20").press(
        "Enter"
    )
    hand.at("#pay-1-reference").type("POS77").press("Enter")
    hand.dialog("请核对打印机里的票据号")
    assert page.inner_text(".pay-rest") == "17.50" and page.inner_text(".pay-change") == "7.50"
    hand.press("Enter")
    hand.dialog("打印出来了吗")
    hand.press("Enter").alone()
    [charge] = charges(standby)
    assert [(p["method"], p["amount"]) for p in charge["payments"]] == [("cash", "12.50"), ("bank_card", "17.50")]


def test_the_shift_is_opened_at_the_first_look_of_an_outage_and_closed_with_a_sheet(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    standby.hospital.emergency()
    page = desk("registrar", "/registration").page
    hand = Hand(page)
    hand.dialog("班")
    hand.type("100").press("Enter", 4).alone()
    shifts = standby.hospital.window("registrar", "W0101").get("/shifts").json["items"]
    assert [(one["float"], one["open"]) for one in shifts] == [("100.00", True)]
    hand.press("F1").at("#shift-back").press("Escape").at("#find")
