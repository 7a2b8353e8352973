"""The console's page about people: who cannot log in, a code in seconds, out at once, the second person far away."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.fixtures_browser import Desk, Standby
from tests.fixtures_hospital import CAST, PASSWORD
from tests.pages.console_hand import free, wait_for

pytestmark = pytest.mark.browser
CODE = re.compile(r"\d{4} \d{4}")


def without_password(standby: Standby, *codes: str) -> None:
    """The mirror brings no usable password for these."""
    gone = [{**row, "password_hash": None} if row["operator_code"] in codes else row for row in CAST["operator"]]
    standby.hospital.mirror({**CAST, "operator": gone}, generation=8)


def test_a_desk_lead_lets_somebody_in_with_a_code_that_the_log_in_page_takes(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    without_password(standby, "0402", "0202")
    page = desk("supervisor", "/console/operators?state=cannot").page
    assert page.locator("[data-live=people-list] tbody tr").count() == 2
    page.select_option("#department", "XYF")
    page.wait_for_url("**department=XYF**")
    page.wait_for_selector("body[data-ready]")
    page.keyboard.press("F2")
    page.keyboard.press("Enter")
    page.wait_for_selector(".given")
    code = CODE.findall(page.inner_text(".given"))[0]
    assert "0402" in page.inner_text(".given") and "0202" not in page.inner_text(".given")
    page.keyboard.press("Enter")
    wait_for(page, "[data-live=people-list]", "没有符合的人员")

    other = desk().open("/login")
    other.fill("#operator", "0402")
    other.fill("#password", code)
    other.fill("#workstation", "W9")
    other.keyboard.press("Enter")
    other.wait_for_selector("details[open]")
    assert "password_change_required" in other.inner_text("[role=alert]")
    other.fill("#password", code)
    other.fill("#new_password", "New-ward-2026")
    other.fill("#new_password_again", "New-ward-2026")
    with other.expect_navigation():
        other.keyboard.press("Enter")
    assert other.url.endswith("/pharmacy")


def test_an_administrator_locks_somebody_out_and_lets_them_in_again(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    window = standby.hospital.window("cashier")
    page = desk("admin", "/console/operators?q=0201").page
    for what, tag in (("disable", "本机已停用"), ("enable", "能登录")):
        free(page)
        page.click(f"#{what}-0201")
        page.keyboard.type("离职核实")
        page.keyboard.press("Enter")
        wait_for(page, "[data-live=people-list]", tag)
        assert window.get("/departments").code == "login_required"


def test_the_duty_officer_leaves_yj_by_a_code_typed_where_the_password_goes(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    standby.hospital.emergency()
    lead = desk("supervisor", "/console/operators").page
    lead.keyboard.press("F3")
    lead.keyboard.type("0701")
    for _ in range(3):
        lead.keyboard.press("Enter")
    lead.wait_for_selector(".given")
    code = CODE.findall(lead.inner_text(".given"))[0]
    page = desk("duty", "/console/switch").page
    page.keyboard.press("F8")
    page.wait_for_selector("dialog[open]")
    page.keyboard.type("0601")
    page.keyboard.press("Enter")
    page.keyboard.type(code)
    for _ in range(2):
        page.keyboard.press("Enter")
    wait_for(page, "#work", "正在切回")


def test_who_is_alone_gives_a_reason_and_another_counter_signs(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    page = desk("duty", "/console/switch").page
    page.keyboard.press("F8")
    page.wait_for_selector("dialog[open]")
    page.fill("#ask-alone", "夜间无人接听")
    page.keyboard.press("Enter")
    wait_for(page, "#work", "正在切回")
    lead = desk("supervisor", "/console").page
    wait_for(lead, ".steps", "待复签")
    lead.keyboard.press("0")
    lead.wait_for_url("**/console/operators")
    lead.wait_for_selector("body[data-ready]")
    lead.click("[id^=sign-]")
    lead.keyboard.type("电话核实")
    lead.keyboard.press("Enter")
    lead.wait_for_selector("[id^=sign-]", state="detached")


def test_the_break_glass_code_is_shown_once(standby: Standby, desk: Callable[..., Desk]) -> None:
    page = desk("admin", "/console/operators").page
    page.keyboard.press("F8")
    page.keyboard.type("0802")
    page.keyboard.press("Enter")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(".given")
    assert re.search(r"([2-9A-Z]{4}-){5}[2-9A-Z]{4}", page.inner_text(".given"))
    page.keyboard.press("Enter")
    wait_for(page, "[data-live=people]", "启封账号已封存")
