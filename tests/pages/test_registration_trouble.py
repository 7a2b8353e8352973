"""What goes wrong at the registration desk: bad input, silence, a restart, a lost session, another mode, wrong
paper."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import CAST, PASSWORD, centre_id
from tests.pages.hand import Hand
from tests.pages.test_registration import charges, hand, out, sell, visits

pytestmark = pytest.mark.browser
__all__ = ["hand"]  # the registrar at her desk


def wrong_words(hand: Hand) -> str:
    """The sentence beside the field that has the cursor."""
    hand.page.wait_for_selector("small.wrong")
    assert hand.page.evaluate("document.activeElement.getAttribute('aria-invalid')") == "true"
    return str(hand.page.locator("small.wrong").first.inner_text())


def ready_to_pay(hand: Hand) -> Hand:
    """A patient, internal medicine, its first row; the cursor stands where the cash on the counter is keyed."""
    hand.choose("wf").at("#department").choose("nk").at("#offers tr").press("Enter")
    return hand.at("#pay-0-tendered")


def test_double_enter_makes_one_document(standby: Standby, hand: Hand) -> None:
    ready_to_pay(hand).press("Enter", 2)
    hand.page.keyboard.press("F9")
    out(hand)
    assert len(visits(standby)) == len(charges(standby)) == 1


def test_a_reload_in_mid_form_loses_nothing(standby: Standby, hand: Hand) -> None:
    page = hand.page
    ready_to_pay(hand).type("50")
    page.reload()
    hand.at("#pay-0-tendered")
    assert "王芳" in page.inner_text("#card") and page.input_value("#department") == "内科门诊"
    assert page.input_value("#pay-0-tendered") == "50" and page.inner_text("#due") == "30.00"
    hand.press("F9")
    out(hand)
    assert [one["change"] for one in charges(standby)] == ["20.00"]


def test_a_reload_in_a_half_filled_new_patient_loses_nothing(hand: Hand) -> None:
    hand.press("F2").at("#name").type("钱小满").press("Enter").at("#sex").type("2").press("Enter").at("#born").type(
        "3月"
    )
    hand.page.reload()
    hand.at("#name")
    assert hand.page.input_value("#name") == "钱小满"
    hand.press("F9")
    hand.dialog("没有填电话")
    hand.press("Enter").at("#department")
    assert "3月0天" in hand.page.inner_text("#card")


def test_a_restart_of_the_standby_in_mid_form_is_waited_for(standby: Standby, hand: Hand) -> None:
    page = hand.page
    ready_to_pay(hand).press("F9")
    hand.dialog("请核对打印机里的票据号")
    standby.stop()
    hand.press("Enter")
    page.wait_for_selector("#silent:not([hidden])")
    assert "都保留着" in page.inner_text("#silent")
    hand.press("F10").press("F2")  # nobody turns to the next patient while this one is on the way
    assert "王芳" in page.inner_text("#card") and page.locator("#newcomer").is_hidden()
    standby.start()
    hand.dialog("挂号单 打印出来了吗")
    hand.press("Enter").alone()
    assert len(visits(standby)) == len(charges(standby)) == 1


def test_an_answer_lost_on_the_way_and_a_reload_make_one_document(standby: Standby, hand: Hand) -> None:
    """The standby has written it, the page never heard: after the reload the same act is sent under the same key."""
    page = hand.page
    ready_to_pay(hand).press("F9")
    hand.dialog("请核对打印机里的票据号")
    page.route("**/api/v1/registrations", lambda route: route.abort())  # the one below goes first, once
    page.route("**/api/v1/registrations", lambda route: (route.fetch(), route.abort())[1], times=1)
    hand.press("Enter")
    page.wait_for_selector("#silent:not([hidden])")
    page.reload()  # while nothing gets through: sent once more before it, the act would be over
    page.unroute_all(behavior="ignoreErrors")
    hand.dialog("挂号单 打印出来了吗")
    hand.press("Enter").alone()
    assert len(visits(standby)) == len(charges(standby)) == 1


def test_a_session_that_ended_in_mid_form_is_unlocked_and_the_act_goes_on(standby: Standby, hand: Hand) -> None:
    page = hand.page
    ready_to_pay(hand).type("100")
    standby.hospital.window("registrar", "W0199")  # the same person, at another computer
    standby.hospital._windows.clear()
    hand.press("F9")
    page.wait_for_selector("dialog.lock")
    hand.at("#unlock-password").type(PASSWORD).press("Enter")
    out(hand)
    [charge] = charges(standby)
    assert charge["change"] == "70.00"


def test_the_switch_back_under_a_half_filled_form_keeps_it_and_says_what_is_possible(
    standby: Standby, hand: Hand
) -> None:
    page = hand.page
    ready_to_pay(hand)
    standby.hospital.back()
    page.wait_for_selector("body[data-mode=normal]")
    page.wait_for_selector("#possible:has-text('请在 HIS 挂号')")
    hand.press("F9")
    assert page.locator("#register").is_disabled() and "王芳" in page.inner_text("#card")
    standby.hospital.emergency()
    page.wait_for_selector("body[data-mode=emergency]")
    hand.press("F9")
    out(hand)
    assert len(visits(standby)) == 1


def test_in_the_grace_what_is_in_hand_is_taken(standby: Standby, hand: Hand) -> None:
    ready_to_pay(hand)
    standby.hospital.back(grace=120)
    hand.page.wait_for_selector("#possible:has-text('手上正在办的')")
    hand.press("F9")
    out(hand)
    assert len(visits(standby)) == 1


def test_a_department_out_of_scope_is_named_and_refused_in_words(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency(["EK"])
    page = desk("registrar", "/registration").page
    hand = Hand(page)
    hand.dialog("班")
    hand.press("Escape").alone()
    hand.press("F3").at("#find").choose("wf").at("#department").type("nk")
    page.wait_for_selector("ul.found li:has-text('不在应急范围')")
    hand.press("Enter").at("#offers tr")
    assert "请在 HIS 挂号" in page.inner_text("#offers-as-of")
    hand.press("F9")
    assert "不在应急范围" in wrong_words(hand)


def test_bad_input_for_a_new_patient_is_told_beside_its_field(standby: Standby, hand: Hand) -> None:
    page = hand.page
    hand.press("F2").at("#name").type("钱小满")
    page.select_option("#sex", "F")
    good = {"#born": "30", "#phone": "13700001234", "#id_no": "", "#guardian_phone": ""}
    for field, text, sentence in (
        ("#born", "20261340", "出生日期或年龄"),
        ("#born", "昨天", "出生日期或年龄"),
        ("#born", "2030-01-01", "日期不对"),
        ("#phone", "12ab", "格式不对"),
        ("#id_no", "身份证", "格式不对"),
        ("#guardian_phone", "x", "格式不对"),
    ):
        for place, value in (good | {field: text}).items():
            page.fill(place, value)
        page.focus("#name")
        hand.press("F9").at(f"{field}[aria-invalid=true]")
        assert sentence in wrong_words(hand), field
    assert standby.hospital.outbox("patient") == []


def test_a_newborns_hour_and_guardian_are_asked_for_in_words(standby: Standby, hand: Hand) -> None:
    page = hand.page
    hand.press("F2").at("#name").type("王芳之女")
    page.select_option("#kind", "newborn")
    page.select_option("#sex", "F")
    page.fill("#birth_time", "25:99")
    hand.press("F9")
    assert "监护人" in wrong_words(hand)
    hand.at("#guardian_name").type("王芳").press("Enter").at("#guardian_phone").type("13812345678").press("F9")
    page.wait_for_selector("#birth_time[aria-invalid=true]")
    assert "格式不对" in wrong_words(hand)
    assert standby.hospital.outbox("patient") == []


def test_signs_that_look_like_markup_stay_text(standby: Standby, hand: Hand) -> None:
    page = hand.page
    hand.press("F2").at("#name").type("<img src=x onerror=alert(1)>").press("Enter").at("#sex").type("1").press("Enter")
    hand.at("#born").type("40").press("Enter").at("#phone").type("13700001234").press("F9").at("#department")
    assert "<img src=x" in page.inner_text("#card .name") and page.locator("#card img").count() == 0


def test_a_bad_payment_is_told_beside_its_field(standby: Standby, hand: Hand) -> None:
    page = ready_to_pay(hand).page
    for method, field, text, sentence in (
        ("cash", "tendered", "abc", "金额不对"),
        ("cash", "tendered", "29.99", "少于应收 30.00"),
        ("cash", "tendered", "1e3", "金额不对"),
        ("wechat", "reference", "", "凭证号"),
        ("alipay", "reference", "   ", "凭证号"),
    ):
        page.select_option("#pay-0-method", method)
        page.fill(f"#pay-0-{field}", text)
        page.focus("#pay-0-method")
        hand.press("F9").at(f"#pay-0-{field}[aria-invalid=true]")
        assert sentence in wrong_words(hand), (method, text)
    assert visits(standby) == []


def test_a_bad_weight_and_a_missing_choice_are_told_beside_their_fields(standby: Standby, hand: Hand) -> None:
    hand.press("F9")
    assert "请先选择病人" in wrong_words(hand)
    hand.type("wfzz")
    hand.page.wait_for_selector("ul.found li:has-text('王芳之子')")
    hand.press("Enter").at("#department").press("F9")
    assert "请选择科室" in wrong_words(hand)
    hand.choose("ek").at("#offers tr").press("Enter").at("#weight_kg").type("7,2").press("F9")
    assert "体重不对" in wrong_words(hand)
    assert visits(standby) == []


def test_a_number_used_at_another_desk_is_found_out_and_the_paper_compared_again(standby: Standby, hand: Hand) -> None:
    ready_to_pay(hand)
    body = {
        "patient_id": centre_id("patient", "P1007"), "department_code": "EK", "type_code": "PT",
        "payments": [{"method": "cash", "amount": "10.00"}],
    }  # fmt: skip
    assert standby.hospital.window("registrar", "W0101").post("/registrations", body).status == 201
    hand.press("F9")
    assert "GH00000102" in hand.dialog("请核对打印机里的票据号").inner_text()
    hand.press("Enter")
    hand.dialog("打印出来了吗")
    hand.press("Enter").alone()
    assert {one["receipt_no"] for one in charges(standby)} == {"GH00000102", "GH00000101"}


def test_other_paper_in_the_printer_moves_the_book_forward_and_never_back(standby: Standby, hand: Hand) -> None:
    ready_to_pay(hand).press("F9")
    question = hand.dialog("请核对打印机里的票据号")
    hand.type("GH00000055").press("Enter")
    question.locator("[role=alert]:not([hidden])").wait_for()
    assert question.locator("[role=alert]").inner_text() != ""
    hand.page.fill("#ask-paper", "105")
    hand.press("Enter")
    hand.dialog("打印出来了吗")
    hand.press("Enter").alone()
    assert [one["receipt_no"] for one in charges(standby)] == ["GH00000105"]


def test_a_spoilt_sheet_takes_the_next_number_and_the_slip_says_it_is_a_reprint(standby: Standby, hand: Hand) -> None:
    page = hand.page
    ready_to_pay(hand).press("F9")
    hand.dialog("请核对打印机里的票据号")
    hand.press("Enter")
    hand.dialog("打印出来了吗")
    hand.press("F9")
    assert "GH00000102" in hand.dialog("换下一号").inner_text()
    hand.press("Enter")
    hand.dialog("挂号单 打印出来了吗")
    hand.press("Enter").alone()
    [charge] = charges(standby)
    assert (charge["first_receipt_no"], charge["receipt_no"]) == ("GH00000101", "GH00000102")
    text = page.request.get(f"{standby.url}/print/registration/{visits(standby)[0]['id']}").text()
    assert "补打 1" in text and "GH00000102" in text


def test_sheets_are_made_void_with_a_reason(standby: Standby, hand: Hand) -> None:
    hand.press("F7")
    hand.dialog("请核对打印机里的票据号")
    hand.press("F8")
    hand.dialog("作废票据")
    hand.press("Enter").type("102").press("Enter", 2)
    assert "GH00000103" in hand.dialog("请核对打印机里的票据号").inner_text()
    hand.press("Enter").alone()
    out(sell(hand.press("F3").at("#find").choose("wf")), first=False)
    assert charges(standby)[0]["receipt_no"] == "GH00000103"


def test_a_patient_registered_here_already_is_asked_about_once(standby: Standby, hand: Hand) -> None:
    out(sell(hand.choose("wf")))
    ready_to_pay(hand.at("#find")).press("F9")
    hand.dialog("还要再挂一个吗")
    hand.press("Escape").alone()
    assert len(visits(standby)) == 1


def test_a_dear_visit_is_cancelled_with_a_second_person(standby: Standby, hand: Hand) -> None:
    types = [{**row, "consultation_fee": "498.00"} for row in CAST["register_type"]]
    standby.hospital.mirror({**CAST, "register_type": types}, generation=8)
    hand.page.reload()
    hand.at("#find").choose("wf").at("#department").choose("nk").at("#offers tr").press("Enter").at("#pay-0-tendered")
    out(hand.press("F9"))
    hand.at("#find").press("F4").at("#own-find").press("Enter").at("#own-list tr").press("Enter")
    hand.dialog("王芳 内科门诊")
    hand.press("F6")
    hand.dialog("退号")
    hand.press("Enter")
    hand.dialog("需要第二人授权")
    hand.type("0601").press("Enter").type("not-the-password").press("Enter")
    hand.dialog("需要第二人授权")
    hand.at("#ask-operator").type("0601").press("Enter").type(PASSWORD).press("Enter")
    assert "500.00" in hand.dialog("已退号，请退还").inner_text()
    hand.press("Enter").alone()
    assert visits(standby)[0]["cancelled"]


def test_a_price_changed_by_a_new_mirror_is_found_out_and_shown(standby: Standby, hand: Hand) -> None:
    page = hand.page
    ready_to_pay(hand)
    types = [{**row, "consultation_fee": "48.00"} for row in CAST["register_type"]]
    standby.hospital.mirror({**CAST, "register_type": types}, generation=8)
    hand.press("F9")
    hand.dialog("请核对打印机里的票据号")
    hand.press("Enter").alone()
    page.wait_for_selector("#failed:not(:empty)")
    page.wait_for_selector("#due:has-text('50.00')")
    hand.press("F9")
    out(hand, first=False)
    assert charges(standby)[0]["total"] == "50.00"


def test_a_kept_form_of_a_patient_who_is_gone_is_given_up_in_words(standby: Standby, hand: Hand) -> None:
    page = hand.page
    hand.press("F2").at("#name").press("Shift+Tab").at("#kind").type("3").press("F9").at("#department")
    page.evaluate(
        "() => { for (const [k, v] of Object.entries(sessionStorage)) if (k.endsWith(':registration')) "
        'sessionStorage[k] = v.replace(/"patient":"[^"]+/, \'"patient":"nobody\'); }'
    )
    page.reload()
    page.wait_for_selector("#failed:not(:empty)")
    hand.at("#find")
    page.reload()
    hand.at("#find")
    assert page.inner_text("#failed") == ""


def test_who_may_only_look_is_told_so(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    page = desk("auditor", "/registration").page
    page.wait_for_selector("#possible:has-text('只能查看')")
    assert page.locator("#register").is_disabled()
