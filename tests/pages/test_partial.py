"""Some departments in YJ: who switches is warned, each window is told what the HIS does beside it, a cashier of both
sides is asked for a second book."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fixtures_browser import Desk, Standby
from tests.pages.console_hand import SOON, mode_of, wait_for
from tests.pages.till import api, came_out, charges, done, money, order, paper_agrees, printed, till, visit
from tests.windows.test_roll_call import beat

pytestmark = pytest.mark.browser


def test_who_switches_departments_is_warned_of_what_they_lack_and_sees_what_is_shared(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    page = desk("admin", "/console/switch").page
    page.select_option("#cause", "network")
    page.fill("#reason", "内科楼断网")
    page.check("[name=scope][value=some]")
    page.check("#switch-on [value=NK]")
    page.keyboard.press("F9")
    page.wait_for_selector("dialog[open] .note.warn")
    said = page.inner_text("dialog[open]")
    assert "没有收费窗口在线" in said and "没有药房窗口在线" in said and "其余科室继续用 HIS" in said
    page.keyboard.press("Escape")
    assert mode_of(standby.hospital)["mode"] == "normal"
    beat(standby.hospital, "cashier", 0, role="cashier")
    page.keyboard.press("F9")
    page.wait_for_selector("dialog[open] .note.warn")
    assert "没有收费窗口在线" not in page.inner_text("dialog[open]")
    page.keyboard.press("Enter")  # a warning hinders nobody
    page.wait_for_selector("#beside", timeout=SOON)
    assert mode_of(standby.hospital)["scope"] == ["NK"]
    visit(standby)  # out of the registrar's HIS book
    wait_for(page, "#beside li.red", "1 本 HIS 票据段")
    page.check("#change-scope [value=JZ]")
    page.fill("#scope-reason", "急诊也断了")
    page.press("#scope-reason", "Enter")
    page.wait_for_selector("dialog[open]")
    assert "急诊科" in page.inner_text("dialog[open]")
    page.keyboard.press("Enter")
    wait_for(page, "dd", "急诊科")
    assert mode_of(standby.hospital)["scope"] == ["JZ", "NK"]


def test_a_cashier_who_also_charges_in_the_his_leaves_its_book_there(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    standby.hospital.emergency(["NK"])
    order(standby, visit(standby))
    hand = till(standby, desk)
    page = hand.page
    assert "两边都收费须用两本票据" in page.inner_text("#beside-his")
    page.keyboard.press("F7")
    hand.dialog("请核对打印机里的票据号")
    assert "HIS 的票据段" in page.inner_text("dialog[open]")
    page.keyboard.press("F9")
    wait_for(page, ".paper p.note", "留在 HIS 使用")
    done(api(standby, "supervisor").post(
        "/receipt-books", {"operator": "0201", "prefix": "YJ", "start_no": 1, "end_no": 50}
    ))  # fmt: skip
    page.keyboard.press("F7")
    hand.dialog("请核对打印机里的票据号")
    assert "YJ00000001" in page.inner_text("dialog[open]") and "HIS 的票据段" not in page.inner_text("dialog[open]")
    hand.press("Enter").alone()
    assert page.inner_text("#paper-here .paper-no") == "YJ00000001"


def test_when_the_whole_hospital_comes_in_the_cashier_keys_in_the_number_of_the_sheet(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    standby.hospital.emergency(["NK"])
    order(standby, visit(standby))
    hand = till(standby, desk)
    page = hand.page
    money(hand.choose("wf", of="王芳"))
    paper_agrees(hand)
    hand.dialog("打印出来了吗")
    done(standby.hospital.window("admin").post("/mode/scope", {"departments": None, "reason": "全院"}))
    hand.press("F9").dialog("HIS 刚才还在用这本票据")  # the sheet is spoilt: which one comes after it?
    hand.press("F8").dialog("作废票据")
    assert page.input_value("#ask-from_no") == ""
    hand.press("Escape").dialog("HIS 刚才还在用这本票据")
    hand.press("Enter").dialog("请输入打印机里这张票上的号码")
    hand.type("A00005024").press("Enter").dialog("纸已坏，换下一号")
    hand.press("Escape").dialog("打印出来了吗")
    assert len(printed(hand)) == 1  # no second sheet without a number of its own
    hand.press("F9").dialog("A00005024")
    hand.press("Enter")
    came_out(hand)
    assert charges(standby)[0]["receipt_no"] == "A00005024" and len(printed(hand)) == 2
    wait_for(page, "#paper-here .paper-no", "A00005025")


@pytest.mark.parametrize(
    ("who", "path", "words"),
    [("registrar", "/registration", "HIS 同时在售号"), ("doctor", "/doctor", "库存只是中心"),
     ("pharmacist", "/pharmacy", "以架上实物为准"), ("triage", "/triage", "HIS 同时在叫号")],
)  # fmt: skip
def test_each_window_says_what_the_his_does_beside_it(
    standby: Standby, desk: Callable[..., Desk], who: str, path: str, words: str
) -> None:
    standby.hospital.emergency(["NK"])
    page = desk(who, path).page
    assert words in page.inner_text("#beside-his")
    done(standby.hospital.window("admin").post("/mode/scope", {"departments": None, "reason": "全院"}))
    page.wait_for_selector("#beside-his", state="hidden", timeout=SOON)
