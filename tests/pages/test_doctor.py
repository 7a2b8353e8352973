"""The doctor's day, with the keyboard alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.fixtures_browser import Desk, Standby
from tests.pages.hand import Hand
from tests.pages.surgery import CHILD, ZHANG, api, done, line, prescription, printed, see, surgery, visit, written

pytestmark = pytest.mark.browser


@pytest.fixture
def wang(standby: Standby) -> dict[str, Any]:
    """Mrs Wang waits at internal medicine, in YJ mode."""
    standby.hospital.emergency()
    return visit(standby)


@pytest.fixture
def hand(wang: dict[str, Any], desk: Callable[..., Desk]) -> Hand:
    """The doctor of internal medicine at the window."""
    return surgery(desk)


def signed(hand: Hand, *, and_print: bool = False) -> Hand:
    """The paper is signed without a warning; it is printed, or not."""
    hand.press("F9")
    hand.dialog("已开具")
    if not and_print:
        return hand.press("Escape").alone()
    hand.press("Enter")
    hand.dialog("打印出来了吗")
    return hand.press("Enter").alone()


def test_a_prescription_of_three_drugs_is_written_and_printed_without_the_mouse(
    standby: Standby, wang: dict[str, Any], hand: Hand
) -> None:
    page = hand.page
    see(hand).choose("jx", of="急性上呼吸道感染").at("#diagnosis").press("Enter")
    line(hand, "blf", "布洛芬缓释胶囊", dose="0.3")
    line(hand, "wss", "维生素C片", dose="0.2")
    line(hand, "amlz", "奥美拉唑肠溶胶囊", dose="20")
    page.wait_for_selector("#rx-total:has-text('¥ 42.40')")
    signed(hand, and_print=True)
    [rx] = written(standby, wang["id"])
    assert (rx["total"], rx["kind"], rx["diagnoses"]) == ("42.40", "western", [
        {"code": "J06.900", "name": "急性上呼吸道感染"},
    ])  # fmt: skip
    assert [(one["drug_code"], one["quantity"], one["dose"], one["dose_unit"]) for one in rx["lines"]] == [
        ("A002", 1, "0.3", "g"), ("A004", 1, "0.2", "g"), ("A006", 1, "20", "mg"),
    ]  # fmt: skip
    assert {(one["usage"], one["frequency"], one["days"]) for one in rx["lines"]} == {("PO", "TID", 3)}
    assert printed(hand) == [f"/print/prescription/{rx['id']}"]
    hand.at("#drug")
    assert page.inner_text("#written-count") == "(1)"


def test_the_next_line_takes_over_usage_frequency_and_days(standby: Standby, wang: dict[str, Any], hand: Hand) -> None:
    see(hand).choose("jx", of="急性").at("#diagnosis").press("Enter")
    line(hand, "A002", "布洛芬缓释胶囊", dose="0.3", days="5")
    hand.choose("A004", of="维生素C片").at("#dose").type("0.1")
    for field in ("#dose_unit", "#usage", "#frequency", "#days", "#quantity", "#note"):
        hand.press("Enter").at(field)
    hand.press("Enter").at("#drug")
    signed(hand)
    second = written(standby, wang["id"])[0]["lines"][1]
    assert (second["usage"], second["frequency"], second["days"], second["quantity"]) == ("PO", "TID", 5, 1)


PACKS: list[tuple[dict[str, Any], tuple[str, str, str | None, int], int | None]] = [
    ({"strength": "0.25", "strength_unit": "g", "pack_qty": 24, "min_unit": "粒"}, ("0.5", "g", "3", 5), 2),
    ({"strength": "250mg", "pack_qty": 24, "min_unit": "粒"}, ("0.5", "g", "3", 4), 1),
    ({"pack_qty": 24, "min_unit": "粒"}, ("2", "粒", "3", 4), 1),
    ({"pack_qty": 24, "min_unit": "粒"}, ("0.1", "盒", "1", 10), 1),
    ({"spec": "0.25g*24粒"}, ("0.5", "g", "3", 4), 1),
    ({"spec": "200mg×100ml/瓶", "unit": "瓶"}, ("200", "mg", "2", 3), None),
    ({"spec": "5ml", "unit": "支"}, ("1", "支", "2", 3), 6),
    ({"spec": "5ml", "unit": "支"}, ("1", "滴", "2", 3), None),
    ({"pack_qty": 6, "min_unit": "包"}, ("1", "包", "0.1429", 7), 1),
    ({"min_unit": "粒"}, ("2", "粒", "3", 4), None),
    ({"strength": "1", "strength_unit": "g", "pack_qty": 1, "min_unit": "支"}, ("1", "ml", "1", 1), None),
    ({"pack_qty": 24, "min_unit": "粒"}, ("-2", "粒", "3", 4), None),
    ({"pack_qty": 24, "min_unit": "粒"}, ("2", "粒", None, 4), None),
    ({"category": "herbal", "unit": "克", "spec": "饮片"}, ("15", "克", None, 7), 105),
    ({"category": "herbal", "unit": "g", "spec": "饮片"}, ("7.5", "g", None, 7), 53),
]


def test_packs_follow_from_dose_frequency_and_days_where_the_lists_say_enough(hand: Hand) -> None:
    files = hand.page.get_attribute("link[href$='frame.css']", "href").removesuffix("/css/frame.css")  # type: ignore[union-attr]
    for drug, course, packs in PACKS:
        found = hand.page.evaluate(
            "([url, drug, course]) => import(url).then((module) => module.packs(drug, course))",
            [
                f"{files}/js/doctor/quantity.js", {"unit": "盒", "category": "western", **drug},
                dict(zip(("dose", "unit", "times", "days"), course, strict=True)),
            ],
        )  # fmt: skip
        assert found == packs, (drug, course)


def test_what_is_doubtful_is_said_while_writing_and_acknowledged_with_a_key_of_its_own(
    standby: Standby, wang: dict[str, Any], hand: Hand
) -> None:
    page = hand.page
    see(hand).press("Enter")
    line(hand, "A007", "头孢克肟颗粒", dose="50", days="9", quantity="3")
    line(hand, "A008", "断货滴眼液", dose="1", days="3", quantity="1")
    page.wait_for_selector(".warned.bad:has-text('病人对头孢过敏')")
    line(hand, "A002", "布洛芬缓释胶囊", dose="0.3")
    line(hand, "A002", "布洛芬缓释胶囊", dose="0.3")
    page.wait_for_selector(".warned:has-text('重复用药')")
    for code in ("A001", "A003", "A004"):
        line(hand, code, "", quantity="1")
    page.wait_for_selector("#rx-warnings:has-text('超过 5 种药品')")
    hand.press("F9")
    words = hand.dialog("请核对").inner_text()
    for needed in (
        "病人对头孢过敏", "未填写临床诊断", "用药 9 天，超过 7 天", "库存不足（数据截至 11-23 08:00", "重复用药",
        "超过 5 种药品",
    ):  # fmt: skip
        assert needed in words, needed
    assert page.locator("dialog li.allergy").count() == 1
    hand.press("Enter").alone().at("#drug")  # Enter alone goes back
    assert written(standby, wang["id"]) == []
    hand.press("F9")
    hand.dialog("我已逐条核对，仍然开具")
    hand.press("F9")
    hand.dialog("已开具")
    hand.press("Escape").alone()
    assert len(written(standby, wang["id"])[0]["lines"]) == 7


def test_an_emergency_prescription_is_warned_of_after_three_days(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    done(
        api(standby, "registrar").post(
            "/registrations",
            {"patient_id": ZHANG, "department_code": "JZ", "type_code": "MF", "visit_kind": "emergency"},
        )
    )
    hand = surgery(desk)
    hand.choose("8800003", of="张伟")
    hand.dialog("有几次挂号")
    hand.press("Enter").alone().at("#diagnosis")
    assert "急诊" in hand.page.inner_text("#person")
    hand.press("Enter")
    line(hand, "A002", "布洛芬缓释胶囊", dose="0.3", days="4")
    hand.page.wait_for_selector(".warned:has-text('用药 4 天，超过 3 天')")


def test_narcotics_and_stopped_drugs_are_refused_in_words(hand: Hand) -> None:
    page = hand.page
    see(hand).press("Enter").at("#drug")
    hand.type("ysmf")
    page.wait_for_selector("ul.found li:has-text('专用处方')")
    hand.press("Enter")
    page.wait_for_selector("small.wrong:has-text('请用专用纸质（红色）处方手写')")
    hand.at("#drug").type("停用")
    page.wait_for_selector("ul.found li:has-text('停用止痛片')")
    hand.press("Enter")
    page.wait_for_selector("small.wrong:has-text('停用止痛片 已停用')")
    assert page.input_value("#drug") == "" and page.locator("#rx-lines .warned").count() == 0


def test_the_list_of_drugs_tells_specification_price_and_stock(hand: Hand) -> None:
    see(hand).press("Enter").at("#drug").type("阿莫")
    row = hand.page.locator("ul.found:not([hidden]) li").first
    row.wait_for()
    assert all(words in row.inner_text() for words in ("阿莫仙", "0.25g*24粒", "12.34/盒", "库存 500"))
    hand.press("Escape").press("Control+a").type("断货")
    hand.page.wait_for_selector("ul.found li:has-text('无库存')")


def test_a_herbal_prescription_counts_grams_by_doses(standby: Standby, wang: dict[str, Any], hand: Hand) -> None:
    page = hand.page
    see(hand).choose("jx", of="急性").at("#diagnosis")
    page.focus("#kind")
    hand.press("ArrowDown", 2).press("Enter").at("#drug")
    assert page.inner_text("#days-label") == "剂数"
    hand.choose("hq", of="黄芪").at("#dose").type("15").press("Enter").at("#dose_unit").press("Enter").at("#usage")
    hand.type("水煎服").press("Enter").at("#frequency").type("每日一剂").press("Enter").at("#days").type("7")
    hand.press("Enter").at("#quantity")
    assert page.input_value("#quantity") == "105"
    hand.press("Enter").at("#note").type("先煎").press("Enter").at("#drug")
    page.wait_for_selector("#rx-total:has-text('¥ 13.13')")
    signed(hand)
    [rx] = written(standby, wang["id"])
    assert (rx["kind"], rx["pharmacy_code"], rx["lines"][0]["quantity"]) == ("herbal", "ZYF", 105)


def test_a_line_is_changed_and_removed_by_keyboard(standby: Standby, wang: dict[str, Any], hand: Hand) -> None:
    page = hand.page
    see(hand).choose("jx", of="急性").at("#diagnosis").press("Enter")
    line(hand, "A002", "布洛芬缓释胶囊", dose="0.3")
    line(hand, "A004", "维生素C片", dose="0.1")
    hand.press("ArrowUp").at("#rx-lines tr").press("Home").press("Enter").at("#dose").type("0.6")
    for field in ("#dose_unit", "#usage", "#frequency", "#days", "#quantity", "#note"):
        hand.press("Enter").at(field)
    hand.press("Enter").at("#drug")
    page.wait_for_selector("#rx-lines tr:first-child:has-text('0.6g')")
    hand.press("ArrowUp").press("End").press("Delete")
    page.wait_for_selector("#rx-total:has-text('¥ 18.50')")
    assert page.locator("#rx-lines tr").count() == 1
    hand.press("Escape").at("#drug")
    signed(hand)
    assert [one["dose"] for one in written(standby, wang["id"])[0]["lines"]] == ["0.6"]


def test_an_order_is_searched_written_and_printed(standby: Standby, wang: dict[str, Any], hand: Hand) -> None:
    page = hand.page
    see(hand).press("F3").at("#item").choose("xcg", of="血常规").at("#count").press("Enter").at("#item")
    hand.choose("xbdr", of="胸部DR正位").at("#count").type("2").press("Enter").at("#item").press("Enter")
    hand.at("#order-sign")
    page.wait_for_selector("#order-total:has-text('¥ 185.00')")
    assert "检验科" in page.inner_text("#order-lines")
    signed(hand, and_print=True)
    [order] = written(standby, wang["id"], "orders")
    assert [(one["item_code"], one["quantity"]) for one in order["lines"]] == [("F001", 1), ("F002", 2)]
    assert printed(hand) == [f"/print/order/{order['id']}"]
    hand.at("#item").choose("F001", of="血常规").at("#count").press("Enter")
    page.wait_for_selector(".warned:has-text('重复申请：血常规')")


def test_what_was_written_is_listed_printed_again_and_cancelled(
    standby: Standby, wang: dict[str, Any], hand: Hand
) -> None:
    rx = prescription(standby, wang["id"], "A002")
    see_again = hand.at("#find").choose("wf", of="王芳")
    see_again.at("#drug")  # the diagnosis of the earlier prescription stands there already
    page = hand.page
    assert "急性上呼吸道感染" in page.inner_text("#diagnoses")
    hand.press("F4").at("#written-rows tr")
    assert rx["rx_no"] in page.inner_text("#written-rows") and "未缴费" in page.inner_text("#written-rows")
    hand.press("F8")
    hand.dialog("打印出来了吗")
    hand.press("F8")  # it did not come out
    page.wait_for_function("() => window.printed.length === 2")
    hand.dialog("打印出来了吗")
    hand.press("Enter").alone().at("#written-rows tr").press("F10")
    hand.dialog("作废")
    hand.press("Enter")
    page.wait_for_selector("dialog [role=alert]:has-text('请填写：原因')")
    hand.type("换药").press("Enter").alone()
    page.wait_for_selector("#written-rows tr:has-text('已作废')")
    assert written(standby, wang["id"])[0]["status"] == "cancelled"
    assert page.is_disabled("#cancel")


def test_the_queue_is_called_and_dismissed_with_two_keys(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    made = visit(standby)
    done(api(standby, "triage").post(f"/triage/queue/{made['id']}", {"status": "waiting"}))
    hand = surgery(desk)
    page = hand.page
    page.wait_for_selector("#queue tr:has-text('王芳')")
    hand.press("F6")
    page.wait_for_selector(".person-name:has-text('张伟')")  # the centre's patient came first
    hand.at("#drug")  # the centre's prescription of the visit brought its diagnosis
    page.wait_for_selector("#queue tr.chosen:has-text('已呼叫')")
    hand.press("F7").at("#find")
    page.wait_for_function("() => !document.querySelector('#queue').textContent.includes('张伟')")
    hand.press("F6")
    page.wait_for_selector(".person-name:has-text('王芳')")
    assert "已呼叫" in page.inner_text("#person")
    lanes = done(api(standby, "triage").get("/triage/queue", department_code="NK"))
    assert [one["status"] for one in lanes["yj"]] == ["called"] and lanes["centre"] == []
    hand.press("F7").at("#find").press("F6")
    page.wait_for_selector("#said:has-text('没有候诊的病人')")
    done(api(standby, "triage").post(f"/triage/queue/{made['id']}", {"status": "called"}))  # by the nurse this time
    hand.press("F6")
    page.wait_for_selector("#said:has-text('已呼叫：1 王芳')")


def test_the_queue_is_walked_with_the_arrows_and_narrowed_to_ones_own(
    standby: Standby, wang: dict[str, Any], hand: Hand
) -> None:
    page = hand.page
    page.wait_for_selector("#queue tr:nth-child(2)")
    hand.press("ArrowDown").at("#queue tr").press("ArrowDown").press("Enter")
    page.wait_for_selector(".person-name:has-text('王芳')")
    page.focus("#mine")
    hand.press("Space")
    page.wait_for_function("() => !document.querySelector('#queue').textContent.includes('王芳')")
    page.reload()
    page.wait_for_selector("#queue tr:has-text('张伟')")
    assert page.is_checked("#mine") and "王芳" not in page.inner_text("#queue")


def test_a_scanned_slip_opens_its_visit(wang: dict[str, Any], hand: Hand) -> None:
    hand.page.keyboard.insert_text(wang["slip_no"])
    hand.press("Enter")
    hand.page.wait_for_selector(".person-name:has-text('王芳')")


def test_the_patient_is_shown_with_age_weight_allergy_and_guardian(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    visit(standby, CHILD, "EK", weight_kg="6.2")
    hand = surgery(desk, "paediatrician")
    hand.page.wait_for_selector("#queue tr:has-text('王芳之子')")
    hand.choose("wfzz", of="王芳之子").at("#diagnosis")
    words = hand.page.inner_text("#person")
    assert all(part in words for part in ("男", "3月12天", "体重 6.2 kg", "监护人 王芳 138****5678", "无过敏记录"))
    assert "看不到既往就诊" in hand.page.inner_text(".person")


def test_the_allergy_is_red(hand: Hand) -> None:
    see(hand)
    mark = hand.page.locator("#person .allergy")
    assert "青霉素过敏，头孢类" in mark.inner_text()
    assert mark.evaluate("(node) => getComputedStyle(node).color") == "rgb(168, 15, 20)"


def test_every_role_reaches_every_action_without_scrolling(hand: Hand) -> None:
    see(hand).press("Enter").at("#drug")
    for width, height in ((1366, 768), (1093, 614)):
        hand.page.set_viewport_size({"width": width, "height": height})
        for button in ("#rx-sign", "#rx-clear", "#seen", "#next", "#tab-written"):
            box = hand.page.locator(button).bounding_box()
            assert box is not None and box["y"] + box["height"] <= height and box["x"] + box["width"] <= width, button
