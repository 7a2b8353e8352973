"""The frame around every window: log-in, band, lock, silence of the standby."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fixtures_browser import Desk, Standby
from tests.fixtures_door import until
from tests.fixtures_hospital import PASSWORD
from tests.pages.till import till

pytestmark = pytest.mark.browser


def test_the_band_says_the_mode_the_incident_and_the_age_of_the_data(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    page = desk("cashier").page
    band = page.locator("#band")
    assert "正常模式" in band.inner_text()
    standby.hospital.emergency()
    page.wait_for_selector("body[data-mode=emergency]")
    words = band.inner_text()
    assert "应急模式 YJ" in words and "全院" in words and "08:00" in words and "待上传 0 张" in words


def test_a_drill_looks_like_nothing_else(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency(drill=True)
    page = desk("cashier").page
    assert "演练 DRILL" in page.locator("#band").inner_text()
    assert page.locator("body[data-drill]").count() == 1


def test_a_wrong_password_keeps_what_was_typed_and_says_so(desk: Callable[..., Desk]) -> None:
    there = desk()
    page = there.page
    page.goto(there.url + "/")
    assert page.url.endswith("/login?next=/")
    page.fill("#operator", "0201")
    page.fill("#password", "wrong-password-1")
    page.fill("#workstation", "W0201")
    page.press("#workstation", "Enter")
    assert "工号或密码不正确" in page.locator("[role=alert]").inner_text()
    assert page.input_value("#operator") == "0201"
    page.wait_for_selector("#password:focus")


def test_a_second_computer_asks_before_it_takes_over(desk: Callable[..., Desk]) -> None:
    first = desk("cashier", station="W1")
    second = desk(station="W2")
    page = second.log_in("cashier")
    assert page.locator("[name=take_over]").is_checked()
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url("**/")
    assert "W2" in page.locator(".who").inner_text()
    first.page.reload()
    assert "/login" in first.page.url


def test_a_lock_ends_the_session_and_the_password_brings_the_page_back(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    there = desk("cashier")
    page = there.page
    with page.expect_response("**/api/v1/session/end"):
        page.click("#lock")
    page.wait_for_selector("dialog.lock")
    assert page.request.get(there.url + "/api/v1/patients?q=x").status == 401
    standby.hospital.emergency()  # a locked page still hears of it, and says so
    duty = standby.hospital.window("duty")

    def known() -> list[tuple[int, str | None]]:
        items = duty.get("/workstations").json["items"]
        return [(one["epoch"], one["operator_code"]) for one in items if one["code"] == there.station]

    until(lambda: known() == [(1, None)])  # its next word may still be of before the switch
    page.keyboard.type("not-the-password")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog.lock [role=alert]:not([hidden])")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog.lock", state="detached")
    assert page.request.get(there.url + "/api/v1/patients?q=x").status == 200


def test_a_page_that_nobody_touches_locks_itself(standby: Standby, desk: Callable[..., Desk]) -> None:
    page = desk("cashier").page
    page.clock.install()
    page.reload()
    page.wait_for_selector("body[data-ready]")
    page.clock.fast_forward(9 * 60_000)
    page.keyboard.press("Shift")  # somebody is there
    page.clock.fast_forward(9 * 60_000)
    assert page.locator("dialog.lock").count() == 0
    with page.expect_response("**/api/v1/session/end"):
        page.clock.fast_forward(61_000)
    page.wait_for_selector("dialog.lock")


def test_typing_goes_on_after_a_question_and_after_a_lock(standby: Standby, desk: Callable[..., Desk]) -> None:
    standby.hospital.emergency()
    hand = till(standby, desk, shift=False)
    hand.dialog("开班")
    hand.press("Escape").alone().at("#find").type("w")
    hand.page.locator("#lock").evaluate("button => button.click()")
    hand.at("#unlock-password").type(PASSWORD).press("Enter").alone().at("#find").type("f")
    assert hand.page.input_value("#find") == "wf"


def test_a_standby_that_does_not_answer_is_told_in_words_and_forgotten_when_it_does(
    standby: Standby, desk: Callable[..., Desk]
) -> None:
    page = desk("cashier").page
    standby.stop()
    page.wait_for_selector("#silent:not([hidden])")
    assert "没有回答" in page.locator("#silent").inner_text()
    standby.start()
    page.wait_for_selector("#silent", state="hidden")


def test_a_page_of_a_window_that_is_not_ones_own_says_so_in_words(desk: Callable[..., Desk]) -> None:
    there = desk("cashier")
    answer = there.page.goto(there.url + "/nowhere")
    assert answer is not None and answer.status == 404
    assert "没有找到" in there.page.inner_text("main")


def test_english_is_one_click_away_and_stays(desk: Callable[..., Desk]) -> None:
    page = desk("cashier").page
    page.click("[data-language]")
    page.wait_for_selector("html[lang=en]")
    assert "Normal mode" in page.locator("#band").inner_text()
    page.goto(page.url.split("?")[0])
    assert page.locator("html[lang=en]").count() == 1
