"""What goes wrong at the doctor's desk: bad input, double keys, reloads, silence, lost sessions, modes, races."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import PASSWORD
from tests.pages.hand import Hand
from tests.pages.surgery import ZHANG, api, done, line, paid, prescription, see, surgery, visit, written, wrong_words

pytestmark = pytest.mark.browser


@pytest.fixture
def wang(standby: Standby) -> dict[str, Any]:
    """Mrs Wang waits at internal medicine, in YJ mode."""
    standby.hospital.emergency()
    return visit(standby)


@pytest.fixture
def hand(wang: dict[str, Any], desk: Callable[..., Desk]) -> Hand:
    """Her visit lies open, diagnosis and one drug are written."""
    hand = see(surgery(desk)).choose("jx", of="急性").at("#diagnosis").press("Enter")
    line(hand, "A002", "布洛芬缓释胶囊", dose="0.3")
    hand.page.wait_for_selector("#rx-total:has-text('¥ 18.50')")
    return hand


def unwarned(hand: Hand) -> Hand:
    hand.dialog("已开具")
    return hand.press("Escape").alone()


def test_double_keys_make_one_prescription(standby: Standby, wang: dict[str, Any], hand: Hand) -> None:
    hand.press("Enter").at("#rx-sign").press("Enter", 2).press("F9", 2)
    unwarned(hand)
    assert len(written(standby, wang["id"])) == 1


def test_a_reload_in_mid_form_loses_nothing(standby: Standby, wang: dict[str, Any], hand: Hand) -> None:
    page = hand.page
    hand.choose("A004", of="维生素C片").at("#dose").type("0.2")
    page.reload()
    hand.at("#dose")
    assert (page.input_value("#drug"), page.input_value("#dose"), page.input_value("#usage")) == (
        "维生素C片", "0.2", "口服",
    )  # fmt: skip
    assert "布洛芬缓释胶囊" in page.inner_text("#rx-lines") and "王芳" in page.inner_text("#person")
    for field in ("#dose_unit", "#usage", "#frequency", "#days", "#quantity", "#note"):
        hand.press("Enter").at(field)
    hand.press("Enter").at("#drug").press("F9")
    unwarned(hand)
    assert len(written(standby, wang["id"])[0]["lines"]) == 2


def test_a_restart_of_the_standby_in_mid_form_is_waited_for(standby: Standby, wang: dict[str, Any], hand: Hand) -> None:
    page = hand.page
    standby.stop()
    hand.press("F9")
    page.wait_for_selector("#silent:not([hidden])")
    assert "布洛芬缓释胶囊" in page.inner_text("#rx-lines")
    standby.start()
    unwarned(hand)
    assert len(written(standby, wang["id"])) == 1


def test_an_answer_lost_on_the_way_and_a_reload_make_one_prescription(
    standby: Standby, wang: dict[str, Any], hand: Hand
) -> None:
    page = hand.page

    def lost(route: Any) -> None:
        route.fetch()
        route.abort()

    page.route("**/api/v1/prescriptions", lambda route: route.abort())
    page.route("**/api/v1/prescriptions", lost, times=1)  # the later one goes first
    hand.press("F9")
    page.wait_for_selector("#silent:not([hidden])")
    page.reload()  # while nothing gets through: sent once more before it, the act would be over
    page.unroute_all(behavior="ignoreErrors")
    page.wait_for_selector("#said:has-text('上一张单据已经开具')")
    assert page.locator("#rx-lines tr[tabindex]").count() == 0
    assert len(written(standby, wang["id"])) == 1


def test_a_session_that_ends_in_mid_form_asks_for_the_password_and_goes_on(
    standby: Standby, wang: dict[str, Any], hand: Hand
) -> None:
    hand.page.context.clear_cookies()
    hand.press("F9")
    hand.page.wait_for_selector("dialog.lock")
    hand.type(PASSWORD).press("Enter")
    unwarned(hand)
    assert len(written(standby, wang["id"])) == 1


def test_the_return_to_the_his_closes_the_signature_and_keeps_the_paper(
    standby: Standby, wang: dict[str, Any], hand: Hand
) -> None:
    page = hand.page
    standby.hospital.back()
    page.wait_for_selector("#mode-note:has-text('请在 HIS 中开处方')")
    assert page.is_disabled("#rx-sign") and "布洛芬缓释胶囊" in page.inner_text("#rx-lines")
    standby.hospital.emergency()
    page.wait_for_selector("#mode-note", state="hidden")
    assert page.is_enabled("#rx-sign")


def test_in_the_grace_what_is_in_hand_is_still_signed(standby: Standby, wang: dict[str, Any], hand: Hand) -> None:
    standby.hospital.back(grace=600)
    hand.page.wait_for_selector("#mode-note:has-text('尽快开完手头的单据')")
    hand.press("F9")
    unwarned(hand)
    assert written(standby, wang["id"])[0]["total"] == "18.50"


def test_after_the_grace_a_refusal_keeps_the_paper(standby: Standby, wang: dict[str, Any], hand: Hand) -> None:
    standby.hospital.back(grace=60)
    hand.page.wait_for_selector("#mode-note:has-text('尽快')")
    standby.hospital.clock.advance(300)
    hand.press("F9")
    hand.page.wait_for_selector("#failed:not(:empty)")
    assert "布洛芬缓释胶囊" in hand.page.inner_text("#rx-lines")
    assert written(standby, wang["id"]) == []


def test_a_department_outside_the_scope_says_so(standby: Standby, wang: dict[str, Any], hand: Hand) -> None:
    with_scope = {"departments": ["EK"], "reason": "内科已恢复"}
    done(api(standby, "admin").post("/mode/scope", with_scope))
    hand.page.wait_for_selector("#mode-note:has-text('内科门诊 不在本次应急范围内')")
    assert hand.page.is_disabled("#rx-sign")


def test_a_trainee_writes_orders_but_no_prescriptions(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    made = visit(standby, ZHANG, "JZ")
    hand = surgery(desk, "trainee")
    hand.page.wait_for_selector("#queue tr:has-text('张伟')")
    hand.press("ArrowDown").at("#queue tr").press("Enter").at("#diagnosis")
    hand.page.wait_for_selector("#mode-note:has-text('您没有处方权')")
    assert hand.page.is_disabled("#rx-sign")
    hand.press("F3").at("#item").choose("F001", of="血常规").at("#count").press("Enter").at("#item").press("F9")
    unwarned(hand)
    assert len(written(standby, made["id"], "orders")) == 1


def test_a_prescription_paid_meanwhile_is_not_cancelled(standby: Standby, wang: dict[str, Any], hand: Hand) -> None:
    page = hand.page
    hand.press("F9")
    unwarned(hand).press("F4").at("#written-rows tr")
    [rx] = written(standby, wang["id"])
    paid(standby, wang["id"], rx["id"])
    hand.press("F10")
    hand.dialog("作废")
    hand.type("换药").press("Enter").alone()
    page.wait_for_selector("#failed:has-text('already_paid')")
    page.wait_for_selector("#written-rows tr:has-text('已缴费')")
    assert page.is_disabled("#cancel")


def test_a_drug_stopped_meanwhile_is_refused_and_the_paper_stays(
    standby: Standby, wang: dict[str, Any], hand: Hand
) -> None:
    from tests.fixtures_hospital import CAST

    stopped = [{**drug, "active": drug["active"] and drug["drug_code"] != "A002"} for drug in CAST["drug"]]
    standby.hospital.mirror({**CAST, "drug": stopped}, generation=8)
    hand.press("F9")
    hand.page.wait_for_selector("#rx-warnings .note.bad")
    assert "布洛芬缓释胶囊" in hand.page.inner_text("#rx-lines")
    assert written(standby, wang["id"]) == []


def test_a_visit_cancelled_meanwhile_is_refused_in_words(standby: Standby, wang: dict[str, Any], hand: Hand) -> None:
    done(api(standby, "registrar").post(f"/registrations/{wang['id']}/cancel", {"reason": "走了"}))
    hand.press("F9")
    hand.page.wait_for_selector("#failed:has-text('已退号')")


def test_a_kind_that_does_not_fit_the_drugs_is_said_beside_the_lines(hand: Hand) -> None:
    hand.page.focus("#kind")
    hand.press("ArrowDown", 2)
    hand.page.wait_for_selector("#rx-warnings .note.bad")
    hand.press("ArrowUp", 2)
    hand.page.wait_for_selector("#rx-total:has-text('¥ 18.50')")


BAD_INPUT = [
    ("dose", "", "请填单次量"),
    ("dose", "0", "请填单次量"),
    ("dose", "-1", "请填单次量"),
    ("dose", "1e3", "请填单次量"),
    ("dose", "<b>1</b>", "请填单次量"),
    ("dose_unit", "", "请填剂量单位"),
    ("dose_unit", "12", "请填剂量单位"),
    ("usage", "", "请填用法"),
    ("usage", "zzz", "字典里没有"),
    ("frequency", "", "请填频次"),
    ("frequency", "zzz", "字典里没有"),
    ("days", "0", "1～365"),
    ("days", "366", "1～365"),
    ("days", "1.5", "1～365"),
    ("days", "三", "1～365"),
    ("quantity", "", "1～99999"),
    ("quantity", "0", "1～99999"),
    ("quantity", "1.5", "1～99999"),
    ("quantity", "abc", "1～99999"),
]


def test_what_is_keyed_wrongly_is_said_beside_its_field(hand: Hand) -> None:
    good = {"dose": "0.2", "dose_unit": "g", "usage": "口服", "frequency": "每日三次", "days": "3", "quantity": "1"}
    page = hand.page
    hand.choose("A004", of="维生素C片").at("#dose")
    for field, bad, words in BAD_INPUT:
        for name, value in {**good, field: bad}.items():
            page.focus(f"#{name}")
            hand.press("Control+a").press("Delete")
            if value:
                page.keyboard.insert_text(value)
        page.focus("#note")
        hand.press("Enter").at(f"#{field}")
        assert words in wrong_words(hand), (field, bad)
    assert page.locator("#rx-lines tr[tabindex]").count() == 1


def test_words_that_nobody_knows_are_answered_where_they_were_typed(hand: Hand) -> None:
    page = hand.page
    page.focus("#find")
    hand.type("qqqq").press("Enter")
    page.wait_for_selector("small.wrong").evaluate("one => one.dataset.first = ''")
    hand.press("Enter")
    page.wait_for_selector("small.wrong:not([data-first])")
    assert page.locator("small.wrong").count() == 1, "said once, however often it is asked"
    hand.press("Control+a").press("Delete")
    for selector, words in (
        ("#find", "没有找到"), ("#diagnosis", "没有找到诊断"), ("#drug", "没有找到药品"), ("#usage", "字典里没有"),
        ("#frequency", "字典里没有"),
    ):  # fmt: skip
        page.focus(selector)
        hand.type("qqqq").press("Enter")
        assert words in wrong_words(hand), selector
        hand.press("Control+a").press("Delete")
    hand.press("F3").at("#item").type("qqqq").press("Enter")
    assert "没有找到项目" in wrong_words(hand)
    hand.press("Escape", 2).at("#item").press("F9")  # the list, then what was typed
    page.wait_for_selector("#order-warnings .note.bad:has-text('还没有明细')")
    hand.choose("F001", of="血常规").at("#count").type("0").press("Enter")
    assert "1～99999" in wrong_words(hand)


def test_a_line_that_was_not_added_is_not_forgotten(standby: Standby, wang: dict[str, Any], hand: Hand) -> None:
    hand.choose("A004", of="维生素C片").at("#dose").press("F9")
    hand.page.wait_for_selector("small.wrong:has-text('这一行还没有加入')")
    assert written(standby, wang["id"]) == []
    hand.press("Escape").at("#drug").press("F9")
    unwarned(hand)


def test_a_patient_without_a_visit_is_sent_to_registration(hand: Hand) -> None:
    hand.press("F1").at("#find").choose("smith", of="SMITH")
    assert "今天没有挂号" in wrong_words(hand)


def test_unsigned_work_is_asked_about_before_the_visit_ends_and_waits_for_the_patient(
    standby: Standby, wang: dict[str, Any], hand: Hand
) -> None:
    page = hand.page
    hand.press("F7")
    hand.dialog("还有未开具的内容")
    hand.press("Escape").alone()
    assert "王芳" in page.inner_text("#person")
    hand.press("F7")
    hand.dialog("还有未开具的内容")
    hand.press("Enter").alone().at("#find")
    hand.choose("wf", of="王芳").at("#drug")
    page.wait_for_selector("#rx-lines tr:has-text('布洛芬缓释胶囊')")
    hand.press("F10")
    hand.dialog("清空未开具的内容")
    hand.press("Enter").alone().at("#drug")
    assert page.locator("#rx-lines tr[tabindex]").count() == 0


def test_a_warning_that_arose_while_signing_is_shown_afterwards(
    standby: Standby, wang: dict[str, Any], hand: Hand
) -> None:
    page = hand.page

    def meanwhile(route: Any) -> None:
        prescription(standby, wang["id"], "A002")
        route.continue_()

    page.route("**/api/v1/prescriptions", meanwhile, times=1)
    hand.press("F9")
    assert "重复用药" in hand.dialog("已开具").inner_text()


def test_who_may_only_look_signs_nothing(wang: dict[str, Any], desk: Callable[..., Desk]) -> None:
    hand = surgery(desk, "auditor")
    hand.choose("wf", of="王芳")
    hand.page.wait_for_selector("#mode-note:has-text('只能查看')")
    hand.page.wait_for_selector(".person-name:has-text('王芳')")
    assert all(hand.page.is_disabled(button) for button in ("#rx-sign", "#order-sign", "#seen", "#call"))


def test_the_page_speaks_english(wang: dict[str, Any], desk: Callable[..., Desk]) -> None:
    there = desk("doctor", "/doctor", locale="en-US")
    page = there.page
    page.goto(there.url + "/doctor?lang=en")
    there.ready()
    hand = Hand(page).at("#find").choose("wf", of="王芳").at("#diagnosis").press("Enter")
    hand.choose("A007", of="头孢克肟颗粒").at("#dose")
    assert "Sign prescription" in page.inner_text("#rx-sign") and "41 y" in page.inner_text("#person")
